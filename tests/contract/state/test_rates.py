"""What every store of rates promises, on both: exact windows, all or nothing, settled tokens, days and books."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from functools import partial

import pytest

from server.chat.rates import Grant, Measure, Quota, Used, Window
from server.errors import StoreUnavailable
from tests.contract.state.stores import NOON_S, Bench, in_memory, in_valkey
from tests.unit.server.state.valkeys import Valkey

DAY_S = 86_400
MIDNIGHT_S = 20_001 * DAY_S
Open = Callable[..., AbstractAsyncContextManager[Bench]]


@pytest.fixture(params=["memory", "valkey"])
def open_store(request: pytest.FixtureRequest, valkey: Valkey) -> Open:
    return in_memory if request.param == "memory" else partial(in_valkey, valkey)


@pytest.fixture
async def bench(open_store: Open) -> AsyncIterator[Bench]:
    async with open_store() as opened:
        yield opened


def calls(limit: int, window: Window = Window.MINUTE, subject: str = "usr_1") -> Quota:
    return Quota(subject, window, limit)


def tokens(limit: int, amount: int, window: Window = Window.MINUTE, subject: str = "key_1") -> Quota:
    return Quota(subject, window, limit, Measure.TOKENS, amount)


async def take(bench: Bench, *quotas: Quota) -> Grant | None:
    return (await bench.store.take(quotas)).grant


async def left(bench: Bench, quota: Quota) -> int:
    """What is left of a quota, without taking any."""
    verdict = await bench.store.take([quota])
    if verdict.grant is not None:
        bench.store.cancel(verdict.grant)
        return verdict.standings[0].remaining + quota.amount
    return verdict.standings[0].remaining


async def test_the_limit_is_admitted_and_no_call_more(bench: Bench) -> None:
    verdicts = [await bench.store.take([calls(20), calls(1000, Window.DAY)]) for _ in range(21)]
    assert [verdict.is_admitted for verdict in verdicts] == [True] * 20 + [False]
    assert [verdict.standings[0].remaining for verdict in verdicts] == [*range(19, -1, -1), 0]
    assert verdicts[-1].refused_by == verdicts[-1].standings[0]
    assert {verdict.standings[1].quota.window for verdict in verdicts} == {Window.DAY}


async def test_calls_side_by_side_admit_exactly_the_limit(bench: Bench) -> None:
    verdicts = await asyncio.gather(*(bench.store.take([calls(20)]) for _ in range(60)))
    assert sum(verdict.is_admitted for verdict in verdicts) == 20


async def test_a_place_is_free_again_after_exactly_the_window_and_not_before(bench: Bench) -> None:
    for window in (Window.MINUTE, Window.QUARTER_HOUR, Window.HOUR):
        quota = calls(1, window)
        assert await take(bench, quota)
        await bench.clock.turn(window.span_s - 0.5)
        refused = await bench.store.take([quota])
        assert (refused.is_admitted, refused.standings[0].resets_in_s) == (False, 0.5)
        await bench.clock.turn(0.5)
        assert await take(bench, quota)


async def test_a_refused_call_costs_nothing_in_any_quota(bench: Bench) -> None:
    both = (calls(5), calls(1, subject="key_1"), tokens(100, 10))
    assert await take(bench, *both)
    for _ in range(5):
        refused = await bench.store.take(both)
        assert refused.refused_by is not None
        assert refused.refused_by.quota.subject == "key_1"
    assert await left(bench, calls(5)) == 4
    assert await left(bench, tokens(100, 10)) == 90


async def test_the_longest_wait_is_what_a_call_is_refused_by(bench: Bench) -> None:
    both = (calls(1), calls(1, Window.DAY))
    assert await take(bench, *both)
    refused = await bench.store.take(both)
    assert refused.refused_by == refused.standings[1]
    assert refused.standings[1].resets_in_s == DAY_S / 2


async def test_the_day_ends_at_midnight_in_utc(open_store: Open) -> None:
    async with open_store(now_s=MIDNIGHT_S - 0.25) as bench:
        day = calls(1, Window.DAY)
        first = await bench.store.take([day])
        assert (first.is_admitted, first.standings[0].resets_in_s) == (True, 0.25)
        assert not await take(bench, day)
        await bench.clock.turn(0.25)
        assert await take(bench, day)


async def test_tokens_are_taken_by_estimate_and_settled_with_what_was_used(bench: Bench) -> None:
    quotas = tokens(100, 60), tokens(1_000, 60, Window.DAY)
    grant = await take(bench, *quotas)
    assert grant is not None
    assert not await take(bench, *quotas)
    bench.store.settle(grant, 25)
    assert await left(bench, tokens(100, 1)) == 75
    assert await left(bench, tokens(1_000, 1, Window.DAY)) == 975
    again = await take(bench, *quotas)
    assert again is not None
    bench.store.settle(again, 90)
    assert await left(bench, tokens(100, 1)) == 0
    assert await left(bench, tokens(1_000, 1, Window.DAY)) == 885


async def test_a_call_that_used_nothing_gives_all_tokens_back_and_stays_a_call(bench: Bench) -> None:
    grant = await take(bench, calls(5), tokens(100, 100), tokens(100, 100, Window.DAY))
    assert grant is not None
    bench.store.settle(grant, 0)
    assert await left(bench, tokens(100, 100)) == 100
    assert await left(bench, tokens(100, 100, Window.DAY)) == 100
    assert await left(bench, calls(5)) == 4


async def test_what_is_cancelled_leaves_nothing(bench: Bench) -> None:
    quotas = calls(1), calls(1, Window.DAY), tokens(10, 10), tokens(10, 10, Window.DAY)
    for _ in range(3):
        grant = await take(bench, *quotas)
        assert grant is not None
        bench.store.cancel(grant)
    assert await take(bench, *quotas)


async def test_tokens_that_are_settled_after_their_window_take_nothing_back(bench: Bench) -> None:
    early = await take(bench, tokens(100, 100))
    await bench.clock.turn(60)
    late = await take(bench, tokens(100, 40))
    assert early is not None
    assert late is not None
    bench.store.settle(early, 0)
    assert await left(bench, tokens(100, 1)) == 60
    bench.store.settle(late, 0)
    assert await left(bench, tokens(100, 1)) == 100


async def test_tokens_that_are_settled_after_midnight_stay_with_their_day(open_store: Open) -> None:
    async with open_store(now_s=MIDNIGHT_S - 1) as bench:
        day = tokens(100, 50, Window.DAY)
        grant = await take(bench, day)
        await bench.clock.turn(2)
        assert await take(bench, day)
        assert grant is not None
        bench.store.settle(grant, 100)
        assert await left(bench, tokens(100, 1, Window.DAY)) == 50


async def test_when_enough_tokens_are_free_is_told_exactly(bench: Bench) -> None:
    for amount in (30, 20, 50):
        assert await take(bench, tokens(100, amount))
        await bench.clock.turn(10)
    for amount, wait_s in ((1, 30.0), (30, 30.0), (31, 40.0), (50, 40.0), (51, 50.0), (100, 50.0)):
        refused = await bench.store.take([tokens(100, amount)])
        assert (refused.is_admitted, refused.standings[0].resets_in_s) == (False, wait_s)


async def test_subjects_windows_and_measures_do_not_share(bench: Bench) -> None:
    assert await take(bench, calls(1))
    assert await take(bench, calls(1, subject="usr_2"))
    assert await take(bench, calls(1, Window.HOUR))
    assert await take(bench, tokens(1, 1, subject="usr_1"))


async def test_a_lower_limit_counts_what_the_higher_one_admitted(bench: Bench) -> None:
    for _ in range(40):
        assert await take(bench, calls(60))
        await bench.clock.turn(1)
    refused = await bench.store.take([calls(20)])
    assert (refused.is_admitted, refused.standings[0].resets_in_s) == (False, 40.0)
    await bench.clock.turn(39.5)
    assert not await take(bench, calls(20))
    await bench.clock.turn(0.5)
    assert await take(bench, calls(20))


class Books:
    """Have what they are told to have; keep what they were asked."""

    def __init__(self, used: Used) -> None:
        self.used = used
        self.is_away = False
        self.asked: list[tuple[str, datetime, datetime]] = []

    async def __call__(self, subject: str, start: datetime, end: datetime) -> Used:
        self.asked.append((subject, start, end))
        await asyncio.sleep(0)
        if self.is_away:
            raise StoreUnavailable("away")
        return self.used


async def test_the_books_are_asked_once_for_what_the_day_has_seen(open_store: Open) -> None:
    books = Books(Used(7, 400))
    async with open_store(books) as bench:
        day = calls(10, Window.DAY), tokens(500, 50, Window.DAY, "usr_1")
        verdicts = await asyncio.gather(*(bench.store.take(day) for _ in range(10)))
        assert sum(verdict.is_admitted for verdict in verdicts) == 2
        assert await left(bench, day[0]) == 1
        assert await left(bench, tokens(500, 1, Window.DAY, "usr_1")) == 0
    assert {subject for subject, _, _ in books.asked} == {"usr_1"}
    assert len(books.asked) == 2
    for _, start, end in books.asked:
        assert start.timestamp() == NOON_S - DAY_S / 2
        assert end.timestamp() == pytest.approx(NOON_S)


async def test_books_that_are_away_stop_nobody(open_store: Open, caplog: pytest.LogCaptureFixture) -> None:
    books = Books(Used(7, 400))
    books.is_away = True
    async with open_store(books) as bench:
        for _ in range(10):
            assert await take(bench, calls(10, Window.DAY))
        assert not await take(bench, calls(10, Window.DAY))
    assert "The database is away" in caplog.text


async def test_a_minute_asks_no_books(open_store: Open) -> None:
    books = Books(Used())
    async with open_store(books) as bench:
        assert await take(bench, calls(1), tokens(5, 5))
    assert books.asked == []


async def test_a_caller_that_leaves_has_taken_nothing(bench: Bench) -> None:
    quotas = calls(50), tokens(100, 2, Window.DAY)
    for _ in range(10):
        asked = [asyncio.ensure_future(bench.store.take(quotas)) for _ in range(5)]
        await asyncio.sleep(0)
        for task in asked[::2]:
            task.cancel()
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        for outcome in outcomes:
            if not isinstance(outcome, BaseException):
                assert outcome.grant is not None
                bench.store.cancel(outcome.grant)
    await asyncio.sleep(0.05)
    assert await left(bench, calls(50)) == 50
    assert await left(bench, tokens(100, 2, Window.DAY)) == 100


async def test_both_stores_judge_alike_whatever_happens(valkey: Valkey) -> None:
    """The same random calls, settlements and times on both: every verdict and every figure is the same."""
    draw = random.Random(24)
    async with in_memory() as memory, in_valkey(valkey, held_s=1e9) as shared:
        open_grants: list[tuple[Grant, Grant]] = []
        admitted = refused = 0
        for _ in range(1_500):
            gap_s = draw.choice((0, 0, 0, 0.5, 5, 29.5, 30, 60, 61, 900, 20_000))
            await memory.clock.turn(gap_s)
            await shared.clock.turn(gap_s)
            quotas = random_quotas(draw)
            one, other = await memory.store.take(quotas), await shared.store.take(quotas)
            assert one.standings == other.standings
            assert one.refused_by == other.refused_by
            assert one.is_admitted is other.is_admitted
            if one.grant is not None and other.grant is not None:
                open_grants.append((one.grant, other.grant))
                admitted += 1
            refused += one.grant is None
            await end_some(draw, memory, shared, open_grants)
    print(f"{admitted} calls admitted and {refused} refused, alike in memory and in Valkey")
    assert min(admitted, refused) > 100


def random_quotas(draw: random.Random) -> list[Quota]:
    quotas = []
    for subject in draw.sample(("usr_1", "key_1", "key_2"), draw.randint(1, 2)):
        for window in draw.sample(tuple(Window), draw.randint(1, 2)):
            limit = draw.choice((1, 2, 5))
            quotas.append(Quota(subject, window, limit))
            if draw.random() < 0.5:
                quotas.append(Quota(subject, window, limit * 10, Measure.TOKENS, draw.randint(0, limit * 10)))
    return quotas


async def end_some(draw: random.Random, memory: Bench, shared: Bench, open_grants: list[tuple[Grant, Grant]]) -> None:
    """Settles or cancels some of the calls under way, in any order."""
    while open_grants and draw.random() < 0.6:
        one, other = open_grants.pop(draw.randrange(len(open_grants)))
        if draw.random() < 0.2:
            memory.store.cancel(one)
            shared.store.cancel(other)
        else:
            used = draw.choice((0, 3, 10, 60))
            memory.store.settle(one, used)
            shared.store.settle(other, used)


async def test_what_is_taken_at_once_is_counted_or_has_cost_nothing(bench: Bench) -> None:
    quota = calls(3)
    await take(bench, quota)
    for _ in range(4):
        before = await left(bench, quota)
        verdict = bench.store.take_now([quota])
        assert await left(bench, quota) == before - (verdict is not None)
        assert verdict is None or verdict.is_admitted
