"""The books are asked one question at a time, and a late answer still counts."""

import asyncio
from datetime import UTC, datetime

import pytest

from server.chat.rates import Measure, Used
from server.errors import StoreUnavailable
from server.state.books import Books

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Ledger:
    def __init__(self) -> None:
        self.asked: list[tuple[str, datetime, datetime]] = []
        self.may_answer = asyncio.Event()
        self.is_away = False

    async def __call__(self, subject: str, start: datetime, end: datetime) -> Used:
        self.asked.append((subject, start, end))
        await self.may_answer.wait()
        if self.is_away:
            raise StoreUnavailable("away")
        return Used(3, 400)


@pytest.mark.parametrize(("measure", "expected"), [(Measure.REQUESTS, 3), (Measure.TOKENS, 400)])
async def test_what_the_day_has_seen_is_told(measure: Measure, expected: int) -> None:
    ledger, told = Ledger(), list[int]()
    ledger.may_answer.set()
    assert await Books(ledger).ask("usr_1", measure, NOON.timestamp(), told.append)
    assert told == [expected]
    assert ledger.asked == [("usr_1", NOON.replace(hour=0), NOON)]


async def test_those_who_ask_at_once_wait_for_one_answer() -> None:
    ledger, told = Ledger(), list[int]()
    books = Books(ledger, 10)
    asking = [
        asyncio.ensure_future(books.ask("usr_1", Measure.REQUESTS, NOON.timestamp(), told.append)) for _ in range(9)
    ]
    while not ledger.asked:
        await asyncio.sleep(0)
    asking[0].cancel()
    ledger.may_answer.set()
    assert await asyncio.gather(*asking[1:]) == [True] * 8
    assert (len(ledger.asked), told) == (1, [3])


async def test_an_answer_that_comes_too_late_is_still_told() -> None:
    ledger, told = Ledger(), list[int]()
    books = Books(ledger, 0.01)
    assert not await books.ask("usr_1", Measure.REQUESTS, NOON.timestamp(), told.append)
    assert told == []
    ledger.may_answer.set()
    while not told:
        await asyncio.sleep(0)
    assert told == [3]


async def test_books_that_are_away_tell_nothing(caplog: pytest.LogCaptureFixture) -> None:
    ledger, told = Ledger(), list[int]()
    ledger.is_away = True
    ledger.may_answer.set()
    assert not await Books(ledger).ask("usr_1", Measure.REQUESTS, NOON.timestamp(), told.append)
    assert (told, "away" in caplog.text) == ([], True)


async def test_closing_ends_what_is_asked() -> None:
    ledger, told = Ledger(), list[int]()
    books = Books(ledger, 0.01)
    await books.ask("usr_1", Measure.REQUESTS, NOON.timestamp(), told.append)
    await books.close()
    ledger.may_answer.set()
    await asyncio.sleep(0)
    assert told == []
