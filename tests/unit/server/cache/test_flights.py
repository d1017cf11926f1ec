"""Flights: one piece of work for many, that outlives whoever started it and ends when nobody waits."""

import asyncio

import pytest

from server.cache.flights import Flight, Flights

Work = Flight[int, str]


async def test_all_who_join_get_the_one_result() -> None:
    flights: Flights[int, str] = Flights()
    go, count = asyncio.Event(), 0

    async def work(flight: Work) -> str:
        nonlocal count
        count += 1
        await go.wait()
        return "done"

    first = flights.start(b"k", work, shows_pieces=False)
    others = [flights.join(b"k") for _ in range(9)]
    assert flights.join(b"other") is None
    waiting = asyncio.gather(first.result(), *(other.result() for other in others if other))
    go.set()
    assert await waiting == ["done"] * 10
    assert count == 1
    assert len(flights) == 0
    assert flights.join(b"k") is None


async def test_the_work_goes_on_without_the_one_who_started_it() -> None:
    flights: Flights[int, str] = Flights()
    go = asyncio.Event()

    async def work(flight: Work) -> str:
        await go.wait()
        return "done"

    leader = flights.start(b"k", work, shows_pieces=False)
    other = flights.join(b"k")
    leader.leave()
    assert other is not None
    go.set()
    assert await other.result() == "done"


async def test_the_work_is_given_up_when_nobody_waits() -> None:
    flights: Flights[int, str] = Flights()
    ended = asyncio.Event()

    async def work(flight: Work) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return "never"

    flight = flights.start(b"k", work, shows_pieces=False)
    await asyncio.sleep(0)
    flight.leave()
    assert flights.join(b"k") is None
    over = asyncio.Event()
    flight.when_over(over.set)
    await over.wait()
    assert ended.is_set()
    assert flight.is_over
    flight.when_over(over.clear)
    assert not over.is_set()


async def test_pieces_are_seen_by_all_also_by_those_who_join_late() -> None:
    flights: Flights[int, str] = Flights()
    go = asyncio.Event()

    async def work(flight: Work) -> str:
        await flight.put(1)
        await go.wait()
        await flight.put(2)
        return "done"

    first = flights.start(b"k", work, shows_pieces=True)
    first.read()
    assert await first.piece(0) == 1
    late = flights.join(b"k")
    assert late is not None
    late.read()
    go.set()
    assert [await late.piece(number) for number in range(3)] == [1, 2, None]
    assert [await first.piece(number) for number in (1, 2)] == [2, None]


async def test_a_failure_comes_after_the_pieces_before_it() -> None:
    flights: Flights[int, str] = Flights()

    async def work(flight: Work) -> str:
        await flight.put(1)
        raise ValueError("broke")

    flight = flights.start(b"k", work, shows_pieces=True)
    flight.read()
    assert await flight.piece(0) == 1
    with pytest.raises(ValueError, match="broke"):
        await flight.piece(1)


async def test_the_work_waits_for_its_readers_but_not_for_those_who_left() -> None:
    flights: Flights[int, str] = Flights()
    made = 0

    async def work(flight: Work) -> str:
        nonlocal made
        for number in range(1000):
            await flight.put(number)
            made += 1
        return "done"

    slow = flights.start(b"k", work, shows_pieces=True)
    slow.read()
    other = flights.join(b"k")
    assert other is not None
    for _ in range(50):
        await asyncio.sleep(0)
    assert made < 300
    slow.leave(is_reader=True)
    assert await other.result() == "done"


async def test_closing_gives_up_all_that_is_under_way() -> None:
    flights: Flights[int, str] = Flights()

    async def work(flight: Work) -> str:
        await asyncio.Event().wait()
        return "never"

    flight = flights.start(b"k", work, shows_pieces=False)
    await flights.close()
    assert flight.is_over
    with pytest.raises(asyncio.CancelledError):
        await flight.result()
