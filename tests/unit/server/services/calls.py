"""How the tests of services call: credentials as metadata, and the reason of a refusal."""

from collections.abc import Awaitable
from typing import Any

import grpc.aio
import pytest
from google.rpc import error_details_pb2, status_pb2

DEMO = (("authorization", "Bearer pk_demo"),)


def bearer(credential: str) -> tuple[tuple[str, str], ...]:
    """The metadata that carry a credential."""
    return (("authorization", f"Bearer {credential}"),)


async def refused(call: Awaitable[Any]) -> tuple[str, str]:
    """The reason that a call is refused for, and the field that it blames."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return reason_of(caught.value)


def reason_of(error: grpc.aio.AioRpcError) -> tuple[str, str]:
    """The reason in a status, and the field that it blames, empty if none."""
    status = status_pb2.Status()
    trailing = error.trailing_metadata()
    assert trailing is not None
    status.MergeFromString(bytes(dict(trailing)["grpc-status-details-bin"]))
    info, blamed = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for item in status.details:
        for detail in (info, blamed):
            if item.Is(detail.DESCRIPTOR):
                item.Unpack(detail)
    assert info.domain == "perpetuo.dev"
    return info.reason, blamed.field_violations[0].field if blamed.field_violations else ""
