"""What a failed attempt leads to, as a table: try the next candidate, or stop.

Pure. A reason that is not listed blames the request or the gateway itself, and stops. What the client is told when
every candidate failed is decided here too.
"""

from collections.abc import Sequence
from enum import Enum

from server.errors import (
    ModelUnknown,
    PerpetuoError,
    UpstreamQuota,
    UpstreamRateLimited,
)


class Move(Enum):
    """What follows a failed attempt."""

    NEXT = "next"
    STOP = "stop"


_MOVES_ON = frozenset(
    {
        "MODEL_UNKNOWN",
        "BODY_TOO_LARGE",
        "PARAM_UNSUPPORTED",
        "UPSTREAM_AUTH",
        "UPSTREAM_BAD_RESPONSE",
        "UPSTREAM_BLOCKED",
        "UPSTREAM_DNS",
        "UPSTREAM_FORBIDDEN",
        "UPSTREAM_QUOTA",
        "UPSTREAM_RATE_LIMITED",
        "UPSTREAM_REDIRECT",
        "UPSTREAM_RESET",
        "UPSTREAM_TIMEOUT",
        "UPSTREAM_TLS",
        "UPSTREAM_UNAVAILABLE",
    }
)

# A broken stream may not move on, but its upstream has failed. What is too large or cannot be carried is the request's
# doing.
_FAILED = _MOVES_ON - {"BODY_TOO_LARGE", "PARAM_UNSUPPORTED"} | {"UPSTREAM_STREAM_INTERRUPTED"}

# Which failure tells the client most, the first first. Limits come last: they are only told when nothing else failed.
_TELLING = (503, 502, 504, 413, 404, 429)


def move_after(error: PerpetuoError) -> Move:
    """Whether the next candidate may be tried after `error`, before anything was sent to the client."""
    return Move.NEXT if error.reason in _MOVES_ON else Move.STOP


def blames_provider(outcome: str) -> bool:
    """Whether the outcome of an attempt speaks against its upstream, and not against the request or the caller."""
    return outcome in _FAILED


def flags_credential(error: PerpetuoError) -> bool:
    """Whether the failure says that the provider entry's own credential is wrong."""
    return error.reason in ("UPSTREAM_AUTH", "UPSTREAM_FORBIDDEN")


def verdict(errors: Sequence[PerpetuoError]) -> PerpetuoError:
    """The error that the client sees when every candidate failed; `errors` holds at least one.

    All limiting: 429 with the shortest wait. All without the model: 404. Else the most telling of the others.
    """
    limiting = [error for error in errors if isinstance(error, UpstreamRateLimited)]
    if len(limiting) == len(errors):
        return min(limiting, key=lambda error: error.retry_after_s or 60.0)
    others = [error for error in errors if not isinstance(error, UpstreamRateLimited | ModelUnknown)]
    others = others or [*limiting] or [*errors]
    quota = [error for error in others if isinstance(error, UpstreamQuota)]
    if quota and len(quota) < len(others):
        others = [error for error in others if not isinstance(error, UpstreamQuota)]
    return min(others, key=lambda error: _TELLING.index(error.http_status) if error.http_status in _TELLING else -1)
