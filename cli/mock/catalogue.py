"""The faults by name: what providers do to their callers, each as a scenario. Data only; `docs/mock.md` is made of it.

A row's `family` groups what a caller has to treat alike. `stream` and `unary` say for which form of the answer a fault
has a meaning. Numbers of events count the role event of OpenAI's streams as the first.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct


class Fault(Struct, frozen=True):
    """A fault with a name. `scenario` is written in parts."""

    name: str
    family: str
    scenario: str
    says: str
    stream: bool = True
    unary: bool = True


def _stream(name: str, family: str, scenario: str, says: str) -> Fault:
    return Fault(name, family, scenario, says, unary=False)


def _unary(name: str, family: str, scenario: str, says: str) -> Fault:
    return Fault(name, family, scenario, says, stream=False)


def _statuses(family: str, rows: Mapping[int, str]) -> tuple[Fault, ...]:
    return tuple(Fault(f"error-{status}", family, f"status-{status}", says) for status, says in rows.items())


_CONNECTION: Final = (
    Fault("refused", "no connection", "refused", "Nobody listens."),
    Fault("black-hole", "no connection", "black-hole", "Connecting never ends."),
    Fault("hang-up", "no connection", "hang-up", "The connection is reset as soon as it stands."),
    Fault("tls-expired", "no connection", "tls-expired", "The certificate has expired."),
    Fault("tls-wrong-name", "no connection", "tls-wrong-name", "The certificate is another host's."),
    Fault("tls-self-signed", "no connection", "tls-self-signed", "The certificate is signed by nobody."),
    Fault("tls-hang", "no connection", "tls-hang", "The handshake never ends."),
    Fault("stale-reset", "stale connection", "reset-reused", "A kept connection is reset when it is used again."),
    Fault("stale-close", "stale connection", "close-reused", "A kept connection was closed meanwhile."),
    Fault("reset-early", "no answer", "reset-headers", "Reset before the headers."),
    Fault("reset-early-once", "no answer", "reset-headers+times?n=1", "Reset before the headers, once."),
    Fault("close-early", "no answer", "close-headers", "Closed before the headers."),
    Fault("half-head", "no answer", "half-head", "Closed within the headers."),
    Fault("reset-after-headers", "no body", "reset-after?n=0", "Reset after the headers, before the body."),
    Fault("close-after-headers", "no body", "close-after?n=0", "Closed after the headers, before the body."),
    Fault("reset-midway", "broken body", "slow?ms=20&n=8+reset-after?n=4", "Reset in the middle of the answer."),
    Fault(
        "close-midway", "broken body", "slow?ms=20&n=8+close-after?n=4", "Closed in the middle, without the last chunk."
    ),
    _stream("close-in-event", "broken body", "slow?ms=20&n=8+cut-at?byte=700", "Closed within an event."),
    _stream("close-in-chunk", "broken body", "slow?ms=20&n=8+cut-wire?byte=731", "Closed within a chunk of HTTP."),
    _unary("short-body", "broken body", "cut-at?byte=60", "The body is shorter than its Content-Length."),
)

_ENDS: Final = (
    _stream(
        "no-end", "no end", "slow?ms=20&n=8+no-finish", "Ends in order, without a finish reason and without [DONE]."
    ),
    _stream("end-in-event", "no end", "slow?ms=20&n=8+end-at?byte=700", "Ends in order within an event."),
    _stream("role-only", "no content", "role-only", "Ends in order before any content."),
    _stream("no-events", "no content", "end-at?byte=0", "Ends in order without a single event."),
    _stream("done-only", "no content", "done-only", "Nothing but [DONE]."),
    _stream("no-done", "no [DONE]", "no-done", "Finished, but without [DONE]."),
    _stream("no-done-open", "no [DONE]", "no-done+no-usage+stall-end", "The same, and the connection stays open."),
)

_NONSENSE: Final = (
    _unary("truncated-json", "nonsense", "truncated-json", "Half a JSON document, declared as whole."),
    Fault("empty-body", "nonsense", "empty", "Status 200 without a body."),
    Fault(
        "no-choices", "nonsense", "body?value=%7B%22id%22:%22x%22,%22choices%22:[]%7D", "An answer without a choice."
    ),
    Fault("no-json", "nonsense", "body?value=upstream%20says%20hi", "Text that is not JSON, called JSON."),
    Fault("html", "nonsense", "html", "The page of a captive portal, with status 200."),
    Fault("html-error", "server error", "html+status-502", "The page of a proxy, with status 502."),
    Fault("not-http", "nonsense", "not-http", "A line of another protocol."),
    Fault("big-head", "too much", "big-head", "Headers of 100 KiB."),
)

_HIDDEN: Final = (
    Fault("error-in-200", "error in 200", "error-200?type=server_error", "Status 200, an internal error in the body."),
    Fault("overload-in-200", "error in 200", "error-200?type=overloaded_error", "Status 200, overloaded."),
    Fault("limit-in-200", "error in 200", "error-200?type=rate_limit_error&code=rate_limit_exceeded", "A limit."),
    Fault("quota-in-200", "error in 200", "error-200?type=insufficient_quota&code=insufficient_quota", "A quota."),
    Fault(
        "context-in-200",
        "error in 200",
        "error-200?type=invalid_request_error&code=context_length_exceeded",
        "The prompt does not fit.",
    ),
    _stream("error-first", "error first", "error-event?n=0&type=server_error", "The first event is an error."),
    _stream("overload-first", "error first", "error-event?n=0&name=error&type=overloaded_error", "With its own type."),
    _stream("limit-first", "error first", "error-event?n=0&type=rate_limit_error", "The first event is a limit."),
    _stream("error-after-role", "error first", "error-event?n=1&type=server_error", "An error before any content."),
    _stream(
        "error-midway", "error midway", "slow?ms=20&n=8+error-event?n=4&type=server_error", "An error in the middle."
    ),
    _stream(
        "limit-midway", "error midway", "slow?ms=20&n=8+error-event?n=4&type=rate_limit_error", "A limit in the middle."
    ),
    _stream(
        "named-error-midway",
        "error midway",
        "slow?ms=20&n=8+error-event?n=4&name=error&type=api_error",
        "With its own type.",
    ),
    _stream("finish-error", "error midway", "slow?ms=20&n=8+finish?reason=error", "The finish reason is `error`."),
)

_LIMITS: Final = (
    Fault("limit-once", "limit", "status-429?retry_after=1+times?n=1", "A limit, once; Retry-After: 1."),
    Fault("limit-seconds", "limit", "status-429?retry_after=1", "Retry-After in seconds."),
    Fault("limit-fraction", "limit", "status-429?retry_after=0.5", "In fractions of a second."),
    Fault("limit-ms", "limit", "status-429?retry_after_ms=700", "In milliseconds, in a header of its own."),
    Fault("limit-date", "limit", "status-429?retry_date=2", "As a date, two seconds ahead."),
    Fault("limit-past", "limit", "status-429?retry_date=-3600", "As a date that has passed."),
    Fault("limit-long", "limit", "status-429?retry_after=30", "Half a minute."),
    Fault("limit-ages", "limit", "status-429?retry_after=1000000000", "Thirty years."),
    Fault("limit-negative", "limit", "status-429?retry_after=-5", "A negative number."),
    Fault("limit-nonsense", "limit", "status-429?retry_after=abc", "Not a time at all."),
    Fault(
        "limit-window",
        "limit",
        "status-429+header?x-ratelimit-remaining-requests=0&x-ratelimit-reset-requests=1s",
        "No Retry-After, but when the window ends.",
    ),
    Fault("limit-bare", "limit", "status-429", "Without any hint."),
    Fault("quota", "quota", "status-429?type=insufficient_quota&code=insufficient_quota", "The account is empty."),
    Fault(
        "credit",
        "quota",
        "status-400?type=invalid_request_error&message=Your%20credit%20balance%20is%20too%20low",
        "The same, in words alone.",
    ),
    Fault("spend-limit", "quota", "status-429?code=enforced_spend_limit", "A limit that the owner has set."),
    Fault("error-402", "quota", "status-402", "Payment required."),
)

_SERVER: Final = (
    Fault("error-500-once", "server error", "status-500+times?n=1", "A server error, once."),
    *_statuses(
        "server error",
        {
            500: "An internal error.",
            502: "A bad gateway.",
            520: "A proxy got nonsense.",
            521: "A proxy was refused.",
            523: "A proxy found no route.",
            525: "A proxy could not shake hands.",
            526: "A proxy met a bad certificate.",
            527: "A proxy met an error.",
            530: "A proxy could not resolve the host.",
        },
    ),
    *_statuses("overload", {503: "Unavailable.", 529: "Overloaded."}),
    Fault("unavailable-30", "overload", "status-503?retry_after=30", "Unavailable, for half a minute."),
    *_statuses("server timeout", {504: "A proxy's time-out.", 522: "Connecting took too long.", 524: "A time-out."}),
    *_statuses("transient", {408: "The request took too long.", 409: "A conflict.", 425: "Too early."}),
)

_REFUSALS: Final = (
    Fault("error-401", "credential", "status-401?code=invalid_api_key", "The key is wrong."),
    Fault("error-403", "forbidden", "status-403?code=permission_denied", "The account may not."),
    Fault("error-404", "no model", "status-404?code=model_not_found", "There is no such model."),
    Fault("error-410", "no model", "status-410", "The model is gone."),
    Fault("context", "context", "status-400?code=context_length_exceeded", "The prompt does not fit."),
    Fault("context-words", "context", "status-400?message=prompt%20is%20too%20long", "The same, in words alone."),
    Fault("policy", "policy", "status-400?code=content_policy_violation", "The content is refused."),
    Fault("policy-filter", "policy", "status-400?code=content_filter", "The content is filtered."),
    Fault("refusal", "refusal", "finish?reason=content_filter", "The answer is filtered."),
    Fault("error-400", "bad request", "status-400?param=temperature", "The request is refused."),
    Fault("error-422", "bad request", "status-422", "The request cannot be processed."),
    Fault("error-413", "too large", "status-413", "The request is too large."),
    *(
        Fault(f"redirect-{status}", "redirect", f"redirect?status={status}", "A redirect.")
        for status in (301, 302, 303, 307, 308)
    ),
)

_SLOW: Final = (
    Fault("silent", "silent", "stall-headers", "No answer at all."),
    Fault("silent-stream", "silent", "stall-after?n=0", "Headers, and then nothing."),
    _stream("silent-role", "silent", "stall-after?n=1", "The role, and then nothing."),
    _stream("comments-only", "silent", "trickle?n=1", "The role, and then nothing but comments."),
    Fault("slow-first-token", "slow", "delay-first?ms=20000", "The first byte after 20 seconds."),
    _stream("stall", "stall", "long?n=60+stall-after?n=21", "Silence after 20 tokens of 60."),
    _stream("stall-comments", "stall", "long?n=60+trickle?n=21", "Nothing but comments after 20 tokens of 60."),
)

_SIZES: Final = (
    _unary("big-body", "too much", "big-body", "An answer of 65 MiB."),
    Fault("endless", "too much", "endless", "An answer without an end."),
    _stream("big-line", "too much", "big-line", "One event of 5 MiB."),
    _stream("flood", "too much", "flood", "Comments without end."),
    _stream("empty-deltas", "too much", "empty-deltas", "2,000 events without content before the first."),
    Fault("bomb", "bad encoding", "bomb", "A compressed body of 32 MiB of blanks."),
    Fault("wrong-encoding", "bad encoding", "encoding?value=br", "Called Brotli, but plain."),
    Fault("not-gzip", "bad encoding", "encoding?value=gzip", "Called gzip, but plain."),
    Fault("double-gzip", "bad encoding", "double-gzip", "Compressed twice."),
)

_ODD: Final = (
    Fault("gzip", "odd but valid", "gzip", "Compressed though nobody asked for it."),
    Fault("bad-utf8", "bad text", "bad-utf8", "Bytes that are not UTF-8."),
    Fault("lone-surrogate", "bad text", "lone-surrogate", "Half of a surrogate pair."),
    Fault("nul", "odd but valid", "nul", "A NUL, escaped."),
    Fault(
        "split-characters",
        "odd but valid",
        "text?value=Gr%C3%BC%C3%9Fe,%20%E6%BC%A2%E5%AD%97%20%F0%9F%98%80+split-every-byte",
        "Characters of several bytes, byte by byte.",
    ),
    _stream("bom", "odd but valid", "bom", "A byte order mark at the beginning."),
    _stream("cr", "odd but valid", "cr", "Lines that end in CR."),
    _stream("crlf", "odd but valid", "crlf", "Lines that end in CR and LF."),
    _stream("mixed-ends", "odd but valid", "mixed-ends", "Lines that end in each of the three ways."),
    _stream("comments", "odd but valid", "comments", "Comments between the events."),
    _stream("meta-events", "odd but valid", "meta-events", "Events without data."),
    _stream("multi-line", "odd but valid", "multi-line", "Data on several lines."),
    _stream("no-space", "odd but valid", "no-space", "No blank after the colon."),
    _stream("split-every-byte", "odd but valid", "split-every-byte", "Byte by byte."),
    _stream("first-empty", "odd but valid", "first-empty", "A first event without any choice."),
    _stream("malformed", "malformed once", "malformed-event?n=4", "One event that is not JSON."),
    _stream("malformed-twice", "malformed", "slow?ms=20&n=8+malformed-event?n=4&count=2", "Two of them."),
    _stream(
        "malformed-no-finish", "malformed", "slow?ms=20&n=8+malformed-event?n=4+no-finish", "One, and no finish reason."
    ),
    Fault("tool-broken", "odd tools", "tool?arguments=%7B%22city%22:", "Arguments that are not JSON."),
    Fault("tool-unknown", "odd tools", "tool?name=launch_rocket", "A tool that nobody offered."),
    _stream("tool-split-name", "odd tools", "tool?shape=split-name", "A name in two pieces."),
    _stream("tool-same-index", "odd tools", "tool?shape=same-index", "Two calls of one index."),
)

FAULTS: Final = (
    *(*_CONNECTION, *_ENDS, *_NONSENSE, *_HIDDEN, *_LIMITS, *_SERVER),
    *(*_REFUSALS, *_SLOW, *_SIZES, *_ODD),
)
"""Every fault, in the order of the documentation."""

NAMED: Final[Mapping[str, Fault]] = MappingProxyType({fault.name: fault for fault in FAULTS})
"""The same by name."""
