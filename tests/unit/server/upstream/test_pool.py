"""Room for connections: who gets it, who waits, and that none is lost."""

import asyncio
import random

import pytest

from cli.mock.upstream import MockUpstream
from server.chat.wire import Timeouts
from server.errors import Overloaded, PerpetuoError
from server.upstream import pool
from server.upstream.client import HttpTransport
from server.upstream.dial import Origin
from server.upstream.pool import Counts, Pool, Ticket
from tests.unit.server.upstream.asking import QUICK, chat, read_all

HERE = Origin("here.example", 443, True)
THERE = Origin("there.example", 443, True)


async def room(places: Pool, origin: Origin = HERE, within_s: float = 0.01) -> Ticket:
    found = await places.room(origin, within_s)
    assert isinstance(found, Ticket)
    return found


async def test_each_origin_has_room_of_its_own() -> None:
    places = Pool(max_connections=2)
    await room(places)
    await room(places)
    await room(places, THERE)
    with pytest.raises(Overloaded) as caught:
        await room(places)
    assert caught.value.retry_after_s == 1.0


async def test_room_that_is_given_back_goes_to_whoever_waits_longest() -> None:
    places = Pool(max_connections=1)
    ticket = await room(places)
    waiting = [asyncio.create_task(room(places, within_s=60.0)) for _ in range(3)]
    await asyncio.sleep(0)
    for task in waiting:
        places.forget(ticket)
        places.forget(ticket)
        ticket = await task
    assert [task.done() for task in waiting] == [True, True, True]


async def test_room_that_comes_to_somebody_who_has_left_goes_to_the_next() -> None:
    places = Pool(max_connections=1)
    ticket = await room(places)
    first, second = (asyncio.create_task(room(places, within_s=60.0)) for _ in range(2))
    await asyncio.sleep(0)
    places.forget(ticket)
    first.cancel()
    assert isinstance(await second, Ticket)
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_room_for_a_second_try_is_always_there() -> None:
    places = Pool(max_connections=1)
    first, extra = await room(places), places.extra_room(HERE)
    places.forget(extra)
    with pytest.raises(Overloaded):
        await room(places)
    places.forget(first)
    await room(places)


async def test_what_there_is_can_be_counted() -> None:
    places = Pool(max_connections=1)
    assert places.counts() == Counts(0, 0, 0)
    here, there = await room(places), await room(places, THERE)
    waiting = asyncio.create_task(room(places, within_s=60.0))
    await asyncio.sleep(0)
    assert places.counts() == Counts(open=2, idle=0, waiting=1)
    places.forget(here)
    places.forget(await waiting)
    places.forget(there)
    assert places.counts() == Counts(0, 0, 0)


async def test_a_connection_that_becomes_free_serves_who_waits(mock: MockUpstream) -> None:
    transport = HttpTransport(allow_private_upstreams=True, max_connections=2)
    try:
        answers = await asyncio.gather(
            *(read_all(transport, chat(mock, "slow?n=2&ms=5", stream=True)) for _ in range(20))
        )
        assert len(set(answers)) == 1
        assert mock.connections_opened == 2
    finally:
        await transport.close()


async def test_a_request_that_finds_no_room_in_time_is_refused(mock: MockUpstream) -> None:
    transport = HttpTransport(allow_private_upstreams=True, max_connections=1)
    try:
        held = await transport.send(chat(mock, "stall-after?n=1", stream=True), QUICK)
        with pytest.raises(Overloaded):
            await transport.send(chat(mock), Timeouts(connect_s=0.05))
        await held.close()
        assert await read_all(transport, chat(mock))
    finally:
        await transport.close()


async def test_room_is_given_back_whatever_happens(mock: MockUpstream) -> None:
    """Answers, failures, cancellations in any order: in the end there is room for as many as in the beginning."""
    transport = HttpTransport(allow_private_upstreams=True, max_connections=4)
    chance = random.Random(7)
    faults = ["", "reset-headers", "close-headers", "stale-reset", "reset-midway", "stall-headers", "html", "half-head"]

    async def ask() -> None:
        task = asyncio.create_task(read_all(transport, chat(mock, chance.choice(faults)), Timeouts(first_byte_s=0.05)))
        if chance.random() < 0.3:
            await asyncio.sleep(chance.random() / 50)
            task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            assert task.exception() is None or isinstance(task.exception(), PerpetuoError)

    try:
        for _ in range(6):
            await asyncio.gather(*(ask() for _ in range(40)))
        held = [await transport.send(chat(mock, "stall-after?n=1", stream=True), QUICK) for _ in range(4)]
        for response in held:
            await response.close()
    finally:
        await transport.close()


async def test_only_so_many_wait_to_be_used_again(mock: MockUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "MAX_IDLE", 2)
    transport = HttpTransport(allow_private_upstreams=True)
    try:
        await asyncio.gather(*(read_all(transport, chat(mock, "delay-headers?ms=50")) for _ in range(5)))
        async with asyncio.timeout(10):
            while mock.connections_open != 2:
                await asyncio.sleep(0.005)
    finally:
        await transport.close()


async def test_what_is_idle_for_too_long_is_closed(mock: MockUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "KEEP_ALIVE_S", 0.05)
    transport = HttpTransport(allow_private_upstreams=True)
    try:
        await read_all(transport, chat(mock))
        async with asyncio.timeout(60):
            await mock.idle()
    finally:
        await transport.close()
