"""How long upstreams take until they have something to say: a quantile for each entry and model, and when to hedge.

Pure but for what it remembers. Of each series the newest few hundred calls count. Where too little was seen a usual
time stands for it. Calls are noted as they are, and taken in when somebody asks, or when so many have gathered.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from functools import partial
from itertools import groupby
from operator import itemgetter
from types import MappingProxyType
from typing import Final, TypeAlias

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

TOGETHER: Final = 64
"""So many calls are taken in at once, at the latest."""

_FIRST_S: Final = 0.001
_STEP: Final = 1.15
_BUCKETS: Final = 96
_BUCKET_OF: Final = partial(bisect_right, [_FIRST_S * _STEP**at for at in range(1, _BUCKETS)])
_HALVED_AT: Final = 400

SeriesKey = tuple[str, str, bool]

_Seen: TypeAlias = tuple[Candidate, bool, float]
"""Who was called, whether for a stream, and how long it took until there was something."""

_SERIES_OF: Final = itemgetter(0, 1)
_TIME_OF: Final = itemgetter(2)


class Pace:
    """The times of one series, in buckets each 15 % wider than the one before."""

    __slots__ = ("count", "counts")

    def __init__(self) -> None:
        self.counts = [0] * _BUCKETS
        self.count = 0

    def saw(self, times_s: Iterable[float]) -> None:
        """Takes times."""
        counts = self.counts
        for at in map(_BUCKET_OF, times_s):
            counts[at] += 1
        self.count = sum(counts)
        if self.count >= _HALVED_AT:
            self.counts = [count // 2 for count in counts]
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

    `hedge_count` is how often it was, `refused_count` how often the budget had no room for it. `seen` is what is not
    taken in yet.
    """

    def __init__(self, fraction: float = FRACTION, max_series: int = MAX_SERIES) -> None:
        self._fraction = fraction
        self._max_series = max_series
        self._paces: dict[SeriesKey, Pace] = {}
        self.seen: list[_Seen] = []
        self._saved = 1.0 if fraction > 0.0 else 0.0
        self.hedge_count = 0
        self.refused_count = 0

    def saw(self, candidate: Candidate, took_s: float, *, is_stream: bool) -> None:
        """Notes how long a call took until there was something, and that there was a call."""
        seen = self.seen
        seen.append((candidate, is_stream, took_s))
        if len(seen) >= TOGETHER:
            self._take_in()

    def _take_in(self) -> None:
        """Takes what was noted."""
        if not self.seen:
            return
        seen, self.seen = self.seen, []
        self._saved = min(self._saved + self._fraction * len(seen), MOST_SAVED)
        for (candidate, is_stream), of_series in groupby(seen, _SERIES_OF):
            self._pace((candidate.deployment.provider_id, candidate.model, is_stream)).saw(map(_TIME_OF, of_series))

    def _pace(self, key: SeriesKey) -> Pace:
        """The times of a series, made if there are none."""
        pace = self._paces.get(key)
        if pace is None:
            if len(self._paces) >= self._max_series:
                del self._paces[next(iter(self._paces))]
            pace = self._paces[key] = Pace()
        return pace

    def after_s(self, candidate: Candidate, *, is_stream: bool) -> float:
        """Seconds after which another candidate may be asked beside this one."""
        self._take_in()
        pace = self._paces.get((candidate.deployment.provider_id, candidate.model, is_stream))
        if pace is None or pace.count < LEAST_SAMPLES:
            return USUAL_S[is_stream]
        return max(pace.quantile_s(), LEAST_S)

    def take(self) -> bool:
        """Takes a hedge out of the budget; False if there is none."""
        self._take_in()
        if self._saved < 1.0:
            self.refused_count += 1
            return False
        self._saved -= 1.0
        self.hedge_count += 1
        return True

    def give_back(self) -> None:
        """Puts back what was taken and not needed."""
        self._take_in()
        self._saved += 1.0
        self.hedge_count -= 1
