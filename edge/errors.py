"""Failures as HTTP answers: from a refusal of our own, or from a gRPC status with its details.

What a reason means (status, code, type, retry) is read from the options of an enum of reasons, so that there is one
table. Where no known reason came, the general gRPC table decides, and nothing of an internal text is shown. Facts:
`google.rpc.ErrorInfo`, `BadRequest`, `RetryInfo` and `RequestInfo` in `grpc-status-details-bin`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import grpc
import msgspec
from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from msgspec import Struct, field
from perpetuo.rest.v1 import annotations_pb2 as rest_options

from edge.transcoder.enums import enum_prefix
from edge.transcoder.faults import TranscodeError
from edge.transcoder.json_encode import compile_encoder
from edge.transcoder.profile import CANONICAL
from edge.transcoder.status import grpc_of_http, http_of_grpc

DOMAIN: Final = "perpetuo.dev"
DOCS_PATH: Final = "/docs/errors/"
MAX_RETRY_AFTER_S: Final = 60
_TYPE_URL: Final = "type.googleapis.com/"
_DETAILS_KEY: Final = "grpc-status-details-bin"
_REQUEST_ID_KEY: Final = "x-request-id"
_WAIT_VARIABLE: Final = "retryAfterS"

# Reasons for statuses that came without one: from the transport, or from a service that gives none. A call that its
# client left is not answered at all: it is gRPC that cancels what comes to a core that has begun to stop.
_REASON_OF_GRPC: Final[Mapping[int, str]] = {
    1: "DRAINING",
    2: "INTERNAL",
    3: "REQUEST_INVALID",
    4: "DEADLINE_EXCEEDED",
    5: "RESOURCE_NOT_FOUND",
    6: "ALREADY_EXISTS",
    7: "PERMISSION_DENIED",
    8: "OVERLOADED",
    9: "REQUEST_INVALID",
    10: "CONFLICT",
    11: "REQUEST_INVALID",
    12: "NOT_IMPLEMENTED",
    13: "INTERNAL",
    14: "DRAINING",
    15: "INTERNAL",
    16: "TOKEN_INVALID",
}
# Texts for those of them whose own text may come from inside: exceptions, addresses, limits of the transport.
_FIXED_TEXT: Final[Mapping[int, str]] = {
    1: "The gateway's core cannot be reached now. Try again.",
    2: "Something went wrong inside the gateway. Report the request id to its operator.",
    4: "The time allowed for the request ran out.",
    8: "The gateway cannot take this request now. Try again later.",
    12: "This gateway does not offer that operation.",
    13: "Something went wrong inside the gateway. Report the request id to its operator.",
    14: "The gateway's core cannot be reached now. Try again.",
    15: "Something went wrong inside the gateway. Report the request id to its operator.",
}
_ERROR_INFO: Final = error_details_pb2.ErrorInfo.DESCRIPTOR.full_name
_BAD_REQUEST: Final = error_details_pb2.BadRequest.DESCRIPTOR.full_name
_RETRY_INFO: Final = error_details_pb2.RetryInfo.DESCRIPTOR.full_name
_REQUEST_INFO: Final = error_details_pb2.RequestInfo.DESCRIPTOR.full_name
_TYPE_OF_HTTP: Final[Mapping[int, str]] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    503: "overloaded_error",
}


class Failure(Struct, frozen=True):
    """One failed request, ready to be written in any style."""

    http_status: int
    grpc_code: int
    message: str
    code: str
    type: str
    reason: str
    request_id: str
    param: str | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    should_retry: bool = False
    retry_after_s: int | None = None
    """Whole seconds, 0 to 60; None: not told."""
    allow: tuple[str, ...] = ()
    """For a 405, the methods that the path has."""
    status: bytes = b""
    """The google.rpc.Status that came with the call, serialised; empty if none did."""


class _Rule(Struct, frozen=True):
    reason: str
    http_status: int
    grpc_code: int
    code: str
    type: str
    should_retry: bool
    tells_wait: bool = False
    """A wait that is known is told, though no retry is invited."""


class ErrorCatalogue:
    """What reasons mean, and failures made of them."""

    def __init__(self, reasons: EnumDescriptor, domain: str = DOMAIN) -> None:
        """Reads the table.

        Args:
            reasons: an enum whose values carry the option `perpetuo.rest.v1.error`.
            domain: the `ErrorInfo.domain` whose reasons these are; those of others are not trusted.
        """
        self._domain = domain
        prefix = enum_prefix(reasons)
        self._rules = {
            value.name.removeprefix(prefix): _rule(
                value.name.removeprefix(prefix), value.GetOptions().Extensions[rest_options.error]
            )
            for value in reasons.values
            if value.GetOptions().HasExtension(rest_options.error)
        }

    def of_refusal(self, error: TranscodeError, request_id: str) -> Failure:
        """The failure of a request that was refused before any call."""
        rule = self._rules.get(error.reason) or _general_rule(grpc_of_http(error.http_status), error.reason)
        return _failure(rule, error.message, request_id, param=error.param, allow=error.allow)

    def of_status(self, grpc_code: int, request_id: str) -> Failure:
        """A failure without a text of its own: the transport's, or a defect of ours of which the log has more."""
        return _failure(self._rule_of(grpc_code), _FIXED_TEXT.get(grpc_code, _FIXED_TEXT[13]), request_id)

    def of_call(self, error: grpc.aio.AioRpcError, request_id: str = "") -> Failure:
        """The failure of a call. `request_id` is used if the call brought none."""
        details = _Details.of(error)
        grpc_code = error.code().value[0]
        request_id = details.request_id or request_id
        info = details.info
        if info is not None and info.domain == self._domain and (rule := self._rules.get(info.reason)) is not None:
            return _failure(
                rule,
                details.message or error.details() or "",
                request_id,
                param=details.param,
                details=dict(info.metadata),
                retry_after_s=details.hinted_wait_s() if rule.tells_wait else details.retry_after_s,
                status=details.status,
            )
        message = _FIXED_TEXT.get(grpc_code) or details.message or error.details() or ""
        return _failure(
            self._rule_of(grpc_code), message, request_id, param=details.param, retry_after_s=details.retry_after_s
        )

    def _rule_of(self, grpc_code: int) -> _Rule:
        reason = _REASON_OF_GRPC.get(grpc_code, "INTERNAL")
        return self._rules.get(reason) or _general_rule(grpc_code, reason)


