"""The classes of failures of upstream calls: a closed set, and which one an error belongs to.

Pure. What is read here is the reason of the error, the upstream's status (`upstreamStatus`), how far the call had come
(`phase`) and what was odd about the answer (`kind`), as dialects and the client tell them. What a class leads to stands
in `rules`.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from server.errors import PerpetuoError


class FailureClass(Enum):
    """How a call failed. Each class is treated alike, whoever raised it and in whatever words."""

    REFUSED = "the connection was refused"
    CONNECT_TIMEOUT = "no connection stood in time"
    NAME_UNKNOWN = "the host name is unknown"
    NAME_UNRESOLVED = "the host name could not be looked up for now"
    BLOCKED = "the address is not one that may be called"
    TLS = "no trusted TLS connection stood"
    NO_ANSWER = "the connection ended before the answer began"
    CUT = "the answer ended before it was complete"
    NOT_AN_ANSWER = "what came is no answer at all"
    BAD_ANSWER = "the answer is not what was asked for"
    OVERSIZED = "the answer is longer than any may be"
    NO_FIRST_TOKEN = "the answer did not begin, or was not complete, in time"
    STALLED = "the answer came to a standstill"
    BROKEN_STREAM = "the stream broke after its first content"
    SERVER_ERROR = "the provider failed"
    OVERLOADED = "the provider has too much to do"
    LIMITED = "the provider limits this account"
    QUOTA = "the account has no credit or quota left"
    CREDENTIAL = "the provider refused the credential"
    FORBIDDEN = "the account may not use the model"
    NO_MODEL = "the provider does not serve the model"
    TOO_LONG = "the prompt does not fit the context window"
    TOO_LARGE = "the request has too many bytes"
    CONTENT = "the provider refused the content"
    REQUEST = "the request is at fault"
    UNFIT = "the candidate cannot take the request as it was asked"
    USAGE_OPTION = "the provider does not know how to report usage in a stream"
    STREAM_ONLY = "the provider answers only in streams"
    NOT_NOW = "the provider could not take the request at that moment"
    REDIRECT = "the provider sends elsewhere"
    OUT_OF_TIME = "the caller's time ran out"
    OURS = "the gateway failed or gave up"


_BY_REASON: Final[Mapping[str, FailureClass]] = MappingProxyType(
    {
        "BODY_TOO_LARGE": FailureClass.TOO_LARGE,
        "CONFLICT": FailureClass.NOT_NOW,
        "CONTENT_BLOCKED": FailureClass.CONTENT,
        "CONTEXT_TOO_LONG": FailureClass.TOO_LONG,
        "DEADLINE_EXCEEDED": FailureClass.OUT_OF_TIME,
        "MODEL_UNKNOWN": FailureClass.NO_MODEL,
        "PARAM_UNSUPPORTED": FailureClass.UNFIT,
        "UPSTREAM_AUTH": FailureClass.CREDENTIAL,
        "UPSTREAM_BLOCKED": FailureClass.BLOCKED,
        "UPSTREAM_FORBIDDEN": FailureClass.FORBIDDEN,
        "UPSTREAM_QUOTA": FailureClass.QUOTA,
        "UPSTREAM_RATE_LIMITED": FailureClass.LIMITED,
        "UPSTREAM_REDIRECT": FailureClass.REDIRECT,
        "UPSTREAM_STREAM_INTERRUPTED": FailureClass.BROKEN_STREAM,
        "UPSTREAM_TLS": FailureClass.TLS,
    }
)

_NOT_NOW_STATUS: Final = "408"
_OVERLOADED_STATUSES: Final = frozenset({"503", "529"})
_USAGE_WORDS: Final = ("stream_options", "include_usage")
# As Alibaba, OpenAI's Codex and gateways write it; in lower case.
_STREAM_ONLY_WORDS: Final = (
    "only support stream",
    "only supports stream",
    "stream must be set to true",
    "must be set to false for non-streaming",
    'expected true at "params.stream"',
)


def classify(error: PerpetuoError, *, is_stream: bool = False) -> FailureClass:
    """The class of an error that an upstream call ended with.

    Only a stream has the option to report usage, and only what was asked for in one piece can be had as a stream.
    """
    known = _BY_REASON.get(error.reason)
    if known is None:
        judge = _JUDGES.get(error.reason)
        known = FailureClass.OURS if judge is None else judge(error)
    is_elsewhere = known is (FailureClass.STREAM_ONLY if is_stream else FailureClass.USAGE_OPTION)
    return FailureClass.REQUEST if is_elsewhere else known


def _unavailable(error: PerpetuoError) -> FailureClass:
    if error.details.get("phase") == "connect":
        return FailureClass.REFUSED
    is_overloaded = error.details.get("upstreamStatus") in _OVERLOADED_STATUSES
    return FailureClass.OVERLOADED if is_overloaded else FailureClass.SERVER_ERROR


def _timeout(error: PerpetuoError) -> FailureClass:
    status, phase = error.details.get("upstreamStatus"), error.details.get("phase")
    if status is not None:
        return FailureClass.NOT_NOW if status == _NOT_NOW_STATUS else FailureClass.SERVER_ERROR
    if phase == "connect":
        return FailureClass.CONNECT_TIMEOUT
    return FailureClass.STALLED if phase == "idle" else FailureClass.NO_FIRST_TOKEN


def _dns(error: PerpetuoError) -> FailureClass:
    is_temporary = error.details.get("kind") == "temporary"
    return FailureClass.NAME_UNRESOLVED if is_temporary else FailureClass.NAME_UNKNOWN


def _reset(error: PerpetuoError) -> FailureClass:
    phase = error.details.get("phase")
    if phase == "connect":
        return FailureClass.REFUSED
    return FailureClass.NO_ANSWER if phase == "firstByte" else FailureClass.CUT


def _bad_response(error: PerpetuoError) -> FailureClass:
    if "limitBytes" in error.details:
        return FailureClass.OVERSIZED
    if "kind" in error.details:
        return FailureClass.NOT_AN_ANSWER
    return FailureClass.CUT if error.details.get("phase") == "body" else FailureClass.BAD_ANSWER


def _request(error: PerpetuoError) -> FailureClass:
    said = f"{error.param or ''} {error.message}"
    if any(word in said for word in _USAGE_WORDS):
        return FailureClass.USAGE_OPTION
    said = said.lower()
    return FailureClass.STREAM_ONLY if any(words in said for words in _STREAM_ONLY_WORDS) else FailureClass.REQUEST


_JUDGES: Final[Mapping[str, Callable[[PerpetuoError], FailureClass]]] = MappingProxyType(
    {
        "REQUEST_INVALID": _request,
        "UPSTREAM_BAD_RESPONSE": _bad_response,
        "UPSTREAM_DNS": _dns,
        "UPSTREAM_RESET": _reset,
        "UPSTREAM_TIMEOUT": _timeout,
        "UPSTREAM_UNAVAILABLE": _unavailable,
    }
)

_BLAMES_PROVIDER: Final = frozenset(
    {
        "MODEL_UNKNOWN",
        "UPSTREAM_AUTH",
        "UPSTREAM_BAD_RESPONSE",
        "UPSTREAM_BLOCKED",
        "UPSTREAM_DNS",
        "UPSTREAM_FORBIDDEN",
        "UPSTREAM_QUOTA",
        "UPSTREAM_RATE_LIMITED",
        "UPSTREAM_REDIRECT",
        "UPSTREAM_RESET",
        "UPSTREAM_STREAM_INTERRUPTED",
        "UPSTREAM_TIMEOUT",
        "UPSTREAM_TLS",
        "UPSTREAM_UNAVAILABLE",
    }
)


def blames_provider(outcome: str) -> bool:
    """Whether the outcome of an attempt speaks against its upstream, and not against the request or the caller."""
    return outcome in _BLAMES_PROVIDER
