"""A bounded cache that loads what it misses: one load at a time per key, and stale values while the database is away.

What is asked for is loaded anew before it is too old, beside those who ask, so that a key that is always asked for
never makes everybody wait at once. A revocation must never wait: `discard` takes effect at once, even on a load that is
under way. What another process changes is seen within `fresh_s`.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Final, Generic, Self, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from server.errors import StoreUnavailable

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_RETRY_PAUSE_S = 1.0

_RENEWED_AT = 0.6
"""The share of the time for which a value is fresh after which it is loaded anew by who asks for it."""

UNSHARED_S: Final = 120.0
"""How long a value is fresh where nobody else can change it. Not for ever: people edit files by hand."""


class Bounds(Struct, frozen=True):
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

    def unshared(self) -> Self:
        """The same for values that nobody changes unheard: fresh for longer, and no longer good in all."""
        more_s = max(UNSHARED_S - self.fresh_s, 0.0)
        return replace(self, fresh_s=self.fresh_s + more_s, stale_s=max(self.stale_s - more_s, 0.0))


class _Entry(Generic[V]):
    __slots__ = ("fresh_until_s", "renew_at_s", "stale_until_s", "value")

    def __init__(self, value: V, now_s: float, bounds: Bounds) -> None:
        self.value = value
        self.renew_at_s = now_s + _RENEWED_AT * bounds.fresh_s
        self.fresh_until_s = now_s + bounds.fresh_s
        self.stale_until_s = self.fresh_until_s + bounds.stale_s


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
        self._told: list[Callable[[], None]] = []

    def on_change(self, told: Callable[[], None]) -> None:
        """Tells of whatever is kept or forgotten: until then every value that was here is."""
        self._told.append(told)

    def fresh(self, key: K) -> V | None:
        """The value if it is here and fresh, without any wait."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        now_s = self._clock_s()
        if now_s >= entry.renew_at_s:
            if now_s >= entry.fresh_until_s:
                return None
            self._renew(key, entry)
        return entry.value

    def good_until_s(self, key: K) -> float:
        """Until when what is `fresh` may be taken without asking again; minus infinity for what is not here."""
        entry = self._entries.get(key)
        return -math.inf if entry is None else entry.renew_at_s

    async def get(self, key: K) -> V | None:
        """The value, loaded if need be; None when there is none. Raises what loading raises.

        Callers that are cancelled leave the load to those who also wait for it.
        """
        value = self.fresh(key)
        if value is not None:
            return value
        now_s = self._clock_s()
        entry = self._entries.get(key)
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
            entry.fresh_until_s = entry.renew_at_s = min(self._clock_s() + _RETRY_PAUSE_S, entry.stale_until_s)
            return entry.value

    def discard(self, key: K) -> None:
        """Forgets the key: the next look loads it anew, and a load under way is not kept."""
        self._tell()
        self._entries.pop(key, None)
        self._absent_until_s.pop(key, None)
        self._loading.pop(key, None)

    def discard_where(self, is_meant: Callable[[V], bool]) -> None:
        """Forgets every value that is meant, and keeps no load that is under way."""
        self._tell()
        for key in [key for key, entry in self._entries.items() if is_meant(entry.value)]:
            del self._entries[key]
        self._loading.clear()

    def __len__(self) -> int:
        return len(self._entries)

    def _tell(self) -> None:
        for told in self._told:
            told()

    def _renew(self, key: K, entry: _Entry[V]) -> None:
        """Loads anew while the value is still good. Nobody waits for that, and nobody hears if it fails."""
        if key not in self._loading:
            # Not again for a moment, if it fails.
            entry.renew_at_s = min(self._clock_s() + _RETRY_PAUSE_S, entry.fresh_until_s)
            task = self._loading[key] = asyncio.ensure_future(self._fill(key))
            task.add_done_callback(_heard)

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
        self._tell()
        self._entries.pop(key, None)
        self._absent_until_s.pop(key, None)
        now_s = self._clock_s()
        if value is None:
            self._absent_until_s[key] = now_s + self._bounds.absent_s
            if len(self._absent_until_s) > self._bounds.max_absent:
                del self._absent_until_s[next(iter(self._absent_until_s))]
            return
        self._entries[key] = _Entry(value, now_s, self._bounds)
        if len(self._entries) > self._bounds.max_entries:
            del self._entries[next(iter(self._entries))]


def _heard(task: asyncio.Task[Any]) -> None:
    """Takes note of a failure that nobody waits for."""
    if not task.cancelled():
        task.exception()
