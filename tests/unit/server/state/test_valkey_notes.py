"""Notes and notices over Valkey: shared by replicas, heard by the others, and no failure when it is away."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from server.state.valkey_notes import ValkeyNotes, ValkeyNotices
from tests.unit.server.state.valkeys import Valkey, opened, running_valkey, until_up


async def test_a_note_of_one_replica_is_read_by_the_other(valkey: Valkey) -> None:
    async with opened(valkey, prefix="n:") as one, opened(valkey, prefix="n:") as other:
        await ValkeyNotes(one).put("ä", "tést", 60)
        assert await ValkeyNotes(one).get("ä") == "tést"
        assert await ValkeyNotes(other).get("ä") == "tést"
        assert await ValkeyNotes(other).get("b") is None


async def test_a_note_ends_by_itself(valkey: Valkey) -> None:
    async with opened(valkey, prefix="e:") as link:
        await ValkeyNotes(link).put("a", "1", 0.01)
        async with asyncio.timeout(60):
            while await ValkeyNotes(link).get("a") is not None:
                await asyncio.sleep(0.005)


async def test_while_the_server_is_away_a_replica_has_its_own_notes() -> None:
    with running_valkey() as server:
        async with opened(server) as link:
            notes = ValkeyNotes(link)
            await notes.put("a", "1", 60)
            server.stop()
            await notes.get("a")
            await notes.put("b", "2", 60)
            assert (await notes.get("a"), await notes.get("b"), await notes.get("c")) == ("1", "2", None)
            server.start()
            await until_up(link)
            assert await notes.get("b") == "2"


@contextlib.asynccontextmanager
async def replica(server: Valkey, prefix: str) -> AsyncIterator[tuple[ValkeyNotices, list[str]]]:
    """A replica that listens, and what it has heard."""
    heard: list[str] = []
    async with opened(server, prefix=prefix) as link:
        notices = ValkeyNotices(link)
        notices.hear("user", lambda text: heard.append(f"user {text}"))
        notices.hear("key", lambda text: heard.append(f"key {text}"))
        notices.when_missed(lambda: heard.append("missed"))
        notices.open()
        try:
            await notices.is_listening.wait()
            yield notices, heard
        finally:
            await notices.close()


async def until(heard: list[str], text: str) -> None:
    async with asyncio.timeout(20):
        while text not in heard:
            await asyncio.sleep(0.01)


async def test_the_others_hear_what_one_tells(valkey: Valkey) -> None:
    async with replica(valkey, "h:") as (one, one_heard), replica(valkey, "h:") as (_, other_heard):
        one.tell("user", "usr_1")
        one.tell("unknown", "x")
        one.tell("key", "key_1")
        await until(other_heard, "key key_1")
        assert other_heard == ["user usr_1", "key key_1"]
        assert one_heard == []


@pytest.fixture
async def own_valkey() -> AsyncIterator[Valkey]:
    """A server that a test may stop."""
    with running_valkey() as server:
        yield server


async def test_one_whose_subscription_was_cut_learns_that_it_may_have_missed_something(own_valkey: Valkey) -> None:
    async with replica(own_valkey, "m:") as (one, _), replica(own_valkey, "m:") as (other, heard):
        own_valkey.stop()
        async with asyncio.timeout(20):
            while other.is_listening.is_set() or one.is_listening.is_set():
                await asyncio.sleep(0.01)
        own_valkey.start()
        await until(heard, "missed")
        await one.is_listening.wait()
        one.tell("user", "usr_2")
        await until(heard, "user usr_2")
