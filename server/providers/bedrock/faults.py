"""What Bedrock's exceptions stand for, by their types: in a header, in a body, or as an event of a stream."""

from collections.abc import Mapping
from typing import Final

import msgspec

from server.errors import PerpetuoError
from server.providers.refusal import Complaint, judged, read_complaint

_STATUSES: Final[Mapping[str, int]] = {
    "accessdenied": 403,
    "internalerror": 500,
    "internalfailure": 500,
    "internalserver": 500,
    "modelerror": 500,
    "modelnotready": 503,
    "modelstreamerror": 500,
    "modeltimeout": 504,
    "resourcenotfound": 404,
    "servicequotaexceeded": 429,
    "serviceunavailable": 503,
    "throttling": 429,
    "validation": 400,
}
_OF_CREDENTIALS: Final = frozenset(
    {
        "expiredtoken",
        "incompletesignature",
        "invalidclienttokenid",
        "invalidsignature",
        "missingauthenticationtoken",
        "optinrequired",
        "signaturedoesnotmatch",
        "unrecognizedclient",
    }
)
_UNKNOWN_MODELS: Final = ("model identifier is invalid", "on-demand throughput")
_HEADER: Final = "x-amzn-errortype"


class _Body(msgspec.Struct):
    type: str = msgspec.field(name="__type", default="")
    Message: str = ""
    message: str = ""


def refused(status: int, headers: Mapping[str, str], body: bytes) -> PerpetuoError:
    """The reason of an answer that is none."""
    kind = headers.get(_HEADER, "")
    try:
        told = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _judged(status, headers, read_complaint(body) if not kind else _complaint(kind, ""))
    return _judged(status, headers, _complaint(kind or told.type, told.message or told.Message))


def _judged(status: int, headers: Mapping[str, str], complaint: Complaint) -> PerpetuoError:
    """The type tells more than the status: a model that is not ready comes with the status of a limit."""
    return judged(complaint.status or status, headers, complaint)


def broken(kind: str, data: bytes) -> PerpetuoError:
    """The reason of an exception within a stream."""
    try:
        told = msgspec.json.decode(data or b"{}", type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        told = _Body()
    return judged(200, {}, _complaint(kind, told.message or told.Message))


def _complaint(kind: str, message: str) -> Complaint:
    """A complaint in the words that all dialects share; `kind` as `Throttling…:http://…` or `a.b#Throttling…`."""
    name = kind.partition(":")[0].rpartition("#")[2].lower().removesuffix("exception")
    if name in _OF_CREDENTIALS:
        return Complaint(message, "", "invalid_api_key", None, 401)
    status = _STATUSES.get(name, 0)
    lowered = message.lower()
    if status == 400 and any(words in lowered for words in _UNKNOWN_MODELS):
        return Complaint(message, "", "model_not_found", None, 404)
    return Complaint(message, "", "", None, status)
