"""Health as it is asked and watched, and that the end waits for nobody who watches."""

import asyncio
from typing import Any, cast

import grpc
import pytest
from grpc_health.v1 import health_pb2

from server.services.calling import Context
from server.services.health import HealthServicer

NAME = "perpetuo.v1.AuthService"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class EndedError(Exception):
    """The call was ended with a status."""


class Call:
    """A call whose end is an exception."""

    async def abort(self, code: grpc.StatusCode, message: str) -> None:
        raise EndedError(code, message)


CONTEXT = cast(Context, cast(Any, Call()))


def asking(name: str) -> health_pb2.HealthCheckRequest:
    return health_pb2.HealthCheckRequest(service=name)


async def test_the_server_and_its_services_are_told_by_name_and_what_is_not_there_is_not_found() -> None:
    health = HealthServicer()
    health.serve([NAME])
    assert [(await health.Check(asking(name), CONTEXT)).status for name in ("", NAME)] == [SERVING, SERVING]
    with pytest.raises(EndedError) as ended:
        await health.Check(asking("nothing"), CONTEXT)
    assert ended.value.args[0] is grpc.StatusCode.NOT_FOUND


async def test_the_end_counts_at_once_for_everything_and_for_ever() -> None:
    health = HealthServicer()
    health.serve([NAME])
    health.announce_end()
    health.serve([NAME])
    assert [(await health.Check(asking(name), CONTEXT)).status for name in ("", NAME)] == [NOT_SERVING, NOT_SERVING]


async def test_a_watch_tells_each_change_once() -> None:
    health = HealthServicer()
    watch = health.Watch(asking(NAME), CONTEXT)
    assert (await anext(watch)).status == UNKNOWN
    waiting = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(0)
    health.serve(["another"])
    await asyncio.sleep(0)
    health.serve([NAME])
    assert (await waiting).status == SERVING
    health.announce_end()
    health.announce_end()
    assert (await anext(watch)).status == NOT_SERVING


async def test_a_watch_that_nobody_reads_holds_up_nothing() -> None:
    health = HealthServicer()
    health.serve([NAME])
    unread, read = health.Watch(asking(""), CONTEXT), health.Watch(asking(""), CONTEXT)
    for watch in (unread, read):
        await anext(watch)
    health.announce_end()
    assert (await anext(read)).status == NOT_SERVING
