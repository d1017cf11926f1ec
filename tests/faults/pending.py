"""Rows that the gateway does not meet yet, by what it lacks. Data only; `make faults` runs them, `make test` does not.

A row leaves this page with the change that meets it. Its expectation in `table` is never touched for that.
"""

from typing import Final

_RETRIES: Final = "another try at the same target"
_WAITS: Final = "waiting for a limit that ends soon"
_ESTIMATES: Final = "counting what a failed attempt may have cost"
_FLAGS: Final = "repairing and flagging text that is none, in answers that are no streams too"

PENDING: Final = {
    _RETRIES: (
        *("close-early", "half-head", "reset-early", "reset-early-once", "https://servfail.example.com/v1"),
        *("error-408", "error-409", "error-425", "error-500", "error-500-once", "error-502", "error-504", "error-520"),
        *("error-521", "error-522", "error-523", "error-524", "error-525", "error-526", "error-527", "error-530"),
        *("error-after-role", "error-first", "error-in-200", "html-error", "truncated-json", "short-body"),
    ),
    _WAITS: (
        *("limit-date", "limit-fraction", "limit-ms", "limit-negative", "limit-once", "limit-past", "limit-seconds"),
        "limit-window",
    ),
    _ESTIMATES: (
        *("big-body", "close-after-headers", "close-midway", "comments-only", "empty-body", "empty-deltas", "flood"),
        *("no-choices", "no-events", "no-json", "reset-after-headers", "reset-midway", "role-only", "silent"),
        *("silent-role", "silent-stream", "slow-first-token"),
    ),
    "telling an answer with nothing in it from a whole one": ("done-only",),
    "a bound on what a request's own limit of tokens allows": ("endless",),
    "a bound on headers that come in one piece": ("big-head",),
    _FLAGS: ("bad-utf8", "lone-surrogate"),
}
"""What is missing, and the faults that show it."""

ABSENT: Final = frozenset(fault for faults in PENDING.values() for fault in faults)
"""All of them."""
