"""What a gateway does that is offered three times what it can do: how much it still does, and how soon it refuses.

The capacity is measured first, with as many requests at once as may be inside; then three times its rate is offered,
whoever is answered; then half of it, until all goes as before.
"""

import asyncio
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.overload.client import Asked
from tests.overload.stage import Stage, Watch, watch

OFFERED = 3.0
"""Times the capacity."""

STREAMS = 5
"""Streams that are inside all the time."""

CALM_S = 2.0
"""For which the capacity is measured."""

_SETTLED_AFTER = 20
_RECOVERY_LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Expected:
    """What has to be reached: shares of the capacity, and seconds."""

    goodput: float = 0.85
    shed_p99_s: float = 0.1
    recovery_s: float = 5.0
    health_p99_s: float = 0.25


@dataclass(slots=True)
class Found:
    """What came of it. Rates are per second, times in seconds."""

    capacity: float = 0.0
    usual_p99_s: float = 0.0
    offered: float = 0.0
    goodput: float = 0.0
    served_s: list[float] = field(default_factory=list)
    shed_s: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    bare_refusals: int = 0
    recovery_s: float = 0.0
    streams: Sequence[bool] = ()
    health: Watch = field(default_factory=Watch)
    is_at_rest: bool = False
    shed_counted: float = 0.0
    starved: float = 0.0
    """The share of the time in which others had the processor that the gateway wanted."""

    def lines(self) -> list[str]:
        """The figures in words."""
        health = self.health
        share = self.goodput / self.capacity if self.capacity else 0.0
        streams = f"; {sum(self.streams)} of {len(self.streams)} streams ran through it" if self.streams else ""
        return [
            f"capacity {self.capacity:.0f}/s, p99 {_ms(self.usual_p99_s)}",
            f"offered {self.offered:.0f}/s ({self.offered / self.capacity:.1f} times): "
            f"{', '.join(f'{count} with {status}' for status, count in sorted(self.statuses.items()))}",
            f"goodput {self.goodput:.0f}/s, {share:.0%} of the capacity; {_both(self.served_s)}",
            f"refused in {_both(self.shed_s)}; {self.bare_refusals} without Retry-After; "
            f"{self.shed_counted:.0f} were counted",
            f"health meanwhile: REST {_both(health.rest_s)}, gRPC {_both(health.grpc_s)}; {health.failures} failed",
            f"the client itself was late by {_both(health.late_s)}; the gateway waited for a processor for "
            f"{self.starved:.0%} of the time",
            f"calls over gRPC meanwhile: {', '.join(f'{count} {why}' for why, count in sorted(health.calls.items()))}",
            f"back to normal after {self.recovery_s:.2f} s; at rest afterwards: {'yes' if self.is_at_rest else 'NO'}"
            f"{streams}",
        ]

    def faults(self) -> list[str]:
        """What must not be, however busy the machine is."""
        told = {"ok", "UNAVAILABLE OVERLOADED with a wait"}
        checks = {
            "something else than 200 and 503 was answered": set(self.statuses) <= {200, 503},
            "nothing was refused": self.statuses[503] > 0,
            "nothing was served": self.statuses[200] > 0,
            "a refusal came without Retry-After": self.bare_refusals == 0,
            "a health check failed": self.health.failures == 0 and bool(self.health.rest_s),
            "a call over gRPC was told something else": set(self.health.calls) <= told,
            "a stream that was inside was put out": all(self.streams),
            "something was left": self.is_at_rest,
            "refusals were not counted": self.shed_counted >= self.statuses[503],
            "it did not come back": self.recovery_s < _RECOVERY_LIMIT_S,
        }
        return [fault for fault, is_well in checks.items() if not is_well]

    def misses(self, expected: Expected) -> list[str]:
        """What was not reached."""
        checks = {
            f"goodput below {expected.goodput:.0%} of the capacity": self.goodput >= expected.goodput * self.capacity,
            f"refusals slower than {_ms(expected.shed_p99_s)}": percentile(self.shed_s, 0.99) <= expected.shed_p99_s,
            f"slower to recover than {expected.recovery_s:g} s": self.recovery_s <= expected.recovery_s,
            f"health checks slower than {_ms(expected.health_p99_s)}": max(
                percentile(self.health.rest_s, 0.99), percentile(self.health.grpc_s, 0.99)
            )
            <= expected.health_p99_s,
        }
        return [miss for miss, is_well in checks.items() if not is_well]


async def overload(stage: Stage, inside: int, seconds: float, most: float = float("inf")) -> Found:
    """Offers three times what a gateway can do that has room for `inside` calls, or `most` requests a second.

    There has to be room for the `STREAMS` beside them.
    """
    found = Found()
    streams = [asyncio.ensure_future(stage.stream()) for _ in range(STREAMS)]
    await asyncio.sleep(0.2)
    calm = await stage.client.saturate(stage.request, inside, CALM_S)
    served = [asked for asked in calm if asked.status == 200]
    found.capacity = len(served) / (max(asked.at_s + asked.took_s for asked in calm) - calm[0].at_s)
    found.usual_p99_s = percentile([asked.took_s for asked in served], 0.99)
    found.offered = min(OFFERED * found.capacity, most)
    watching = asyncio.ensure_future(watch(stage, found.health))
    try:
        before_s = stage.waited_for_processor_s()
        flood = await stage.client.offer(stage.request, found.offered, seconds)
        found.starved = (stage.waited_for_processor_s() - before_s) / seconds
        _count(found, flood)
        found.recovery_s = await _recovered(stage, found)
    finally:
        watching.cancel()
        await asyncio.wait([watching])
    found.streams = await asyncio.gather(*streams)
    found.is_at_rest = await stage.is_at_rest()
    counted = await stage.metrics()
    found.shed_counted = sum(value for name, value in counted.items() if name.startswith("perpetuo_shed_calls_total"))
    return found


def _count(found: Found, flood: Sequence[Asked]) -> None:
    found.statuses = Counter(asked.status for asked in flood)
    found.served_s = [asked.took_s for asked in flood if asked.status == 200]
    found.shed_s = [asked.took_s for asked in flood if asked.status == 503]
    found.bare_refusals = sum(asked.status == 503 and not asked.has_wait for asked in flood)
    served = len(found.served_s) + found.health.calls.get("ok", 0)
    found.goodput = served / (max(asked.at_s + asked.took_s for asked in flood) - flood[0].at_s)


async def _recovered(stage: Stage, found: Found) -> float:
    """Seconds until half the capacity is served as before: so many requests in a row, none slower than twice usual."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    while (passed_s := loop.time() - began_s) < _RECOVERY_LIMIT_S:
        asked = await stage.client.offer(stage.request, found.capacity / 2, _SETTLED_AFTER / (found.capacity / 2))
        # A busy machine is slow now and then: of the others half must be as usual.
        if (
            all(each.status == 200 for each in asked)
            and percentile([e.took_s for e in asked], 0.5) < 2 * found.usual_p99_s
        ):
            return passed_s
    return passed_s


def percentile(values: Sequence[float], share: float) -> float:
    """A percentile; 0 of nothing."""
    if not values:
        return 0.0
    if share == 0.5:
        return statistics.median(values)
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def _both(values: Sequence[float]) -> str:
    return f"{_ms(percentile(values, 0.5))} (p50), {_ms(percentile(values, 0.99))} (p99)"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
