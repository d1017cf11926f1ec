"""What the client is told when every candidate has failed: the most telling of the failures. Pure.

Of one candidate the most telling of its failures counts, in the order 400 > 429 > 503 > 502 > 504. Over all candidates
the same order holds, but a limit is only told when every candidate was limiting, with the shortest of their waits: as
long as one failed otherwise, waiting for the others is no advice. That a model is not served, or cannot take what was
asked for, is told when all agree.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from server.chat.deployment import Candidate
from server.errors import PerpetuoError
from server.routing.failure import FailureClass

OWN_WAIT_S: Final = 1.0
"""What a client is told to wait after a limit whose provider told nothing."""

_RANKS: Final[Mapping[int, int]] = MappingProxyType({400: 0, 413: 0, 429: 1, 503: 2, 502: 3, 504: 4, 409: 5})
_LAST: Final = 6
_LIMITS: Final = frozenset({FailureClass.LIMITED, FailureClass.QUOTA})
_ASKED_OTHERWISE: Final = frozenset({FailureClass.USAGE_OPTION, FailureClass.STREAM_ONLY})
_ONLY_IF_ALL: Final = frozenset({*_LIMITS, FailureClass.NO_MODEL, FailureClass.UNFIT})


class Failure(Struct, frozen=True):
    """What a call to a candidate came to."""

    candidate: Candidate
    kind: FailureClass
    error: PerpetuoError


def verdict(failures: Sequence[Failure]) -> Failure:
    """The failure that is told; there is at least one."""
    of_candidates = _of_candidates(failures)
    if all(failure.kind in _LIMITS for failure in of_candidates):
        return min(of_candidates, key=_wait)
    telling = [failure for failure in of_candidates if failure.kind not in _ONLY_IF_ALL]
    telling = telling or [failure for failure in of_candidates if failure.kind in _LIMITS] or of_candidates
    return min(telling, key=_rank)


def _of_candidates(failures: Sequence[Failure]) -> list[Failure]:
    """The most telling failure of each candidate."""
    told: dict[tuple[str, str], Failure] = {}
    for failure in failures:
        key = failure.candidate.deployment.provider_id, failure.candidate.model
        if key not in told or _rank(failure) < _rank(told[key]):
            told[key] = failure
    return list(told.values())


def _rank(failure: Failure) -> int:
    """Its place in the order, the most telling first. A failure of our own hides behind nobody's.

    What was asked for in another way then tells nothing.
    """
    if failure.kind is FailureClass.OURS:
        return -1
    if failure.kind in _ASKED_OTHERWISE:
        return _LAST
    return _RANKS.get(failure.error.http_status, _LAST)


def _wait(failure: Failure) -> float:
    """Seconds to wait; a quota does not come back by waiting."""
    if failure.kind is FailureClass.QUOTA:
        return float("inf")
    wait_s = failure.error.retry_after_s
    return OWN_WAIT_S if wait_s is None else wait_s
