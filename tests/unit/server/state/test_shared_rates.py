"""Limits while the shared server comes and goes: never more than the limit, never unlimited, and exact again."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import pytest

from server.chat.rates import CountOf, Measure, Moment, Quota, Used, Window, no_books
from server.state.link import ValkeyLink
from server.state.shared_rates import SharedRates
from tests.unit.server.state.valkeys import Valkey, opened, running_valkey, until_up

CALLS = Quota("usr_1", Window.MINUTE, 20)
DAY = Quota("usr_1", Window.DAY, 100)
TOKENS = Quota("key_1", Window.MINUTE, 1_000, Measure.TOKENS, 100)
NOON_S = 20_000 * 86_400 + 43_200.0


class Time:
    """The clock of a replica, as a test turns it; the server has its own."""

    def __init__(self) -> None:
        self.second = 0.0

    def __call__(self) -> Moment:
        return Moment(self.second, NOON_S + self.second)


class Replica:
    """One of two gateways."""

    def __init__(self, link: ValkeyLink, count_of: CountOf = no_books) -> None:
        self.link = link
        self.time = Time()
        self.rates = SharedRates(link, 2, count_of, self.time)

    async def admitted(self, times: int, *quotas: Quota) -> int:
        verdicts = await asyncio.gather(*(self.rates.take(quotas or (CALLS,)) for _ in range(times)))
        return sum(verdict.is_admitted for verdict in verdicts)


@pytest.fixture
async def own_valkey() -> AsyncIterator[Valkey]:
    """A server that a test may stop."""
    with running_valkey() as server:
        yield server


@pytest.fixture
async def replicas(own_valkey: Valkey) -> AsyncIterator[Sequence[Replica]]:
    async with opened(own_valkey, prefix="x:") as one, opened(own_valkey, prefix="x:") as other:
        yield Replica(one), Replica(other)


async def stopped(server: Valkey, replicas: Sequence[Replica]) -> None:
    """The server is gone, and every replica has seen it."""
    server.stop()
    for replica in replicas:
        await replica.rates.take([CALLS._replace(subject="nobody")])
        assert not replica.link.is_up


async def test_while_the_server_is_there_the_limit_is_one(replicas: Sequence[Replica]) -> None:
    one, other = replicas
    assert await one.admitted(12) + await other.admitted(12) == 20
    assert (one.rates.local_count, other.rates.local_count) == (0, 0)


async def test_while_the_server_is_away_each_has_its_share(own_valkey: Valkey, replicas: Sequence[Replica]) -> None:
    await stopped(own_valkey, replicas)
    assert [await replica.admitted(30) for replica in replicas] == [10, 10]
    assert replicas[0].rates.local_count == 31


async def test_what_was_admitted_before_the_outage_counts_against_the_share(
    own_valkey: Valkey, replicas: Sequence[Replica]
) -> None:
    one, other = replicas
    assert (await one.admitted(9), await other.admitted(2)) == (9, 2)
    await stopped(own_valkey, replicas)
    assert (await one.admitted(30), await other.admitted(30)) == (1, 8)


async def test_a_share_is_one_call_at_least(own_valkey: Valkey, replicas: Sequence[Replica]) -> None:
    await stopped(own_valkey, replicas)
    assert await replicas[0].admitted(5, CALLS._replace(limit=1)) == 1


async def test_what_is_told_of_a_share_is_told_of_the_limit(own_valkey: Valkey, replicas: Sequence[Replica]) -> None:
    await stopped(own_valkey, replicas)
    verdict = await replicas[0].rates.take([CALLS, TOKENS])
    assert [standing.quota.limit for standing in verdict.standings] == [20, 1_000]
    assert [standing.remaining for standing in verdict.standings] == [9, 400]
    await replicas[0].admitted(9)
    refused = await replicas[0].rates.take([CALLS])
    assert refused.refused_by is not None
    assert (refused.refused_by.quota, refused.refused_by.remaining) == (CALLS, 0)


async def test_when_the_server_is_back_empty_no_window_holds_more_than_the_limit(
    own_valkey: Valkey, replicas: Sequence[Replica]
) -> None:
    before = sum([await replica.admitted(10) for replica in replicas])
    await stopped(own_valkey, replicas)
    during = sum([await replica.admitted(30) for replica in replicas])
    own_valkey.start()
    for replica in replicas:
        await until_up(replica.link)
    after = sum([await replica.admitted(30) for replica in replicas])
    assert (before, during, after) == (20, 0, 0)
    for replica in replicas:
        replica.time.second = 60.0
    assert await replicas[0].admitted(30) + await replicas[1].admitted(30) == 20


async def test_the_share_holds_no_longer_than_a_window_after_the_outage(
    own_valkey: Valkey, replicas: Sequence[Replica]
) -> None:
    one, other = replicas
    await stopped(own_valkey, replicas)
    own_valkey.start()
    for replica in replicas:
        await until_up(replica.link)
    assert await one.admitted(30) == 10
    for replica in replicas:
        replica.time.second = 60.0
    # Now the server alone decides, by its own clock: ten of its minute are taken.
    assert await one.admitted(30) == 10
    assert await other.admitted(30) == 0


async def test_tokens_are_settled_wherever_they_were_taken(own_valkey: Valkey, replicas: Sequence[Replica]) -> None:
    one, _ = replicas
    taken = await one.rates.take([TOKENS._replace(amount=400)])
    await stopped(own_valkey, replicas)
    alone = await one.rates.take([TOKENS._replace(amount=100)])
    assert taken.grant is not None
    assert alone.grant is not None
    assert alone.standings[0].remaining == 0
    one.rates.settle(taken.grant, 50)
    one.rates.settle(alone.grant, 0)
    assert (await one.rates.take([TOKENS._replace(amount=1)])).standings[0].remaining == 449


async def test_what_is_cancelled_is_given_back_here_and_there(replicas: Sequence[Replica]) -> None:
    one, other = replicas
    for _ in range(30):
        verdict = await one.rates.take([CALLS, TOKENS])
        assert verdict.grant is not None
        one.rates.cancel(verdict.grant)
    assert await one.admitted(10) == 10
    assert await other.admitted(30) == 10


class Books:
    """Have what all replicas have written down."""

    def __init__(self) -> None:
        self.used = Used()

    async def __call__(self, subject: str, start: datetime, end: datetime) -> Used:
        return self.used


async def test_of_a_day_the_books_are_asked_when_the_server_goes_and_it_is_told_what_it_missed(
    own_valkey: Valkey,
) -> None:
    books = Books()
    async with opened(own_valkey, prefix="d:") as link, opened(own_valkey, prefix="d:") as second:
        one, other = Replica(link, books), Replica(second, books)
        day = DAY._replace(limit=50)
        assert (await one.admitted(10, day), await other.admitted(10, day)) == (10, 10)
        books.used = Used(20)
        await stopped(own_valkey, (one, other))
        # Thirty are left of the day, fifteen for each.
        grants = [(await one.rates.take([day])).grant for _ in range(20)]
        admitted = [grant for grant in grants if grant is not None]
        assert len(admitted) == 15
        assert await other.admitted(20, day) == 15
        for grant in admitted[:10]:
            one.rates.settle(grant, 0)
        own_valkey.start()
        await until_up(link)
        await until_up(second)
        # It has lost everything and asks the books, which have all that was written down by now.
        books.used = Used(50)
        assert await one.admitted(5, day) == 0


async def test_a_day_that_the_server_kept_takes_what_was_admitted_meanwhile(own_valkey: Valkey) -> None:
    async with opened(own_valkey, prefix="k:", patience_s=1.5) as link:
        one = Replica(link)
        assert await one.admitted(10, DAY) == 10
        own_valkey.pause()
        alone = await one.rates.take([DAY])
        assert alone.grant is not None
        assert not link.is_up
        one.rates.settle(alone.grant, 0)
        own_valkey.resume()
        await until_up(link)
        verdict = await one.rates.take([DAY])
        # Ten, the one whose answer was lost or never asked for, the one alone, and this one.
        assert verdict.standings[0].remaining in (87, 88)
