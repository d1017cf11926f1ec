"""The link to Valkey: many questions in one piece, no long wait, and nothing lost that can be said again."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from server.state.link import SCRIPTS, StateAwayError, ValkeyLink, script_sources
from tests.unit.server.state.valkeys import FAILURES, Valkey, client_of, opened, running_valkey, until_up


@pytest.fixture
async def own_valkey() -> AsyncIterator[Valkey]:
    """A server that a test may stop."""
    with running_valkey() as server:
        yield server


async def get(link: ValkeyLink, name: str) -> bytes | None:
    found: bytes | None = await link.ask("note", ["get", name])
    return found


def put(link: ValkeyLink, name: str, text: str) -> None:
    args = ["put", name, text, "60000"]
    link.say("note", args, again=args)


def test_every_script_is_known_by_its_name() -> None:
    assert set(script_sources()) == set(SCRIPTS)


async def test_what_is_said_is_there_when_it_is_asked_for(valkey: Valkey) -> None:
    async with opened(valkey) as link:
        put(link, "a", "1")
        assert await get(link, "a") == b"1"
        assert await get(link, "b") is None


async def test_many_questions_are_answered_each_with_its_own_answer(valkey: Valkey) -> None:
    async with opened(valkey) as link:
        for number in range(1_000):
            put(link, str(number), f"text {number}")
        answers = await asyncio.gather(*(get(link, str(number)) for number in range(1_000)))
    assert answers == [f"text {number}".encode() for number in range(1_000)]


async def test_prefixes_keep_gateways_apart(valkey: Valkey) -> None:
    async with opened(valkey) as one, opened(valkey) as other:
        put(one, "a", "1")
        assert await get(one, "a") == b"1"
        assert await get(other, "a") is None


async def test_what_is_still_to_be_said_is_said_before_it_closes(valkey: Valkey) -> None:
    async with opened(valkey, prefix="closing:") as link:
        for number in range(300):
            put(link, str(number), "1")
    async with opened(valkey, prefix="closing:") as link:
        assert await asyncio.gather(*(get(link, str(number)) for number in range(300))) == [b"1"] * 300


async def test_a_server_that_is_not_there_is_told_at_once_and_found_when_it_comes(own_valkey: Valkey) -> None:
    own_valkey.stop()
    async with opened(own_valkey) as link:
        assert not link.is_up
        with pytest.raises(StateAwayError):
            link.ask("note", ["get", "a"])
        put(link, "a", "said early")
        own_valkey.start()
        await until_up(link)
        assert await get(link, "a") == b"said early"


async def test_a_server_that_stops_fails_what_waits_and_is_found_again(own_valkey: Valkey) -> None:
    told: list[str] = []
    async with opened(own_valkey) as link:
        link.when_away(lambda: told.append("away"))
        link.when_back(lambda: told.append("back"))
        assert await get(link, "a") is None
        own_valkey.stop()
        with pytest.raises(StateAwayError):
            await get(link, "a")
        assert (link.is_up, link.outage_count, told) == (False, 1, ["away"])
        own_valkey.start()
        await until_up(link)
        # The scripts were gone with the server.
        assert await get(link, "a") is None
        assert told == ["away", "back"]


async def test_a_server_that_hangs_is_not_waited_for(own_valkey: Valkey) -> None:
    async with opened(own_valkey, patience_s=1.5) as link:
        put(link, "a", "1")
        assert await get(link, "a") == b"1"
        own_valkey.pause()
        try:
            with pytest.raises(StateAwayError):
                await get(link, "a")
            with pytest.raises(StateAwayError):
                link.ask("note", ["get", "a"])
        finally:
            own_valkey.resume()
        await until_up(link)
        assert await get(link, "a") == b"1"


async def test_scripts_that_were_flushed_are_loaded_again(own_valkey: Valkey) -> None:
    async with opened(own_valkey) as link:
        await link.client.script_flush()
        with pytest.raises(StateAwayError):
            await get(link, "a")
        await until_up(link)
        assert await get(link, "a") is None


async def test_what_may_be_said_again_is_said_when_the_server_is_back_and_the_rest_is_not(own_valkey: Valkey) -> None:
    async with opened(own_valkey) as link:
        own_valkey.stop()
        put(link, "again", "1")
        link.say("note", ["put", "once", "1", "60000"])
        await until_up(link, is_up=False)
        own_valkey.start()
        await until_up(link)
        assert (await get(link, "again"), await get(link, "once")) == (b"1", None)


async def test_what_waits_to_be_said_is_bounded() -> None:
    link = ValkeyLink(client_of(Valkey()), "x:", FAILURES)
    for number in range(10_050):
        put(link, str(number), "1")
    assert (len(link._unsaid), link.lost_count) == (10_000, 50)
    await link.close()


async def test_a_caller_that_leaves_does_not_hold_up_the_others(valkey: Valkey) -> None:
    async with opened(valkey) as link:
        asked = [asyncio.ensure_future(get(link, "a")) for _ in range(20)]
        await asyncio.sleep(0)
        for task in asked[::3]:
            task.cancel()
        answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [answer for answer in answers if answer is not None] == [
        answer for answer in answers if isinstance(answer, asyncio.CancelledError)
    ]


async def test_closing_while_the_server_is_away_fails_what_waits(own_valkey: Valkey) -> None:
    async with opened(own_valkey, patience_s=1.5) as link:
        own_valkey.pause()
        asked = link.ask("note", ["get", "a"])
    own_valkey.resume()
    with pytest.raises(StateAwayError):
        await asked
