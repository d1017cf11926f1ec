"""Who is let in, and that the loop is looked at only while somebody is inside."""

import asyncio

import pytest

from server.errors import Overloaded
from server.limits.delay import INTERVAL_S
from server.limits.door import COMING_S, FEW_CALLS, LOOK_EVERY_S, MOST_WAITING, Door, Time
from server.limits.throttle import QUIET_S
from tests.unit.server.virtual_time import VirtualLoop, run


def loop() -> VirtualLoop:
    found = asyncio.get_running_loop()
    assert isinstance(found, VirtualLoop)
    return found


def door_of(max_inside: int, max_lag_s: float) -> Door:
    return Door(Time(loop().time, loop().call_later), max_inside, max_lag_s)


async def late_for(duration_s: float, by_s: float = 0.2) -> None:
    """Lets the loop be late by so much, again and again."""
    until_s = loop().time() + duration_s
    while loop().time() < until_s:
        loop()._jumping.now_s += by_s
        await asyncio.sleep(0)
        await asyncio.sleep(LOOK_EVERY_S / 100)


async def door_with_a_rate() -> Door:
    """A door behind which many are, with a rate because the loop was late for long; it is on time again."""
    door = door_of(0, 0.1)
    for _ in range(FEW_CALLS):
        door.enter()
    await late_for(2 * INTERVAL_S)
    await asyncio.sleep(1.0)
    return door


def test_so_many_are_let_in_and_one_more_for_each_that_leaves() -> None:
    async def main() -> None:
        door = door_of(2, 0.0)
        door.enter()
        door.enter()
        for _ in range(3):
            with pytest.raises(Overloaded):
                door.enter()
        door.leave()
        door.enter()
        assert door.inside == 2
        assert door.refused == {"calls": 3, "lag": 0}

    run(main())


def test_those_who_are_refused_are_told_different_times() -> None:
    async def main() -> None:
        door = door_of(1, 0.0)
        assert door.turn_away() is None
        door.enter()
        assert [door.turn_away() for _ in range(4)] == [2.0, 3.0, 1.0, 2.0]
        with pytest.raises(Overloaded) as refused:
            door.enter()
        assert refused.value.retry_after_s == 3.0

    run(main())


def test_without_bounds_everybody_is_let_in() -> None:
    async def main() -> None:
        door = door_of(0, 0.0)
        for _ in range(1_000):
            door.enter()
        await late_for(2.0)
        door.enter()
        assert sum(door.refused.values()) == 0

    run(main())


@pytest.mark.parametrize(("inside", "is_refused"), [(FEW_CALLS, True), (FEW_CALLS - 1, False)], ids=["many", "few"])
def test_a_loop_that_stays_late_lets_few_in_while_many_are_inside(inside: int, is_refused: bool) -> None:
    async def main() -> None:
        door = door_of(0, 0.1)
        for _ in range(inside):
            door.enter()
        await late_for(INTERVAL_S / 2)
        assert door.turn_away() is None
        assert not door.is_shut
        door.enter()
        door.leave()
        await late_for(INTERVAL_S)
        for _ in range(100):
            if door.turn_away() is None:
                door.enter()
                door.leave()
        assert door.is_shut is is_refused
        assert (door.refused["lag"] > 50) is is_refused
        assert door.refused["calls"] == 0
        for _ in range(inside):
            door.leave()
        await asyncio.sleep(2 * QUIET_S)
        assert door.turn_away() is None
        assert not door.is_shut
        assert door._timer is None
        door.close()

    run(main())


def test_who_was_let_in_at_the_gate_is_not_asked_again() -> None:
    async def main() -> None:
        door = await door_with_a_rate()
        let_in = sum(door.turn_away() is None for _ in range(1_000))
        refused = door.refused["lag"]
        assert 0 < let_in < 1_000
        for _ in range(let_in):
            door.enter()
        assert door.refused["lag"] == refused
        with pytest.raises(Overloaded):
            door.enter()
        door.close()

    run(main())


