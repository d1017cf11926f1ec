"""How long the caller is ready to wait: `Grpc-Timeout` and `x-request-timeout`.

Facts: the gRPC HTTP/2 protocol (at most eight digits and a unit) and the REST contract (seconds, decimals allowed).
"""

import math
from types import MappingProxyType
from typing import Final

from edge.transcoder.faults import invalid

GRPC_TIMEOUT: Final = "grpc-timeout"
REQUEST_TIMEOUT: Final = "x-request-timeout"
_NS_OF_UNIT: Final = MappingProxyType(
    {"H": 3_600_000_000_000, "M": 60_000_000_000, "S": 1_000_000_000, "m": 1_000_000, "u": 1_000, "n": 1}
)
_MAX_DIGITS: Final = 8
_MAX_TEXT: Final = 32
_SECONDS_CHARS: Final = frozenset("0123456789.")


def grpc_timeout_ns(text: str) -> int | None:
    """A `Grpc-Timeout` value in nanoseconds; None when it is empty.

    Raises:
        TranscodeError: 400, not one to eight digits and a unit of H, M, S, m, u or n.
    """
    if not text:
        return None
    digits, unit_ns = text[:-1], _NS_OF_UNIT.get(text[-1])
    if unit_ns is None or not digits.isascii() or not digits.isdigit() or len(digits) > _MAX_DIGITS:
        raise invalid("Grpc-Timeout takes one to eight digits and a unit: H, M, S, m, u or n.", GRPC_TIMEOUT)
    return int(digits) * unit_ns


def request_timeout_s(text: str) -> float | None:
    """An `x-request-timeout` value in seconds; None when it is empty.

    Raises:
        TranscodeError: 400, not a decimal number above zero.
    """
    if not text:
        return None
    try:
        seconds = float(text) if len(text) <= _MAX_TEXT and _SECONDS_CHARS.issuperset(text) else math.nan
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise invalid("x-request-timeout takes seconds above zero, such as 2.5.", REQUEST_TIMEOUT)
    return seconds


def timeout_s(grpc_timeout: str | None, request_timeout: str | None) -> float | None:
    """The lesser of both headers in seconds; None when neither says anything.

    Raises:
        TranscodeError: 400, one of them is malformed.
    """
    if grpc_timeout is None and request_timeout is None:
        return None
    nanoseconds = grpc_timeout_ns(grpc_timeout or "")
    bounds = [None if nanoseconds is None else nanoseconds / 1e9, request_timeout_s(request_timeout or "")]
    return min((bound for bound in bounds if bound is not None), default=None)
