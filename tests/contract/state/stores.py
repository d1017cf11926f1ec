"""The two stores of rates under one clock that a test turns."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from server.chat.rates import CountOf, Moment, RateStore, no_books
from server.state.memory import MemoryRates
from server.state.valkey_rates import HELD_S, ValkeyRates
from tests.unit.server.state.valkeys import Turned, Valkey, turned

NOON_S = 20_000 * 86_400 + 43_200.0


class Clock(Protocol):
    """Time that is turned."""

    now_s: float

    async def turn(self, by_s: float = 0.0) -> None:
        """Lets time pass."""


class ProcessClock:
    """The time of a process, as a test turns it."""

    def __init__(self, now_s: float) -> None:
        self.now_s = now_s

    async def turn(self, by_s: float = 0.0) -> None:
        self.now_s += by_s

    def __call__(self) -> Moment:
        return Moment(self.now_s, self.now_s)


@dataclass(frozen=True, slots=True)
class Bench:
    """A store and its clock."""

    store: RateStore
    clock: Clock


@contextlib.asynccontextmanager
async def in_memory(count_of: CountOf = no_books, now_s: float = NOON_S) -> AsyncIterator[Bench]:
    clock = ProcessClock(now_s)
    store = MemoryRates(count_of, clock, patience_s=10)
    try:
        yield Bench(store, clock)
    finally:
        await store.close()


@contextlib.asynccontextmanager
async def in_valkey(
    server: Valkey, count_of: CountOf = no_books, now_s: float = NOON_S, held_s: float = HELD_S
) -> AsyncIterator[Bench]:
    async with turned(server, now_s) as (link, clock):
        store = ValkeyRates(link, count_of, held_s)
        try:
            yield Bench(store, clock)
        finally:
            await store.close()


__all__ = ["Bench", "Clock", "NOON_S", "Turned", "in_memory", "in_valkey"]
