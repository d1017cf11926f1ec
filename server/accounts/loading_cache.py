"""A bounded cache that loads what it misses: one load at a time per key, and stale values while the database is away.

It must never make a revocation wait: `discard` takes effect at once, even on a load that is under way. What another
process changes is seen within `fresh_s`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from server.errors import StoreUnavailable

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_RETRY_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept, and for how long.

    A value is used for `fresh_s` seconds, and for `stale_s` more while loading fails with StoreUnavailable. That there
    is no value is remembered for `absent_s`. At most `max_entries` values and `max_absent` absences are kept; those
    that were loaded longest ago go first.
    """

    fresh_s: float
    stale_s: float = 0.0
    absent_s: float = 0.0
    max_entries: int = 10_000
    max_absent: int = 1_000


class _Entry(Generic[V]):
    __slots__ = ("fresh_until_s", "stale_until_s", "value")

    def __init__(self, value: V, fresh_until_s: float, stale_until_s: float) -> None:
        self.value = value
        self.fresh_until_s = fresh_until_s
        self.stale_until_s = stale_until_s


class LoadingCache(Generic[K, V]):
    """Values by key. `load` answers None for a key that has no value. Belongs to one event loop."""

    def __init__(
        self, load: Callable[[K], Awaitable[V | None]], bounds: Bounds, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._load = load
        self._bounds = bounds
        self._clock_s = clock_s
        self._entries: dict[K, _Entry[V]] = {}
        self._absent_until_s: dict[K, float] = {}
        self._loading: dict[K, asyncio.Task[V | None]] = {}

    def fresh(self, key: K) -> V | None:
        """The value if it is here and fresh, without any wait."""
        entry = self._entries.get(key)
        if entry is not None and self._clock_s() < entry.fresh_until_s:
            return entry.value
        return None

    async def get(self, key: K) -> V | None:
        """The value, loaded if need be; None when there is none. Raises what loading raises.

        Callers that are cancelled leave the load to those who also wait for it.
        """
        now_s = self._clock_s()
        entry = self._entries.get(key)
        if entry is not None and now_s < entry.fresh_until_s:
            return entry.value
        if now_s < self._absent_until_s.get(key, now_s):
            return None
        task = self._loading.get(key)
        if task is None:
            task = self._loading[key] = asyncio.ensure_future(self._fill(key))
        try:
            return await asyncio.shield(task)
        except StoreUnavailable:
            if entry is None or self._entries.get(key) is not entry or now_s >= entry.stale_until_s:
                raise
            entry.fresh_until_s = min(self._clock_s() + _RETRY_PAUSE_S, entry.stale_until_s)
            return entry.value

    def discard(self, key: K) -> None:
        """Forgets the key: the next look loads it anew, and a load under way is not kept."""
        self._entries.pop(key, None)
        self._absent_until_s.pop(key, None)
        self._loading.pop(key, None)

    def discard_where(self, is_meant: Callable[[V], bool]) -> None:
        """Forgets every value that is meant, and keeps no load that is under way."""
        for key in [key for key, entry in self._entries.items() if is_meant(entry.value)]:
            del self._entries[key]
        self._loading.clear()

    def __len__(self) -> int:
        return len(self._entries)

    async def _fill(self, key: K) -> V | None:
        task = asyncio.current_task()
        try:
            value = await self._load(key)
            if self._loading.get(key) is task:
                self._keep(key, value)
            return value
        finally:
            if self._loading.get(key) is task:
                del self._loading[key]

    def _keep(self, key: K, value: V | None) -> None:
        self._entries.pop(key, None)
        self._absent_until_s.pop(key, None)
        now_s = self._clock_s()
        if value is None:
            self._absent_until_s[key] = now_s + self._bounds.absent_s
            if len(self._absent_until_s) > self._bounds.max_absent:
                del self._absent_until_s[next(iter(self._absent_until_s))]
            return
        fresh_until_s = now_s + self._bounds.fresh_s
        self._entries[key] = _Entry(value, fresh_until_s, fresh_until_s + self._bounds.stale_s)
        if len(self._entries) > self._bounds.max_entries:
            del self._entries[next(iter(self._entries))]
