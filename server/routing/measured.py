"""How upstreams have done lately: latency and failures for each provider entry and model, in memory.

Time counts: what was seen a half-life ago weighs half. Attempts feed it as they end; deciding reads it. Only what
blames the provider is a failure: a caller who left, or a request that was at fault, says nothing about an upstream.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from server.chat.records import AttemptRecord
from server.routing.failure import blames_provider

HALF_LIFE_S: Final = 300.0
MAX_SERIES: Final = 10_000


class Measured(Struct, frozen=True):
    """What was seen of one upstream.

    `calls` and `answers` are decayed counts of all calls and of those that were answered. `latency_ms` is the mean to
    the whole answer, or for streams to the first content; 0 without answers. `error_rate` is 0 to 1, 0 without calls.
    """

    calls: float = 0.0
    answers: float = 0.0
    latency_ms: float = 0.0
    error_rate: float = 0.0


NOTHING: Final = Measured()
SeriesKey = tuple[str, str, bool]
_OK: Final = "ok"


class _Series:
    __slots__ = ("answers", "at_s", "calls", "failures", "is_stream", "latency_sum_ms", "model", "provider_id")

    def __init__(self, key: SeriesKey, at_s: float) -> None:
        self.provider_id, self.model, self.is_stream = key
        self.at_s = at_s
        self.calls = 0.0
        self.failures = 0.0
        self.answers = 0.0
        self.latency_sum_ms = 0.0


class Measurements:
    """The state of all upstreams. At most `max_series` are kept; those first seen longest ago go first."""

    def __init__(self, half_life_s: float = HALF_LIFE_S, max_series: int = MAX_SERIES) -> None:
        self._half_life_s = half_life_s
        self._max_series = max_series
        self._series: dict[SeriesKey, _Series] = {}
        self._noted = _Series(("", "", False), 0.0)  # that of the attempt that was noted last

    def note(self, attempts: Iterable[AttemptRecord], *, is_stream: bool, now_s: float) -> None:
        """Takes what attempts came to. `now_s` is any steady clock's, in seconds."""
        # Written out, because it runs for every request.
        series = self._noted
        for attempt in attempts:
            outcome = attempt.outcome
            if outcome != _OK and not blames_provider(outcome):
                continue
            provider_id, model = attempt.provider_id, attempt.model
            if series.model is not model or series.provider_id is not provider_id or series.is_stream is not is_stream:
                series = self._noted = self._at((provider_id, model, is_stream), now_s)
            if series.at_s < now_s:  # the loop's clock stands still while it goes on with what has come
                factor = 0.5 ** ((now_s - series.at_s) / self._half_life_s)
                series.at_s = now_s
                series.calls *= factor
                series.failures *= factor
                series.answers *= factor
                series.latency_sum_ms *= factor
            series.calls += 1.0
            if outcome != _OK:
                series.failures += 1.0
                continue
            latency_ms = attempt.first_token_ms if is_stream else attempt.latency_ms
            if latency_ms is not None:
                series.answers += 1.0
                series.latency_sum_ms += latency_ms

    def of(self, provider_id: str, model: str, *, is_stream: bool, now_s: float) -> Measured:
        """What was seen of an entry's model up to now."""
        series = self._series.get((provider_id, model, is_stream))
        if series is None or series.calls <= 0.0:
            return NOTHING
        factor = 0.5 ** (max(0.0, now_s - series.at_s) / self._half_life_s)
        latency_ms = series.latency_sum_ms / series.answers if series.answers > 0.0 else 0.0
        return Measured(series.calls * factor, series.answers * factor, latency_ms, series.failures / series.calls)

    def _at(self, key: SeriesKey, now_s: float) -> _Series:
        """The series of that key, made if there is none."""
        series = self._series.get(key)
        if series is None:
            if len(self._series) >= self._max_series:
                del self._series[next(iter(self._series))]
            series = self._series[key] = _Series(key, now_s)
        return series
