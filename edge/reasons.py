"""What is told about every error reason: cause and fix from the comments of its enum, the rest from its rule.

Made from descriptors when the API is described, and read back from that description by whoever shows it.
"""

import re
from typing import Final

import grpc
import msgspec
from google.protobuf.descriptor import EnumDescriptor
from perpetuo.rest.v1 import annotations_pb2 as rest_options

from edge.errors import docs_url_of
from edge.transcoder.comments import Comments, prose
from edge.transcoder.enums import enum_prefix

_COMMENT: Final = re.compile(r"Cause: (?P<cause>.+?)\nFix: (?P<fix>.+)\Z", re.DOTALL)
_GRPC_NAMES: Final = {status.value[0]: status.name for status in grpc.StatusCode}


class ReasonError(Exception):
    """A reason whose comment does not say cause and fix."""


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One reason, ready to be shown; `reason` is the name in `google.rpc.ErrorInfo`, `retry` what clients are told."""

    reason: str
    cause: str
    fix: str
    http_status: int
    grpc_code: int
    grpc_status: str
    code: str
    type: str
    retry: bool
    docs_url: str


def read_reasons(reasons: EnumDescriptor, comments: Comments) -> tuple[Reason, ...]:
    """Every reason that has a rule, in order of declaration.

    Raises:
        ReasonError: a comment that is not `Cause: …` and, on a line of its own, `Fix: …`.
    """
    prefix = enum_prefix(reasons)
    found = []
    for value in reasons.values:
        options = value.GetOptions()
        if not options.HasExtension(rest_options.error):
            continue
        match = _COMMENT.match(comments.get(f"{reasons.full_name}.{value.name}", ""))
        if match is None:
            raise ReasonError(f"{value.name}: its comment has to be 'Cause: …' and on the next line 'Fix: …'")
        rule, name = options.Extensions[rest_options.error], value.name.removeprefix(prefix)
        found.append(
            Reason(
                reason=name,
                cause=prose(match["cause"]),
                fix=prose(match["fix"]),
                http_status=rule.http_status,
                grpc_code=rule.grpc_code,
                grpc_status=_GRPC_NAMES[rule.grpc_code],
                code=rule.code or name.lower(),
                type=rule.type,
                retry=rule.retry == rest_options.RETRY_AFTER,
                docs_url=docs_url_of(name),
            )
        )
    return tuple(found)