def test_nobody_looks_while_nobody_is_inside() -> None:
    async def main() -> None:
        door = door_of(0, 0.1)
        assert door._timer is None
        door.enter()
        timer = door._timer
        assert timer is not None
        door.enter()
        assert door._timer is timer
        door.leave()
        await asyncio.sleep(2 * LOOK_EVERY_S)
        assert door._timer is not None
        door.leave()
        await asyncio.sleep(2 * LOOK_EVERY_S)
        assert door._timer is None

    run(main())


def test_those_on_the_way_count_for_a_moment() -> None:
    async def main() -> None:
        door = door_of(2, 0.0)
        assert [door.turn_away() for _ in range(3)] == [None, None, 2.0]
        door.enter()
        assert door.turn_away() == 3.0
        await asyncio.sleep(2 * COMING_S)
        assert door.turn_away() is None
        door.enter()
        assert door.turn_away() == 1.0

    run(main())


def test_those_who_wait_for_their_turn_are_not_forgotten() -> None:
    async def main() -> None:
        door = door_of(2, 0.0)
        assert [door.turn_away() for _ in range(2)] == [None, None]
        door.defer()
        door.defer()
        await asyncio.sleep(10 * COMING_S)
        assert door.turn_away() == 2.0
        door.resume(5.0, comes=False)
        assert door.turn_away() is None
        door.resume(5.0, comes=True)
        door.enter()
        door.enter()
        assert door.turn_away() == 3.0

    run(main())


def test_who_had_its_turn_in_a_round_that_took_long_comes_in_all_the_same() -> None:
    async def main() -> None:
        door = await door_with_a_rate()
        let_in = sum(door.turn_away() is None for _ in range(1_000))
        for _ in range(let_in):
            door.defer()
        for _ in range(4):
            loop()._jumping.now_s += 3 * COMING_S
            door.turn_away()
            await asyncio.sleep(0)
        for _ in range(let_in):
            door.resume(0.0, comes=True)
        for _ in range(4):  # of the same round, in which others ask
            loop()._jumping.now_s += 3 * COMING_S
            door.turn_away()
        await asyncio.sleep(0)  # the next round, in which the loop is looked at first
        for _ in range(let_in):
            door.enter()
        assert let_in > 0
        door.close()

    run(main())


def test_the_door_stays_shut_while_there_is_a_rate() -> None:
    async def main() -> None:
        door = await door_with_a_rate()
        answers = [door.turn_away() for _ in range(1_000)]
        assert answers[0] is None
        assert door.is_shut
        await asyncio.sleep(0.1)
        assert door.turn_away() is None
        assert door.is_shut, "who is let in does not open it for the next"
        for _ in range(FEW_CALLS):
            door.leave()
        await asyncio.sleep(2 * QUIET_S)
        assert door.turn_away() is None
        assert not door.is_shut
        door.close()

    run(main())


@pytest.mark.parametrize(("waiting", "is_refused"), [(FEW_CALLS, True), (FEW_CALLS - 2, False)], ids=["many", "few"])
def test_long_waits_for_a_turn_count_as_a_loop_that_is_late(waiting: int, is_refused: bool) -> None:
    async def main() -> None:
        door = door_of(0, 0.1)
        door.enter()
        for _ in range(waiting):
            assert door.turn_away() is None
            door.defer()
        until_s = loop().time() + 2 * INTERVAL_S
        while loop().time() < until_s:
            door.resume(0.2, comes=True)
            door.defer()
            await asyncio.sleep(LOOK_EVERY_S)
        for _ in range(50):
            if door.turn_away() is None:
                door.enter()
                door.leave()
        assert (door.refused["lag"] > 25) is is_refused
        door.close()

    run(main())


@pytest.mark.parametrize(
    ("max_lag_s", "let_in"), [(0.1, MOST_WAITING), (0.0, 2 * MOST_WAITING)], ids=["a bound", "no bound"]
)
def test_of_a_burst_so_many_may_wait(max_lag_s: float, let_in: int) -> None:
    async def main() -> None:
        door = door_of(0, max_lag_s)
        for _ in range(2 * MOST_WAITING):
            if door.turn_away() is None:
                door.defer()
        assert door._waiting == let_in
        assert door.refused["lag"] == 2 * MOST_WAITING - let_in

    run(main())
