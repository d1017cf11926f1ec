"""An error as google.rpc.Status and trailing metadata (AIP-193): one ErrorInfo, and what else its rule calls for.

Pure. What is sent never exceeds the limit that clients put on metadata by default: messages and variables are cut.
"""

import string
from collections.abc import Mapping
from urllib.parse import quote

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from msgspec import Struct

from server.errors import PerpetuoError
from server.interceptors.context import REQUEST_ID_KEY
from server.interceptors.rules import Rule

DOMAIN = "perpetuo.dev"

_TYPE_URL = "type.googleapis.com/"
_DETAILS_KEY = "grpc-status-details-bin"
_PUSHBACK_KEY = "grpc-retry-pushback-ms"
_NEVER_AGAIN = "-1"
_HELP_URL = "/docs/errors/"
_STATUS_MAX_BYTES = 3000  # 4,000 bytes once base64 has had its way
_MESSAGE_MAX_BYTES = 2000  # as grpc-message, in percent encoding
_MOST_PER_CHAR = 12  # four bytes of UTF-8, each `%` and two digits
_TEXT_MAX_CHARS = 800
_UNQUOTED = string.punctuation.replace("%", "") + " "
_ELLIPSIS = "…"
_DEFAULT_WAIT_S = 1.0  # where a retry is invited and nobody knows when


class RichStatus(Struct, frozen=True):
    """What `context.abort` takes."""

    code: grpc.StatusCode
    message: str
    trailing: tuple[tuple[str, str | bytes], ...]


def rich_status(error: PerpetuoError, rule: Rule, request_id: str) -> RichStatus:
    """The status of an error of this request: at most 3,000 bytes of details, 2,000 of message in percent encoding."""
    limit = _TEXT_MAX_CHARS
    status = _status(error, rule, request_id, limit)
    while limit > 1 and not _fits(status):
        limit //= 2
        status = _status(error, rule, request_id, limit)
    trailing: list[tuple[str, str | bytes]] = [
        (_DETAILS_KEY, status.SerializeToString()),
        (REQUEST_ID_KEY, request_id),
    ]
    if rule.code is grpc.StatusCode.UNAVAILABLE and not rule.may_retry:
        trailing.append((_PUSHBACK_KEY, _NEVER_AGAIN))
    return RichStatus(rule.code, status.message, tuple(trailing))


def _fits(status: status_pb2.Status) -> bool:
    if status.ByteSize() > _STATUS_MAX_BYTES:
        return False
    message = status.message
    # Most are so short that they fit however they are written.
    return len(message) * _MOST_PER_CHAR <= _MESSAGE_MAX_BYTES or len(quote(message, _UNQUOTED)) <= _MESSAGE_MAX_BYTES


def _status(error: PerpetuoError, rule: Rule, request_id: str, limit: int) -> status_pb2.Status:
    message = _cut(error.message, limit)
    status = status_pb2.Status(code=rule.code.value[0], message=message)
    variables = _variables(error, rule, limit)
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=variables),
        error_details_pb2.RequestInfo(request_id=request_id),
        error_details_pb2.Help(links=[error_details_pb2.Help.Link(url=_HELP_URL + error.reason.lower())]),
    ]
    if error.param is not None:
        violation = error_details_pb2.BadRequest.FieldViolation(field=_cut(error.param, limit), description=message)
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if rule.may_retry:
        wait_s = _DEFAULT_WAIT_S if error.retry_after_s is None else error.retry_after_s
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromNanoseconds(round(wait_s * 1e9))
        details.append(retry)
    if rule.is_quota:
        details.append(
            error_details_pb2.QuotaFailure(violations=[error_details_pb2.QuotaFailure.Violation(description=message)])
        )
    for detail in details:
        status.details.add(type_url=_TYPE_URL + detail.DESCRIPTOR.full_name, value=detail.SerializeToString())
    return status


def _variables(error: PerpetuoError, rule: Rule, limit: int) -> Mapping[str, str]:
    """The variables of the message. A wait that is no invitation to retry is told here, not as RetryInfo."""
    room = max(limit // 40, 1)
    variables = {key: _cut(value, limit // 4) for key, value in list(error.details.items())[:room]}
    if error.retry_after_s is not None and not rule.may_retry:
        variables["retryAfterS"] = f"{error.retry_after_s:g}"
    return variables


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + _ELLIPSIS
