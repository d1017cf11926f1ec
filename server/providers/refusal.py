"""Which reason each refusal of a provider is: one table over status, code and text, for every dialect.

Providers say the same thing in many ways, so codes come first, then what the text says, then the status. An answer of
status 200 that holds an error is judged by the status that the error stands for. The caller never sees more of the
provider's text than one line without keys, addresses and account names; HTML is never shown at all.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from server.errors import (
    BodyTooLarge,
    Conflict,
    ContentBlocked,
    ContextTooLong,
    ModelUnknown,
    PerpetuoError,
    RequestInvalid,
    UpstreamAuth,
    UpstreamBadResponse,
    UpstreamForbidden,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamRedirect,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from server.providers.retry_after import parse_duration, parse_retry_after

MAX_MESSAGE_CHARS: Final = 512

_MAX_READ_BYTES: Final = 65_536

_CODES: Final[Mapping[str, type[PerpetuoError]]] = {
    **dict.fromkeys(
        ("context_length_exceeded", "exceed_context_size_error", "context_window_exceeded"),
        ContextTooLong,
    ),
    **dict.fromkeys(
        (
            "content_policy_violation",
            "content_filter",
            "content_filtered",
            "moderation_blocked",
            "responsibleaipolicyviolation",
            "invalid_prompt",
            "data_inspection_failed",
        ),
        ContentBlocked,
    ),
    **dict.fromkeys(
        (
            "insufficient_quota",
            "insufficient_credits",
            "insufficient_balance",
            "billing_hard_limit_reached",
            "billing_not_active",
            "credit_balance_too_low",
            "enforced_spend_limit",
            "billing_error",
            "arrearage",
        ),
        UpstreamQuota,
    ),
    "retry_info": UpstreamRateLimited,
    **dict.fromkeys(("invalid_api_key", "invalid_authentication", "account_deactivated"), UpstreamAuth),
    **dict.fromkeys(
        ("model_not_found", "model_not_available", "unknown_model", "invalid_model", "deploymentnotfound"), ModelUnknown
    ),
}

_TEXTS: Final = (
    (
        re.compile(
            r"context (length|window|size|limit)|maximum (context|prompt|input) length"
            r"|too many (input )?tokens(?!: max tokens)"
            r"|token count .{0,60}exceeds the maximum"
            r"|exceeds max length|exceeded model token limit|range of input length"
            r"|prompt is too long|reduce the length of the (messages|prompt)|input is too long|longer than the maximum",
            re.IGNORECASE,
        ),
        ContextTooLong,
    ),
    (
        re.compile(
            r"content (management )?policy|usage polic|content filter|safety (system|guidelines)|flagged (by|for)"
            r"|requires moderation|unsafe or sensitive content",
            re.IGNORECASE,
        ),
        ContentBlocked,
    ),
    (
        re.compile(
            r"credit balance|exceeded your current quota|insufficient (balance|funds|credits|quota)|spend(ing)? limit"
            r"|out of credits|billing details",
            re.IGNORECASE,
        ),
        UpstreamQuota,
    ),
    (re.compile(r"(incorrect|invalid) api[ _-]?key|api key (is )?(invalid|not valid)", re.IGNORECASE), UpstreamAuth),
    (
        re.compile(
            r"unknown model|model\b.{0,120}(does not exist|not found|not supported|no longer)|not a valid model",
            re.IGNORECASE,
        ),
        ModelUnknown,
    ),
)
_TEXT_STATUSES: Final = frozenset((0, 400, 402, 403, 404, 413, 422, 429))
_QUOTA_ONLY_STATUSES: Final = frozenset((402, 429))

_STATUSES: Final[Mapping[int, type[PerpetuoError]]] = {
    400: RequestInvalid,
    401: UpstreamAuth,
    402: UpstreamQuota,
    403: UpstreamForbidden,
    404: ModelUnknown,
    408: UpstreamTimeout,
    409: Conflict,
    410: ModelUnknown,
    413: BodyTooLarge,
    422: RequestInvalid,
    425: Conflict,
    429: UpstreamRateLimited,
    451: UpstreamForbidden,
    498: UpstreamUnavailable,
    499: UpstreamUnavailable,
    504: UpstreamTimeout,
    522: UpstreamTimeout,
    524: UpstreamTimeout,
}

_STATUS_OF_TYPE: Final[Mapping[str, int]] = {
    "invalid_request_error": 400,
    "bad_request": 400,
    "authentication_error": 401,
    "unauthorized": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "requests": 429,
    "tokens": 429,
    "too_many_requests": 429,
    "overloaded_error": 529,
    "engine_overloaded": 529,
    "api_error": 500,
    "server_error": 500,
    "internal_error": 500,
    "internal_server_error": 500,
    "service_unavailable": 503,
    "timeout": 504,
    "timeout_error": 504,
}

_MESSAGES: Final[Mapping[type[PerpetuoError], str]] = {
    ContextTooLong: "The prompt and the answer asked for do not fit the model's context window",
    ContentBlocked: "The provider refused the content by its policy",
    RequestInvalid: "The provider refused the request",
    BodyTooLarge: "The provider refused the request as too large",
    ModelUnknown: "The provider does not serve this model",
    UpstreamQuota: "The account with the provider has no credit or quota left",
    UpstreamRateLimited: "The provider is limiting this account",
    UpstreamTimeout: "The provider ran out of time",
    UpstreamUnavailable: "The provider is not available",
    Conflict: "The provider could not take the request at that moment",
}

_TELLS_WAIT: Final = frozenset((UpstreamRateLimited, UpstreamUnavailable, Conflict))

_SECRETS: Final = (
    (re.compile(r"https?://\S+", re.IGNORECASE), "[link]"),
    (re.compile(r"\bbearer\s+\S+", re.IGNORECASE), "[key]"),
    (re.compile(r"\b(sk|pk|rk|gsk|xai|fw|tgp|org|proj|acct)[-_](?=[\w*.-]*[\d*])[\w*.-]{6,}", re.IGNORECASE), "[key]"),
    (re.compile(r"\bAIza[\w-]{20,}"), "[key]"),
    (re.compile(r"\b[\w.+-]+@[\w-]+\.[\w.-]+"), "[address]"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE), "[id]"),
    (re.compile(r"(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{24,}"), "[key]"),
    (re.compile(r"\S*\*{3,}\S*"), "[key]"),
)
_BLANKS: Final = re.compile(r"[\s\x00-\x1f\x7f]+")
_MARKUP: Final = re.compile(r"<(!doctype|html|head|body|script|div|title|h1|p|a)\b", re.IGNORECASE)


class Complaint(Struct, frozen=True):
    """What an error body says: texts in lower case are for comparing, `message` is for people.

    `retry_after_s` is the wait that stands in the body, as in Google's RetryInfo; None if there is none.
    """

    message: str = ""
    type: str = ""
    code: str = ""
    param: str | None = None
    status: int = 0
    retry_after_s: float | None = None


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> PerpetuoError:
    """The reason of an answer with an error status, or of one of status 200 whose body is an error."""
    return judged(status, headers, read_complaint(body))


def judged(status: int, headers: Mapping[str, str], complaint: Complaint) -> PerpetuoError:
    """The reason of a complaint that came with a status; 200 counts as what the complaint stands for."""
    if 300 <= status < 400:
        return UpstreamRedirect("The provider answered with a redirect, which is never followed.")
    effective = status if status >= 400 else _inner_status(complaint)
    kind = _by_code(complaint, effective) or _by_text(complaint, effective) or _by_status(effective)
    return _made(kind, effective, headers, complaint)


def read_complaint(body: bytes) -> Complaint:
    """The error object of a body in any of the usual shapes; empty for anything else, HTML among it."""
    try:
        document = msgspec.json.decode(body[:_MAX_READ_BYTES])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Complaint()
    if isinstance(document, list) and document:
        document = document[0]
    return complaint_of(document)


def complaint_of(document: object) -> Complaint:
    """The same of a decoded document: `{"error": {…}}`, `{"error": "…"}`, `{"message": …}` or `{"detail": …}`."""
    if not isinstance(document, dict):
        return Complaint(message=_text(document))
    inner = document.get("error", document)
    if not isinstance(inner, dict):
        inner = {"message": inner}
    message = next((text for key in ("message", "detail", "error", "msg") if (text := _text(inner.get(key)))), "")
    param = inner.get("param")
    code = inner.get("code", inner.get("status"))
    number = code if isinstance(code, int) else int(code) if isinstance(code, str) and code.isdecimal() else 0
    return Complaint(
        message,
        _text(inner.get("type")).lower(),
        "" if number else _text(code).lower(),
        param if isinstance(param, str) and param else None,
        number if 400 <= number <= 599 else 0,
        _retry_delay(inner.get("details")),
    )


def one_line(text: str) -> str:
    """A provider's text as it may be shown: one line without secrets, at most 512 characters; markup is dropped."""
    if _MARKUP.search(text):
        return ""
    line = _BLANKS.sub(" ", text[: 4 * MAX_MESSAGE_CHARS]).strip()
    for pattern, mark in _SECRETS:
        line = pattern.sub(mark, line)
    return line if len(line) <= MAX_MESSAGE_CHARS else f"{line[: MAX_MESSAGE_CHARS - 1]}…"


