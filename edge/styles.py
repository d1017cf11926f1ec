"""In which form an error is written: who decides, and the body in each form.

A method says its style in its options. Where no method is reached, the path decides: what lies at or below a path of
methods with typed errors has them too. A caller that shows by a header that it reads typed errors gets them everywhere
but where answers are wrapped. Facts about failures come from the catalogue and are not judged here.
"""

from collections.abc import Container, Iterable, Mapping
from enum import Enum
from typing import Final

import msgspec
from perpetuo.rest.v1 import annotations_pb2 as rest_options

from edge.errors import Failure, body_of, docs_url_of, status_of
from edge.transcoder.binding import Binding


class Style(Enum):
    """A form of error bodies."""

    PLAIN = "plain"
    WRAPPED = "wrapped"
    TYPED = "typed"
    STATUS = "status"
    EVENT = "event"


_TYPE_OF_HTTP: Final[Mapping[int, str]] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def error_body(failure: Failure, style: Style, events_before: int = 0) -> bytes:
    """The body of a failure; `events_before` is how many events of a stream went before it."""
    if style is Style.EVENT:
        return event_body(failure, events_before)
    if style is Style.STATUS:
        return status_of(failure)
    if style is Style.TYPED:
        return typed_body(failure)
    return body_of(failure, is_wrapped=style is Style.WRAPPED)


def in_stream(style: Style, *, is_named: bool) -> Style:
    """The style of an error that ends a stream: none is wrapped, and where events have names, errors have one too."""
    if style in (Style.PLAIN, Style.WRAPPED):
        return Style.EVENT if is_named else Style.PLAIN
    return style


def event_body(failure: Failure, number: int) -> bytes:
    """The plain body as an event of OpenAI's Responses: named, numbered, and with the facts at its top too."""
    plain = msgspec.json.decode(body_of(failure))
    event = {"type": "error", "code": failure.code, "message": failure.message, "param": failure.param}
    return msgspec.json.encode({**event, "sequence_number": number, **plain})


def typed_body(failure: Failure) -> bytes:
    """`{"type": "error", "error": {"type", "message", "details"}, "request_id"}`; the details name the reason.

    A detail `errorCode` is Anthropic's own code for a refusal that its SDK acts on, and stands in place of ours.
    """
    details = dict(failure.details)
    code = details.pop("errorCode", failure.code)
    details |= {"error_code": code, "docs_url": docs_url_of(failure.reason)}
    if failure.param is not None:
        details["param"] = failure.param
    error = {"type": typed_kind(failure.http_status), "message": failure.message, "details": details}
    return msgspec.json.encode({"type": "error", "error": error, "request_id": failure.request_id})


def typed_kind(http_status: int) -> str:
    """Anthropic's kind of error for a status."""
    return _TYPE_OF_HTTP.get(http_status) or ("api_error" if http_status >= 500 else "invalid_request_error")


class Styles:
    """Which style answers a request. Built once from the bindings."""

    def __init__(self, bindings: Iterable[Binding], *, has_status_errors: bool, header: bytes) -> None:
        """`header` shows that a caller reads typed errors; empty: none does."""
        self._has_status_errors = has_status_errors
        self._header = header
        typed = (each.template.text for each in bindings if is_typed(each))
        self._typed_paths = tuple(sorted({text.partition("{")[0].rstrip("/").encode() for text in typed}))

    def of(self, binding: Binding | None, raw_path: bytes, names: Container[bytes]) -> Style:
        """The style for a request, `binding` being the method that it reached, if any, `names` those of its headers."""
        if self._has_status_errors:
            return Style.STATUS
        if binding is not None and binding.is_wrapped:
            return Style.WRAPPED
        if is_typed(binding) if binding is not None else self._is_below(raw_path):
            return Style.TYPED
        if self._header and self._header in names:
            return Style.TYPED
        return Style.PLAIN

    def _is_below(self, raw_path: bytes) -> bool:
        return any(raw_path == path or raw_path.startswith(path + b"/") for path in self._typed_paths)


def is_typed(binding: Binding) -> bool:
    """Whether the method's own errors are typed."""
    return binding.error_style == rest_options.ERROR_STYLE_TYPED