@dataclass(slots=True)
class _Details:
    """What a status carries beside its code. Unknown details are passed over."""

    message: str = ""
    info: Any = None
    param: str | None = None
    retry_after_s: int | None = None
    request_id: str = ""
    status: bytes = b""

    @classmethod
    def of(cls, error: grpc.aio.AioRpcError) -> "_Details":
        details = cls()
        for metadata in (error.trailing_metadata(), error.initial_metadata()):
            for key, value in metadata or ():
                if key == _DETAILS_KEY and isinstance(value, bytes):
                    details._read(value)
                elif key == _REQUEST_ID_KEY and isinstance(value, str) and not details.request_id:
                    details.request_id = value
        return details

    def hinted_wait_s(self) -> int | None:
        """The wait, also if it is only a variable because it is no invitation; None if there is none to go by."""
        if self.retry_after_s is not None:
            return self.retry_after_s
        try:
            return math.ceil(float(self.info.metadata.get(_WAIT_VARIABLE, "")))
        except (ValueError, OverflowError):
            return None

    def _read(self, raw: bytes) -> None:
        try:
            status = status_pb2.Status.FromString(raw)
            for detail in status.details:
                self._read_detail(detail)
        except DecodeError:
            return
        self.message = status.message
        self.status = raw

    def _read_detail(self, detail: Any) -> None:
        """Reads one detail, a google.protobuf.Any."""
        _, slash, name = detail.type_url.rpartition("/")
        if not slash:
            return
        if name == _ERROR_INFO:
            self.info = error_details_pb2.ErrorInfo.FromString(detail.value)
        elif name == _REQUEST_INFO:
            self.request_id = error_details_pb2.RequestInfo.FromString(detail.value).request_id
        elif name == _BAD_REQUEST:
            violations = error_details_pb2.BadRequest.FromString(detail.value).field_violations
            self.param = (violations[0].field or None) if violations else None
        elif name == _RETRY_INFO:
            delay = error_details_pb2.RetryInfo.FromString(detail.value).retry_delay
            self.retry_after_s = math.ceil(delay.seconds + delay.nanos / 1e9)


