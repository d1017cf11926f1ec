"""What every fault must lead to: the expectations of the matrix, written out by hand. Data only.

The rules behind them: before the first content every failure of a provider moves on, unseen; after it, one error in the
stream and no mark of the end. A target is tried twice at most, a further one once. A caller is never blamed for the
workspace's credential, and nobody is retried who said no for good.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

HELLO: Final = "Hello from the mock upstream."
INTERRUPTED: Final = "UPSTREAM_STREAM_INTERRUPTED"


class Bill(Enum):
    """What an attempt costs: nothing, tokens that were counted here, or tokens that the provider reported."""

    NONE = "none"
    ESTIMATED = "estimated"
    REPORTED = "reported"


class Pace(Enum):
    """Which gateway is asked: one with usual time limits, or one with limits of a second."""

    PATIENT = "patient"
    BRISK = "brisk"


@dataclass(frozen=True, slots=True)
class Row:
    """What a fault leads to.

    `reasons` are what the caller may be told when nobody answers; empty: the faulty target answers after all, with
    `text`. `sole` is how often it is asked when it stands alone, `first` when another stands behind it; both from, to.
    `moves`: whether the other is asked then. `breaks`: a stream breaks after content. `bill`: that of a failed attempt,
    None where the request may have run or not.
    `wait_s` bounds the wait that the caller is told, None if it need not be told one.
    """

    fault: str
    reasons: tuple[str, ...] = ()
    sole: tuple[int, int] = (1, 1)
    first: tuple[int, int] = (1, 1)
    moves: bool = True
    breaks: bool = False
    bill: Bill | None = Bill.NONE
    pace: Pace = Pace.PATIENT
    text: str = HELLO
    finish: str = "stop"
    wait_s: tuple[int, int] | None = None
    stream: bool = True
    unary: bool = True
    max_tokens: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_fine(self) -> bool:
        """Whether the caller gets the faulty target's own answer."""
        return not self.reasons


def _rows(faults: Iterable[str], *reasons: str, **more: object) -> tuple[Row, ...]:
    return tuple(replace(Row(fault, reasons), **more) for fault in faults)  # type: ignore[arg-type]


ONCE: Final = (1, 1)
TWICE: Final = (2, 2)
MAYBE_TWICE: Final = (1, 2)

_UNREACHED: Final = (
    *_rows(["refused"], "UPSTREAM_UNAVAILABLE", sole=MAYBE_TWICE),
    *_rows(["black-hole"], "UPSTREAM_TIMEOUT", pace=Pace.BRISK),
    *_rows(["hang-up"], "UPSTREAM_RESET", sole=MAYBE_TWICE, first=MAYBE_TWICE, bill=None),
    *_rows(["tls-expired", "tls-wrong-name", "tls-self-signed"], "UPSTREAM_TLS"),
    *_rows(["tls-hang"], "UPSTREAM_TLS", pace=Pace.BRISK),
    *_rows(["https://nobody.example.com/v1"], "UPSTREAM_DNS"),
    *_rows(["https://servfail.example.com/v1"], "UPSTREAM_DNS", sole=TWICE, first=TWICE),
)

_BROKEN: Final = (
    *_rows(["reset-early", "close-early", "half-head"], "UPSTREAM_RESET", sole=TWICE, first=TWICE, bill=None),
    Row("reset-early-once", sole=TWICE, first=TWICE, bill=None),
    *_rows(["reset-after-headers"], "UPSTREAM_RESET", sole=MAYBE_TWICE, first=MAYBE_TWICE, bill=Bill.ESTIMATED),
    *_rows(
        ["close-after-headers"],
        *("UPSTREAM_RESET", "UPSTREAM_BAD_RESPONSE"),
        sole=MAYBE_TWICE,
        first=MAYBE_TWICE,
        bill=Bill.ESTIMATED,
    ),
    *_rows(["reset-midway"], "UPSTREAM_RESET", sole=TWICE, first=TWICE, bill=Bill.ESTIMATED, stream=False),
    *_rows(
        ["close-midway", "short-body", "truncated-json"],
        "UPSTREAM_BAD_RESPONSE",
        sole=TWICE,
        first=TWICE,
        bill=Bill.ESTIMATED,
        stream=False,
    ),
    *_rows(
        ["reset-midway", "close-midway", "close-in-event", "close-in-chunk", "no-end", "end-in-event"],
        INTERRUPTED,
        breaks=True,
        bill=Bill.ESTIMATED,
        unary=False,
    ),
    *_rows(
        ["role-only", "no-events", "done-only"],
        "UPSTREAM_BAD_RESPONSE",
        sole=MAYBE_TWICE,
        first=MAYBE_TWICE,
        bill=Bill.ESTIMATED,
        unary=False,
    ),
    *_rows(["no-done", "no-done-open"], unary=False),
)

