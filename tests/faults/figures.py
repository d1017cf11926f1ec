"""What a gateway in this process holds, and what is made of many times that were measured."""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from server.chat.records import OperationRecord
from tests.faults.lab import ANSWER_WAIT_S, Lab

HELD = (
    "perpetuo_requests_in_flight",
    "perpetuo_upstream_connections",
    "perpetuo_upstream_waiting_calls",
    "perpetuo_upstream_calls",
    "perpetuo_queued_requests",
    "perpetuo_limits_open_calls",
    "perpetuo_limits_held_tokens",
)
"""The gauges that are 0 at rest."""


def held(lab: Lab) -> Mapping[str, float]:
    """The gauges, the kinds of each together."""
    shown = {each.named.name: each for each in lab.core.metering.metrics.snapshot()}
    return {name: sum(shown[name].values.values()) for name in HELD}


async def until(holds: Callable[[], bool], what: str) -> None:
    """Waits until something holds that must soon. Raises AssertionError that names it."""
    try:
        async with asyncio.timeout(ANSWER_WAIT_S):
            while not holds():
                await asyncio.sleep(0.001)
    except TimeoutError:
        raise AssertionError(f"not within {ANSWER_WAIT_S} s: {what}") from None


class Settlements:
    """When the requests of each workspace were settled, and how, while it is open."""

    def __init__(self, lab: Lab) -> None:
        self._metrics = lab.core.metering.requests
        self.of: dict[str, list[tuple[float, OperationRecord]]] = {}

    def __enter__(self) -> "Settlements":
        settle, loop = self._metrics.settle, asyncio.get_running_loop()

        def noted(record: OperationRecord, waited_s: float, overhead_s: float | None) -> None:
            self.of.setdefault(record.workspace_id, []).append((loop.time(), record))
            settle(record, waited_s, overhead_s)

        self._metrics.settle = noted  # type: ignore[method-assign]  # a listener at the one place that all pass
        return self

    def __exit__(self, *_: object) -> None:
        del self._metrics.settle


@dataclass(frozen=True, slots=True)
class Spread:
    """Many times, in milliseconds."""

    count: int
    p50_ms: float
    p99_ms: float
    max_ms: float

    @classmethod
    def of(cls, times_s: Sequence[float]) -> "Spread":
        """That of times in seconds; there is at least one."""
        ordered = sorted(times_s)
        p50_s, p99_s = (ordered[math.ceil(len(ordered) * part) - 1] for part in (0.5, 0.99))
        return cls(len(ordered), p50_s * 1000, p99_s * 1000, ordered[-1] * 1000)

    def __str__(self) -> str:
        return f"{self.count:6} p50 {self.p50_ms:7.2f} ms  p99 {self.p99_ms:7.2f} ms  max {self.max_ms:7.2f} ms"