def _rule(reason: str, option: Any) -> _Rule:
    return _Rule(
        reason=reason,
        http_status=option.http_status,
        grpc_code=option.grpc_code,
        code=option.code or reason.lower(),
        type=option.type or _type_of(option.http_status),
        should_retry=option.retry == rest_options.RETRY_AFTER,
        tells_wait=option.retry == rest_options.RETRY_LATER,
    )


def _general_rule(grpc_code: int, reason: str) -> _Rule:
    http_status = http_of_grpc(grpc_code)
    return _Rule(
        reason, http_status, grpc_code, reason.lower(), _type_of(http_status), should_retry=http_status in {429, 503}
    )


def _type_of(http_status: int) -> str:
    return _TYPE_OF_HTTP.get(http_status) or ("api_error" if http_status >= 500 else "invalid_request_error")


def _failure(
    rule: _Rule,
    message: str,
    request_id: str,
    *,
    retry_after_s: int | None = None,
    **more: Any,
) -> Failure:
    if retry_after_s is None and rule.should_retry:
        retry_after_s = 1
    return Failure(
        http_status=rule.http_status,
        grpc_code=rule.grpc_code,
        message=message,
        code=rule.code,
        type=rule.type,
        reason=rule.reason,
        request_id=request_id,
        should_retry=rule.should_retry,
        retry_after_s=None if retry_after_s is None else min(max(retry_after_s, 0), MAX_RETRY_AFTER_S),
        **more,
    )


def docs_url_of(reason: str) -> str:
    """Where this gateway explains a reason: a path."""
    return DOCS_PATH + reason.lower()


def body_of(failure: Failure, *, is_wrapped: bool = False) -> bytes:
    """`{"error": {...}}` with every member present, `"success": false` before it for wrapped answers."""
    error = {
        "message": failure.message,
        "type": failure.type,
        "code": failure.code,
        "param": failure.param,
        "request_id": failure.request_id,
        "details": failure.details,
        "docs_url": docs_url_of(failure.reason),
    }
    return msgspec.json.encode({"success": False, "error": error} if is_wrapped else {"error": error})


def status_of(failure: Failure) -> bytes:
    """The failure as google.rpc.Status in proto3 JSON. Its details are those that came, else one ErrorInfo.

    A detail of a type that is not known here is shown by its type and its bytes in base64.
    """
    if failure.status:
        details = [_detail_of(detail) for detail in status_pb2.Status.FromString(failure.status).details]
    else:
        info = {"reason": failure.reason, "domain": DOMAIN, "metadata": failure.details}
        details = [msgspec.Raw(msgspec.json.encode({"@type": f"{_TYPE_URL}google.rpc.ErrorInfo", **info}))]
    return msgspec.json.encode({"code": failure.grpc_code, "message": failure.message, "details": details})


def _detail_of(detail: Any) -> msgspec.Raw:
    try:
        return msgspec.Raw(compile_encoder(detail.DESCRIPTOR, CANONICAL)(detail))
    except ValueError:
        return msgspec.Raw(msgspec.json.encode({"@type": detail.type_url, "value": detail.value}))


def headers_of(failure: Failure) -> list[tuple[bytes, bytes]]:
    """What the failure adds to the headers of an answer: ids, retry, challenge, allowed methods."""
    request_id = failure.request_id.encode("ascii", "replace")
    headers = [
        (b"x-request-id", request_id),
        (b"request-id", request_id),
        (b"x-should-retry", b"true" if failure.should_retry else b"false"),
    ]
    if failure.retry_after_s is not None:
        headers.append((b"retry-after", str(failure.retry_after_s).encode()))
    if failure.http_status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if failure.allow:
        headers.append((b"allow", ", ".join(failure.allow).encode()))
    return headers