_NONSENSE: Final = (
    *_rows(
        ["empty-body", "no-choices", "no-json"],
        "UPSTREAM_BAD_RESPONSE",
        sole=MAYBE_TWICE,
        first=MAYBE_TWICE,
        bill=Bill.ESTIMATED,
    ),
    *_rows(["html"], "UPSTREAM_BAD_RESPONSE", sole=MAYBE_TWICE),
    *_rows(["not-http", "big-head"], "UPSTREAM_BAD_RESPONSE", sole=MAYBE_TWICE, first=MAYBE_TWICE),
    *_rows(["html-error"], "UPSTREAM_UNAVAILABLE", sole=TWICE, first=TWICE),
    *_rows(["error-in-200"], "UPSTREAM_UNAVAILABLE", sole=TWICE, first=TWICE),
    *_rows(["overload-in-200"], "UPSTREAM_UNAVAILABLE", sole=MAYBE_TWICE),
    *_rows(["limit-in-200"], "UPSTREAM_RATE_LIMITED", sole=MAYBE_TWICE, first=MAYBE_TWICE, wait_s=(0, 60)),
    *_rows(["quota-in-200"], "UPSTREAM_QUOTA"),
    *_rows(["context-in-200"], "CONTEXT_TOO_LONG", moves=False),
    *_rows(["error-first", "error-after-role"], "UPSTREAM_UNAVAILABLE", sole=TWICE, first=TWICE, unary=False),
    *_rows(["overload-first"], "UPSTREAM_UNAVAILABLE", sole=MAYBE_TWICE, unary=False),
    *_rows(
        ["limit-first"],
        "UPSTREAM_RATE_LIMITED",
        sole=MAYBE_TWICE,
        first=MAYBE_TWICE,
        wait_s=(0, 60),
        unary=False,
    ),
    *_rows(
        ["error-midway", "limit-midway", "named-error-midway", "finish-error"],
        INTERRUPTED,
        breaks=True,
        bill=Bill.ESTIMATED,
        unary=False,
    ),
)

_LIMITED: Final = "UPSTREAM_RATE_LIMITED"
_LIMITS: Final = (
    Row("limit-once", sole=TWICE, first=TWICE),
    *_rows(
        ["limit-seconds", "limit-fraction", "limit-ms", "limit-window"],
        _LIMITED,
        sole=TWICE,
        first=TWICE,
        wait_s=(0, 1),
    ),
    *_rows(["limit-date"], _LIMITED, sole=TWICE, first=TWICE, wait_s=(0, 2)),
    *_rows(["limit-past", "limit-negative"], _LIMITED, sole=TWICE, first=TWICE, wait_s=(0, 60)),
    *_rows(["limit-long"], _LIMITED, wait_s=(25, 30)),
    *_rows(["limit-ages"], _LIMITED, wait_s=(55, 60)),
    *_rows(["limit-nonsense", "limit-bare"], _LIMITED, sole=MAYBE_TWICE, first=MAYBE_TWICE, wait_s=(0, 60)),
    *_rows(["quota", "credit", "spend-limit", "error-402"], "UPSTREAM_QUOTA"),
)

_ANSWERED: Final = (
    Row("error-500-once", sole=TWICE, first=TWICE),
    *_rows(
        ["error-500", "error-502", "error-520", "error-521", "error-523", "error-525", "error-526", "error-527"],
        "UPSTREAM_UNAVAILABLE",
        sole=TWICE,
        first=TWICE,
    ),
    *_rows(["error-530"], "UPSTREAM_UNAVAILABLE", sole=TWICE, first=TWICE),
    *_rows(["error-503", "error-529"], "UPSTREAM_UNAVAILABLE", sole=MAYBE_TWICE),
    *_rows(["unavailable-30"], "UPSTREAM_UNAVAILABLE"),
    *_rows(["error-504", "error-522", "error-524", "error-408"], "UPSTREAM_TIMEOUT", sole=TWICE, first=TWICE),
    *_rows(["error-409", "error-425"], "CONFLICT", "UPSTREAM_TIMEOUT", sole=TWICE, first=TWICE),
    *_rows(["error-401"], "UPSTREAM_AUTH"),
    *_rows(["error-403"], "UPSTREAM_FORBIDDEN"),
    *_rows(["error-404", "error-410"], "MODEL_UNKNOWN"),
    *_rows(["context", "context-words"], "CONTEXT_TOO_LONG", moves=False),
    *_rows(["policy", "policy-filter"], "CONTENT_BLOCKED", moves=False),
    Row("refusal", finish="content_filter"),
    *_rows(["error-400", "error-422"], "REQUEST_INVALID", moves=False),
    *_rows(["error-413"], "BODY_TOO_LARGE"),
    *_rows([f"redirect-{status}" for status in (301, 302, 303, 307, 308)], "UPSTREAM_REDIRECT"),
)

