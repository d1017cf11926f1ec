"""Rates in Valkey: what it has beyond the promises of every store. Those are in the contract tests."""

import asyncio

from server.chat.rates import Measure, Quota, Window
from server.state.link import StateAwayError
from server.state.valkey_rates import ValkeyRates
from tests.unit.server.state.valkeys import Valkey, opened, running_valkey, turned

NOON_S = 20_000 * 86_400 + 43_200.0
CALLS = Quota("usr_1", Window.MINUTE, 20)
DAY_TOKENS = Quota("key_1", Window.DAY, 100, Measure.TOKENS, 60)


async def test_two_replicas_share_one_limit_whatever_their_clocks_say(valkey: Valkey) -> None:
    """Neither looks at its own clock: what counts is the server's."""
    async with opened(valkey, prefix="two:") as one, opened(valkey, prefix="two:") as other:
        stores = ValkeyRates(one), ValkeyRates(other)
        verdicts = await asyncio.gather(*(stores[number % 2].take([CALLS]) for number in range(60)))
    assert sum(verdict.is_admitted for verdict in verdicts) == 20


async def test_tokens_of_a_call_that_nobody_settles_are_given_back_in_time(valkey: Valkey) -> None:
    async with turned(valkey, NOON_S) as (link, time):
        store = ValkeyRates(link, held_s=900)
        lost = (await store.take([DAY_TOKENS])).grant
        assert not (await store.take([DAY_TOKENS])).is_admitted
        await time.turn(899)
        assert not (await store.take([DAY_TOKENS])).is_admitted
        await time.turn(1)
        assert (await store.take([DAY_TOKENS])).standings[0].remaining == 40
        # What comes late after all is counted as what it used.
        assert lost is not None
        store.settle(lost, 30)
        assert (await store.take([DAY_TOKENS._replace(amount=1)])).standings[0].remaining == 9


async def test_settling_for_the_second_time_counts_once(valkey: Valkey) -> None:
    async with turned(valkey, NOON_S) as (link, _):
        store = ValkeyRates(link)
        minute = DAY_TOKENS._replace(window=Window.MINUTE)
        grant = (await store.take([DAY_TOKENS, minute])).grant
        assert grant is not None
        said: list[tuple[list[str], list[str]]] = []
        link.say = lambda script, args, again=None: said.append((list(args), list(again or ())))  # type: ignore[method-assign]
        store.settle(grant, 10)
        [(first, again)] = said
        await link.ask("settle", first)
        await link.ask("settle", again)
        one = DAY_TOKENS._replace(amount=1), minute._replace(amount=1)
        assert [standing.remaining for standing in (await store.take(one)).standings] == [89, 89]


async def test_keys_end_by_themselves(valkey: Valkey) -> None:
    async with opened(valkey, prefix="ends:") as link:
        store = ValkeyRates(link)
        await store.take([CALLS, CALLS._replace(window=Window.DAY)])
        await store.take([DAY_TOKENS, DAY_TOKENS._replace(window=Window.HOUR)])
        keys = [key async for key in link.client.scan_iter("ends:*")]
        spans_s = sorted([await link.client.ttl(key) for key in keys])
    assert len(keys) == 6
    assert 0 < spans_s[0] <= 61
    assert spans_s[-1] <= 172_800


async def test_days_that_are_known_take_what_was_counted_elsewhere(valkey: Valkey) -> None:
    async with turned(valkey, NOON_S) as (link, _):
        store = ValkeyRates(link)
        day = CALLS._replace(window=Window.DAY)
        await store.take([day])
        store.add_to_day([("usr_1", Measure.REQUESTS, 20_000, 5), ("usr_unknown", Measure.REQUESTS, 20_000, 5)])
        assert (await store.take([day])).standings[0].remaining == 13
        assert (await store.take([day._replace(subject="usr_unknown")])).standings[0].remaining == 19


async def test_a_server_that_is_away_is_told() -> None:
    with running_valkey() as server:
        async with opened(server) as link:
            server.stop()
            outcomes = [await asyncio.gather(ValkeyRates(link).take([CALLS]), return_exceptions=True) for _ in range(2)]
    assert [type(outcome) for [outcome] in outcomes] == [StateAwayError] * 2
