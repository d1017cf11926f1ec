"""Google's refusals: `google.rpc.Status` with its details, judged by the table that all dialects share.

What the shared table cannot know: a limit says how long to wait in `RetryInfo` and speaks of billing whatever it is; a
project that may not be served at all answers 400 with `FAILED_PRECONDITION`.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from server.errors import PerpetuoError
from server.providers.refusal import judged, read_complaint

_RETRY_INFO: Final = "type.googleapis.com/google.rpc.RetryInfo"
_LIMITED: Final = 429
_FORBIDDEN: Final = 403
_MAX_READ_BYTES: Final = 65_536


class _Detail(Struct, rename={"kind": "@type", "retry_delay": "retryDelay"}):
    kind: str = ""
    retry_delay: str = ""


class _Error(Struct, frozen=True):
    status: str = ""
    details: list[_Detail] = []


class _Body(Struct):
    error: _Error = _Error()


def failure_of(status: int, headers: Mapping[str, str], body: bytes) -> PerpetuoError:
    """The reason of an answer with an error status, or of one of status 200 whose body is an error."""
    complaint = read_complaint(body)
    error = _error(body)
    effective = status if status >= 400 else complaint.status
    if effective == 400 and error.status == "FAILED_PRECONDITION":
        return judged(_FORBIDDEN, headers, complaint)
    delay = next((detail.retry_delay for detail in error.details if detail.kind == _RETRY_INFO), "")
    if effective == _LIMITED and delay:
        seconds = delay.removesuffix("s")
        headers = {**headers, "retry-after": seconds}
        complaint = replace(complaint, code="retry_info")
    return judged(status, headers, complaint)


def _error(body: bytes) -> _Error:
    """The status and the details; none for anything that is no such error."""
    text = body[:_MAX_READ_BYTES].strip()
    try:
        if text[:1] == b"[":
            found = msgspec.json.decode(text, type=list[_Body])
            return found[0].error if found else _Error()
        return msgspec.json.decode(text, type=_Body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Error()