_SLOW: Final = (
    *_rows(["silent", "silent-stream", "slow-first-token"], "UPSTREAM_TIMEOUT", pace=Pace.BRISK, bill=Bill.ESTIMATED),
    *_rows(["silent-role", "comments-only"], "UPSTREAM_TIMEOUT", pace=Pace.BRISK, bill=Bill.ESTIMATED, unary=False),
    *_rows(["stall", "stall-comments"], INTERRUPTED, breaks=True, pace=Pace.BRISK, bill=Bill.ESTIMATED, unary=False),
    Row("delay-first?ms=300"),
    Row("slow?ms=400&n=5", text="token0 token1 token2 token3 token4 ", pace=Pace.BRISK, unary=False),
)

_MUCH: Final = (
    *_rows(
        ["big-body"], "UPSTREAM_BAD_RESPONSE", sole=MAYBE_TWICE, first=MAYBE_TWICE, bill=Bill.ESTIMATED, stream=False
    ),
    *_rows(
        ["endless"], "UPSTREAM_BAD_RESPONSE", sole=MAYBE_TWICE, first=MAYBE_TWICE, bill=Bill.ESTIMATED, stream=False
    ),
    *_rows(["endless"], INTERRUPTED, breaks=True, bill=Bill.ESTIMATED, unary=False, max_tokens=16),
    *_rows(["big-line"], INTERRUPTED, breaks=True, bill=Bill.ESTIMATED, unary=False),
    *_rows(
        ["flood"],
        *("UPSTREAM_BAD_RESPONSE", "UPSTREAM_TIMEOUT"),
        sole=MAYBE_TWICE,
        first=MAYBE_TWICE,
        pace=Pace.BRISK,
        bill=Bill.ESTIMATED,
        unary=False,
    ),
    *_rows(
        ["empty-deltas"],
        "UPSTREAM_BAD_RESPONSE",
        sole=MAYBE_TWICE,
        first=MAYBE_TWICE,
        bill=Bill.ESTIMATED,
        unary=False,
    ),
    *_rows(
        ["bomb", "wrong-encoding", "not-gzip", "double-gzip"],
        "UPSTREAM_BAD_RESPONSE",
        sole=MAYBE_TWICE,
        first=MAYBE_TWICE,
    ),
)

_ODD: Final = (
    Row("gzip"),
    Row("bad-utf8", text="Hello \ufffd\ufffd from the mock upstream.", notes=("UTF-8",)),
    Row("lone-surrogate", text="Hello \ufffd from the mock upstream.", notes=("UTF-8",)),
    Row("nul", text="Hello \x00 from the mock upstream."),
    Row("split-characters", text="Grüße, 漢字 😀"),
    *_rows(["bom", "cr", "crlf", "mixed-ends", "comments", "meta-events", "multi-line", "no-space"], unary=False),
    *_rows(["split-every-byte", "first-empty"], unary=False),
    Row("malformed", notes=("upstream_malformed_events",), unary=False),
    *_rows(["malformed-twice", "malformed-no-finish"], INTERRUPTED, breaks=True, bill=Bill.ESTIMATED, unary=False),
    Row("tool-broken", text='{"city":', finish="tool_calls"),
    Row("tool-unknown", text="{}", finish="tool_calls"),
    Row("tool-split-name", text="{}", finish="tool_calls", unary=False),
    Row("tool-same-index", text="{}{}", finish="tool_calls", unary=False),
)

ROWS: Final = (*_UNREACHED, *_BROKEN, *_NONSENSE, *_LIMITS, *_ANSWERED, *_SLOW, *_MUCH, *_ODD)
"""Every row of the matrix."""
