"""How long upstreams take until they have something to say: a quantile for each entry and model, and when to hedge.

Pure but for what it remembers. Of each series the newest few hundred calls count. Where too little was seen a usual
time stands for it.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from server.chat.deployment import Candidate

QUANTILE: Final = 0.95
LEAST_SAMPLES: Final = 20
LEAST_S: Final = 0.1
"""Nobody is hedged sooner: what is that fast gains nothing."""

USUAL_S: Final[Mapping[bool, float]] = MappingProxyType({True: 2.0, False: 10.0})
"""Where too little was seen: until the first content of a stream, and until a whole answer."""

FRACTION: Final = 0.1
"""How many of all calls may be hedges."""

MOST_SAVED: Final = 10.0
MAX_SERIES: Final = 2_000

_FIRST_S: Final = 0.001
_STEP: Final = 1.15
_PER_LOG: Final = 1.0 / math.log(_STEP)
_BUCKETS: Final = 96
_HALVED_AT: Final = 400

SeriesKey = tuple[str, str, bool]


class Pace:
    """The times of one series, in buckets each 15 % wider than the one before."""

    __slots__ = ("count", "counts")

    def __init__(self) -> None:
        self.counts = [0] * _BUCKETS
        self.count = 0

    def saw(self, took_s: float) -> None:
        """Takes a time."""
        at = int(math.log(took_s / _FIRST_S) * _PER_LOG) if took_s > _FIRST_S else 0
        self.counts[at if at < _BUCKETS else _BUCKETS - 1] += 1
        self.count += 1
        if self.count >= _HALVED_AT:
            self.counts = [count // 2 for count in self.counts]
            self.count = sum(self.counts)

    def quantile_s(self, share: float = QUANTILE) -> float:
        """The time within which that share of the calls was answered, at most 15 % too high. There is at least one."""
        left = share * self.count
        for at, count in enumerate(self.counts):
            left -= count
            if left <= 0.0:
                return _FIRST_S * _STEP ** (at + 1)
        return _FIRST_S * _STEP**_BUCKETS


class Hedging:
    """When a second candidate is asked, of all requests together, and how often that may be.

    `hedge_count` is how often it was, `refused_count` how often the budget had no room for it.
    """

    def __init__(self, fraction: float = FRACTION, max_series: int = MAX_SERIES) -> None:
        self._fraction = fraction
        self._max_series = max_series
        self._paces: dict[SeriesKey, Pace] = {}
        # Of whom a call was seen last, by whether it was a stream, and the times of that.
        self._seen: dict[bool, tuple[Candidate, Pace]] = {}
        self._saved = 1.0 if fraction > 0.0 else 0.0
        self.hedge_count = 0
        self.refused_count = 0

    def saw(self, candidate: Candidate, took_s: float, *, is_stream: bool) -> None:
        """Notes how long a call took until there was something, and that there was a call."""
        saved = self._saved + self._fraction
        self._saved = saved if saved < MOST_SAVED else MOST_SAVED
        seen = self._seen.get(is_stream)
        pace = seen[1] if seen is not None and seen[0] is candidate else self._pace(candidate, is_stream)
        at = int(math.log(took_s / _FIRST_S) * _PER_LOG) if took_s > _FIRST_S else 0
        if pace.count < _HALVED_AT - 1:  # what `Pace.saw` does nearly always
            pace.counts[at if at < _BUCKETS else _BUCKETS - 1] += 1
            pace.count += 1
        else:
            pace.saw(took_s)

    def _pace(self, candidate: Candidate, is_stream: bool) -> Pace:
        """The times of a candidate that is not the one that was seen last."""
        key = candidate.deployment.provider_id, candidate.model, is_stream
        pace = self._paces.get(key)
        if pace is None:
            if len(self._paces) >= self._max_series:
                del self._paces[next(iter(self._paces))]
                self._seen.clear()
            pace = self._paces[key] = Pace()
        self._seen[is_stream] = candidate, pace
        return pace

    def after_s(self, candidate: Candidate, *, is_stream: bool) -> float:
        """Seconds after which another candidate may be asked beside this one."""
        pace = self._paces.get((candidate.deployment.provider_id, candidate.model, is_stream))
        if pace is None or pace.count < LEAST_SAMPLES:
            return USUAL_S[is_stream]
        return max(pace.quantile_s(), LEAST_S)

    def take(self) -> bool:
        """Takes a hedge out of the budget; False if there is none."""
        if self._saved < 1.0:
            self.refused_count += 1
            return False
        self._saved -= 1.0
        self.hedge_count += 1
        return True

    def give_back(self) -> None:
        """Puts back what was taken and not needed."""
        self._saved += 1.0
        self.hedge_count -= 1
