"""Every metric of the core by name: where others make theirs, and how all of them are shown.

The number of series is bounded by construction: families tell how many they have at most, and together they may not
have more than `MAX_SERIES`, or the gateway does not start. Shown in Prometheus' text format, version 0.0.4.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import Struct

from server.telemetry.families import Counter, Family, Histogram, Kind, Labels, Name, Reader, Reading

if TYPE_CHECKING:
    from prometheus_client.core import Metric

F = TypeVar("F", Counter, Histogram, Reading)

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

MAX_SERIES: Final = 1_700
"""Of the core; the REST face has the rest of 2,000."""

_NAME: Final = re.compile(r"perpetuo_[a-z][a-z0-9_]*")
_TOTAL: Final = "_total"
_PROCESS_PREFIX: Final = "perpetuo_core"


class Shown(Struct, frozen=True):
    """A family as it was at one moment."""

    named: Name
    kind: str
    values: dict[Labels, float]
    cells: dict[Labels, list[float]]
    bounds: tuple[float, ...] = ()


class Metrics:
    """The core's families. Belongs to one event loop; `render` may run in any thread."""

    def __init__(self, max_series: int = MAX_SERIES) -> None:
        self._max_series = max_series
        self._families: dict[str, Family] = {}
        self._before: list[Callable[[], None]] = []

    @property
    def series(self) -> int:
        """How many series all families have together at most."""
        return sum(family.series for family in self._families.values())

    def counter(self, named: Name, unit: int = 1) -> Counter:
        """A new counter; its name ends in `_total`. Raises ValueError as `add` does."""
        return self.add(Counter(named, unit))

    def histogram(self, named: Name, bounds: tuple[float, ...]) -> Histogram:
        """A new histogram with buckets up to each of the bounds. Raises ValueError as `add` does."""
        return self.add(Histogram(named, bounds))

    def reading(self, named: Name, kind: Kind, read: Reader) -> Reading:
        """A new family whose values are read when they are asked for. Raises ValueError as `add` does."""
        return self.add(Reading(named, kind, read))

    def add(self, family: F) -> F:
        """Takes a family in. Raises ValueError for a name that is malformed or taken, or too many series."""
        named = family.named
        is_counter = isinstance(family, Counter) or (isinstance(family, Reading) and family.kind == "counter")
        if not _NAME.fullmatch(named.name) or is_counter != named.name.endswith(_TOTAL):
            raise ValueError(f"{named.name} is no name for it: perpetuo_…, and ending in _total if it only grows")
        if named.name in self._families:
            raise ValueError(f"there is a metric {named.name} already")
        if self.series + family.series > self._max_series:
            raise ValueError(f"with {named.name} there would be more than {self._max_series} series")
        self._families[named.name] = family
        return family

    def on_look(self, count: Callable[[], None]) -> None:
        """Has `count` called before values are read, for who counts later than things happen."""
        self._before.append(count)

    def snapshot(self) -> tuple[Shown, ...]:
        """All values as they are now. Call it on the event loop."""
        for count in self._before:
            count()
        return tuple(_shown(family) for family in self._families.values())


def render(shown: Iterable[Shown]) -> bytes:
    """What was seen as text, and how the process does. Slow enough for a thread of its own."""
    from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
    from prometheus_client.registry import Collector

    families = tuple(shown)

    class Seen(Collector):
        def collect(self) -> "Iterator[Metric]":
            return map(_metric, families)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Seen())
    ProcessCollector(namespace=_PROCESS_PREFIX, registry=registry)
    return generate_latest(registry)


def _shown(family: Family) -> Shown:
    if isinstance(family, Counter):
        values = {labels: value / family.unit for labels, value in family.values.items()}
        return Shown(family.named, "counter", values, {})
    if isinstance(family, Reading):
        return Shown(family.named, family.kind, family.bounded(), {})
    cells = {labels: list(cell) for labels, cell in family.cells.items()}
    return Shown(family.named, "histogram", {}, cells, family.bounds)


def _metric(family: Shown) -> "Metric":
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    named = family.named
    if family.kind == "histogram":
        histogram = HistogramMetricFamily(named.name, named.text, labels=named.labels)
        for labels, cell in family.cells.items():
            counts = list(accumulate(cell[:-1]))
            names = [*map(str, family.bounds), "+Inf"]
            histogram.add_metric(labels, list(zip(names, counts, strict=True)), sum_value=cell[-1])
        return histogram
    make = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = make(named.name, named.text, labels=named.labels)
    for labels, value in family.values.items():
        metric.add_metric(labels, value)
    return metric
