"""Streams that are read on when their callers leave: usage is exact, and there is a bound to it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from server.chat.records import OperationRecord
from tests.faults.asking import Question
from tests.faults.figures import Settlements, until
from tests.faults.lab import Lab, Room, open_lab
from tests.faults.leavers import GrpcLeaver, Leaver, RestLeaver

TOKENS = 40
SHORT = f"slow?n={TOKENS}&ms=10"
LONG = "slow?n=2000&ms=10"


@pytest_asyncio.fixture(loop_scope="session")
async def draining(tmp_path: Path) -> AsyncIterator[Lab]:
    """A gateway that reads two streams on, for two seconds each."""
    settings = {"drain_providers": ("openai-compatible",), "drain_streams": 2, "drain_s": 2.0}
    async with open_lab(tmp_path, timeout_s=30.0, **settings) as lab:
        yield lab


async def leave_early(room: Room, *, is_grpc: bool) -> None:
    """A client that hears the first content, and leaves."""
    question = Question(room.key, True, room.lab.timeout_s)
    client: Leaver
    if is_grpc:
        client = await GrpcLeaver.ask(room.lab.channel, question)
    else:
        client = await RestLeaver.ask(room.lab.url, question)
    await client.hear()
    client.leave()
    await client.gone()


async def settled(room: Room, settlements: Settlements, count: int = 1) -> list[OperationRecord]:
    """The requests of a room, once so many are settled."""
    await until(lambda: len(settlements.of.get(room.workspace_id, ())) >= count, "the request is settled")
    return [record for _, record in settlements.of[room.workspace_id]]


async def test_usage_of_a_stream_that_is_read_on_is_the_providers_own(draining: Lab) -> None:
    for is_grpc in (False, True):
        with Settlements(draining) as settlements:
            async with draining.room(SHORT) as room:
                await leave_early(room, is_grpc=is_grpc)
                [record] = await settled(room, settlements)
                mock = room.targets[0].mock
                assert mock is not None
                assert [request.is_answered for request in mock.requests] == [True]
        assert record.usage is not None
        assert (record.outcome, record.usage.is_estimated) == ("CLIENT_GONE", False)
        assert record.usage.output_tokens == TOKENS
        await until(lambda: draining.core.upstreams.counts().open == 0, "no connection")


async def test_only_so_many_are_read_on_and_only_so_long(draining: Lab) -> None:
    with Settlements(draining) as settlements:
        async with draining.room(LONG) as room:
            await asyncio.gather(*(leave_early(room, is_grpc=False) for _ in range(3)))
            first = (await settled(room, settlements))[0]
            mock = room.targets[0].mock
            assert mock is not None
            assert len(mock.disconnects) <= 1
            records = await settled(room, settlements, 3)
    assert all(record.usage is not None and record.usage.is_estimated for record in records)
    tokens = [record.usage.output_tokens for record in records if record.usage is not None]
    assert first.usage is not None
    assert min(tokens[1:]) > first.usage.output_tokens


async def test_other_providers_are_cut_as_ever(draining: Lab) -> None:
    with Settlements(draining) as settlements:
        async with draining.room(LONG, provider="anthropic") as room:
            await leave_early(room, is_grpc=False)
            [record] = await settled(room, settlements)
            await room.let_go()
    assert record.usage is not None
    assert record.usage.is_estimated


async def test_a_stop_does_not_wait_for_streams_without_callers(draining: Lab) -> None:
    with Settlements(draining) as settlements:
        async with draining.room(LONG) as room:
            await leave_early(room, is_grpc=False)
            await until(lambda: len(draining.core._under_way.drains) == 1, "the stream is read on")
            await draining.core._under_way.drains.close()
            [record] = await settled(room, settlements)
    assert record.outcome == "CLIENT_GONE"
