"""What is under way at each upstream and how long it takes, from which follows how loaded it is.

Fed by the attempts themselves: one begins, and one ends exactly once. An upstream is a provider entry and a model. Only
numbers in memory; nothing here waits, and nobody is refused.
"""

from collections.abc import Callable
from typing import Final

from server.routing.attempt import Attempt
from server.routing.failure import blames_provider
from server.routing.load.peak import PeakLatency

FAILURE_S: Final = 5.0
"""What a failure counts as if it came sooner: who fails quickly must not look quick."""

UNSEEN_S: Final = 1.0
"""What an answer is taken to take of an upstream that has been asked, and has not answered yet."""

MAX_UPSTREAMS: Final = 10_000

_OK: Final = "ok"


class Upstream:
    """What is known of one upstream: calls under way, and how long streams and other answers take."""

    __slots__ = ("in_flight", "stream", "unary")

    def __init__(self) -> None:
        self.in_flight = 0
        self.stream = PeakLatency()
        self.unary = PeakLatency()

    def latency(self, *, is_stream: bool) -> PeakLatency:
        """To the first content of streams, to the whole of other answers."""
        return self.stream if is_stream else self.unary


class Traffic:
    """All upstreams. `now_s` is any steady clock; at most `max_upstreams` that are at rest are remembered."""

    def __init__(self, now_s: Callable[[], float], max_upstreams: int = MAX_UPSTREAMS) -> None:
        self._now_s = now_s
        self._max_upstreams = max_upstreams
        self._upstreams: dict[tuple[str, str], Upstream] = {}
        self.in_flight = 0

    def begin(self, attempt: Attempt) -> None:
        """Counts a call until it ends."""
        candidate = attempt.candidate
        self._at((candidate.deployment.provider_id, candidate.model)).in_flight += 1
        self.in_flight += 1
        attempt.on_end = self._end

    def load(self, provider_id: str, model: str, is_stream: bool) -> float:
        """How loaded an upstream is: what one more call would have to wait for, in seconds; 0 if nothing is known."""
        upstream = self._upstreams.get((provider_id, model))
        if upstream is None:
            return 0.0
        latency_s = upstream.latency(is_stream=is_stream).at(self._now_s())
        if not latency_s and upstream.in_flight:
            latency_s = UNSEEN_S
        return latency_s * (upstream.in_flight + 1)

    def under_way(self, provider_id: str, model: str) -> int:
        """How many calls an upstream has."""
        upstream = self._upstreams.get((provider_id, model))
        return 0 if upstream is None else upstream.in_flight

    def _end(self, attempt: Attempt) -> None:
        record = attempt.record
        assert record is not None
        upstream = self._at((record.provider_id, record.model))
        upstream.in_flight -= 1
        self.in_flight -= 1
        latency, took_s = upstream.latency(is_stream=attempt.is_stream), attempt.answered_s or 0.0
        if record.outcome == _OK:
            latency.observe(took_s, self._now_s())
        elif blames_provider(record.outcome):
            latency.observe(max(took_s, FAILURE_S), self._now_s())
        else:
            latency.at_least(took_s, self._now_s())

    def _at(self, key: tuple[str, str]) -> Upstream:
        found = self._upstreams.get(key)
        if found is None:
            if len(self._upstreams) >= self._max_upstreams:
                self._forget_one()
            found = self._upstreams[key] = Upstream()
        return found

    def _forget_one(self) -> None:
        """Forgets the one that has been known longest of those at rest; all of them may be at work."""
        resting = next((key for key, upstream in self._upstreams.items() if not upstream.in_flight), None)
        if resting is not None:
            del self._upstreams[resting]