def _text(value: object) -> str:
    """A member as text: of a list of problems the first, with the place that it is about."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value:
        return _text(value[0])
    if not isinstance(value, dict):
        return ""
    place = value.get("loc")
    text = _text(value.get("msg") or value.get("message") or value.get("detail"))
    return f"{'.'.join(map(str, place))}: {text}" if text and isinstance(place, list) else text


def _retry_delay(details: object) -> float | None:
    """The wait of a RetryInfo among the details of a Google error."""
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and (text := _text(detail.get("retryDelay"))):
            return parse_duration(text)
    return None


def _inner_status(complaint: Complaint) -> int:
    if complaint.status:
        return complaint.status
    if complaint.code in _CODES:
        return 400
    return _STATUS_OF_TYPE.get(complaint.code) or _STATUS_OF_TYPE.get(complaint.type, 0)


def _by_code(complaint: Complaint, status: int) -> type[PerpetuoError] | None:
    if status >= 500:
        return None
    return _CODES.get(complaint.code) or _CODES.get(complaint.type)


def _by_text(complaint: Complaint, status: int) -> type[PerpetuoError] | None:
    """What the text says, as far as it can be what it says at that status: a limit is not about the context window."""
    if status not in _TEXT_STATUSES:
        return None
    for pattern, kind in _TEXTS:
        if pattern.search(complaint.message) and (status not in _QUOTA_ONLY_STATUSES or kind is UpstreamQuota):
            return kind
    return None


def _by_status(status: int) -> type[PerpetuoError]:
    known = _STATUSES.get(status)
    if known is not None:
        return known
    return UpstreamUnavailable if 500 <= status <= 599 else UpstreamBadResponse


def _made(kind: type[PerpetuoError], status: int, headers: Mapping[str, str], complaint: Complaint) -> PerpetuoError:
    details = {"upstreamStatus": str(status)} if status else {}
    if kind is UpstreamAuth:
        return kind("The provider refused the credential of the provider entry; replace its key.", details=details)
    if kind is UpstreamForbidden:
        return kind("The provider does not let this account use the model or the region.", details=details)
    if kind is UpstreamBadResponse:
        return kind(f"The provider's answer (status {status or 200}) is not a chat completion.", details=details)
    said = one_line(complaint.message)
    message = f"{_MESSAGES[kind]}: {said}" if said else f"{_MESSAGES[kind]} (status {status})."
    wait_s = _wait(headers, complaint) if kind in _TELLS_WAIT else None
    param = complaint.param if kind is RequestInvalid else None
    made: Callable[..., PerpetuoError] = kind
    return made(message, param=param, retry_after_s=wait_s, details=details)


def _wait(headers: Mapping[str, str], complaint: Complaint) -> float | None:
    told_s = parse_retry_after(headers)
    return complaint.retry_after_s if told_s is None else told_s
