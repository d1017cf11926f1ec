"""Rates in memory: what the books know of the day counts, and books that are away stop nobody."""

import asyncio
from datetime import UTC, datetime

import pytest

from server.chat.rates import Moment, Quota, Used, Window
from server.errors import StoreUnavailable
from server.state.memory import MemoryRates
from tests.unit.server import virtual_time

NOON = datetime(2026, 1, 28, 12, tzinfo=UTC)
QUOTAS = [Quota("usr_1", Window.MINUTE, 1000), Quota("usr_1", Window.DAY, 100)]


class Time:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.second = 0.0

    def __call__(self) -> Moment:
        return Moment(self.second, NOON.timestamp() + self.second)


class Books:
    """Answers with a count, when it is let; keeps what it was asked."""

    def __init__(self, count: int, *, is_open: bool = True) -> None:
        self.count = count
        self.asked: list[tuple[str, datetime, datetime]] = []
        self.is_away = False
        self.is_left = False
        self.may_answer = asyncio.Event()
        if is_open:
            self.may_answer.set()

    async def __call__(self, subject: str, start: datetime, end: datetime) -> Used:
        self.asked.append((subject, start, end))
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.is_left = True
            raise
        if self.is_away:
            raise StoreUnavailable("away")
        return Used(self.count)


def build(books: Books, **options: float) -> MemoryRates:
    return MemoryRates(books, Time(), **options)  # type: ignore[arg-type]  # patience_s alone


async def day_left(rates: MemoryRates, second: float = 0.0) -> int:
    assert isinstance(rates.now, Time)
    rates.now.second = second
    return (await rates.take(QUOTAS)).standings[1].remaining


async def test_the_books_are_asked_once_for_the_day_so_far() -> None:
    books = Books(40)
    rates = build(books)
    assert [await day_left(rates), await day_left(rates, 1)] == [59, 58]
    assert books.asked == [("usr_1", NOON.replace(hour=0), NOON)]


async def test_calls_side_by_side_wait_for_one_answer() -> None:
    books = Books(95, is_open=False)
    rates = build(books, patience_s=10)
    calls = [asyncio.ensure_future(rates.take(QUOTAS)) for _ in range(30)]
    while not books.asked:
        await asyncio.sleep(0)
    books.may_answer.set()
    assert sum(verdict.is_admitted for verdict in await asyncio.gather(*calls)) == 5
    assert len(books.asked) == 1


async def test_a_caller_that_leaves_does_not_take_the_answer_with_it() -> None:
    books = Books(40, is_open=False)
    rates = build(books, patience_s=10)
    first, second = (asyncio.ensure_future(rates.take(QUOTAS)) for _ in range(2))
    while not books.asked:
        await asyncio.sleep(0)
    first.cancel()
    books.may_answer.set()
    assert (await second).standings[1].remaining == 59


async def test_books_that_are_away_stop_nobody_and_count_once_they_are_back(caplog: pytest.LogCaptureFixture) -> None:
    books = Books(40)
    books.is_away = True
    rates = build(books)
    assert [await day_left(rates), await day_left(rates, 1)] == [99, 98]
    assert len(books.asked) == 1
    assert "away" in caplog.text
    books.is_away = False
    assert await day_left(rates, 6) == 57
    assert books.asked[-1][1:] == (NOON.replace(hour=0), NOON)


def test_slow_books_are_waited_for_once_and_what_they_say_counts_then() -> None:
    async def ask() -> None:
        books = Books(40, is_open=False)
        rates = build(books, patience_s=0.2)
        assert await day_left(rates) == 99
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await day_left(rates, 1) == 98
        assert loop.time() == began
        books.may_answer.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert await day_left(rates, 2) == 57

    virtual_time.run(ask())


async def test_a_quota_without_a_day_asks_nobody() -> None:
    books = Books(40)
    assert (await build(books).take(QUOTAS[:1])).is_admitted
    assert books.asked == []


async def test_closing_ends_what_is_still_being_asked() -> None:
    books = Books(40, is_open=False)
    rates = build(books, patience_s=0.001)
    await rates.take(QUOTAS)
    await rates.close()
    assert books.is_left
