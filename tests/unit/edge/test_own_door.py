"""How many requests a REST face of its own serves at the same time."""

import asyncio

import pytest

from edge.own_door import FEW, LOOK_EVERY_S, STANDS_S, OwnDoor

LAG_S = 0.05


class Load:
    """How many are inside, and what time it is."""

    def __init__(self, inside: int = 0) -> None:
        self.inside = inside
        self.now_s = 0.0

    def door(self, max_inside: int = 0, max_lag_s: float = LAG_S) -> OwnDoor:
        return OwnDoor(lambda: self.inside, max_inside, max_lag_s, lambda: self.now_s)

    def look(self, door: OwnDoor, lag_s: float, for_s: float) -> None:
        """Observes the same lag for a while."""
        for _ in range(round(for_s / LOOK_EVERY_S)):
            self.now_s += LOOK_EVERY_S
            door.observe(lag_s, self.now_s)


async def test_those_who_are_on_the_way_in_count_until_they_are_inside() -> None:
    load = Load(inside=1)
    door = load.door(max_inside=3, max_lag_s=0.0)
    assert [door.turn_away() is None for _ in range(3)] == [True, True, False]
    assert door.is_shut
    await asyncio.sleep(0)
    assert door.turn_away() is None
    assert not door.is_shut


async def test_who_is_refused_is_not_told_the_same_time_as_the_one_before() -> None:
    door = Load(inside=1).door(max_inside=1, max_lag_s=0.0)
    assert sorted(door.turn_away() or 0.0 for _ in range(3)) == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("lag_s", "for_s", "is_bounded"),
    [
        (2 * LAG_S, STANDS_S + 0.1, True),
        (2 * LAG_S, STANDS_S - 0.1, False),
        (0.9 * LAG_S, 10.0, False),
    ],
    ids=["late for long", "late for a moment", "hardly late"],
)
async def test_there_is_a_lower_bound_when_the_loop_is(lag_s: float, for_s: float, is_bounded: bool) -> None:
    load = Load(inside=1000)
    door = load.door()
    load.look(door, lag_s, for_s)
    assert (door.turn_away() is not None) == is_bounded


async def test_a_few_are_served_however_late_the_loop_is() -> None:
    load = Load(inside=FEW - 1)
    door = load.door()
    load.look(door, 100 * LAG_S, 60.0)
    assert door.bound == FEW
    assert door.turn_away() is None
    assert door.turn_away() is not None


@pytest.mark.parametrize("max_inside", [0, 2000], ids=["no bound", "a bound"])
async def test_a_loop_that_is_on_time_again_gets_its_bound_back(max_inside: int) -> None:
    load = Load(inside=1000)
    door = load.door(max_inside)
    load.look(door, 2 * LAG_S, 1.0)
    lowered = door.bound
    assert FEW < lowered < 1000
    load.look(door, 0.7 * LAG_S, 1.0)
    assert door.bound == lowered
    load.look(door, 0.0, 30.0)
    assert door.bound == (max_inside or float("inf"))


async def test_it_looks_at_the_loop_while_there_is_something_to_do() -> None:
    load = Load(inside=1)
    door = OwnDoor(lambda: load.inside, 0, LAG_S)
    seen = asyncio.Event()
    door.observe = lambda lag_s, now_s: seen.set()  # type: ignore[method-assign]
    door.turn_away()
    await seen.wait()
    seen.clear()
    await seen.wait()
    load.inside = 0
    seen.clear()
    await seen.wait()
    seen.clear()
    door.turn_away()
    await seen.wait()


async def test_who_waits_for_a_turn_is_counted_and_makes_it_late() -> None:
    load = Load()
    door = load.door(max_inside=2)
    assert [door.turn_away() for _ in range(2)] == [None, None]
    door.defer()
    door.defer()
    await asyncio.sleep(0)
    assert door.turn_away() is not None
    door.resume(LAG_S, comes=True)
    assert door._waited_s == LAG_S
    door.resume(0.0, comes=False)
    assert door.turn_away() is None
    door._look()
    assert door._waited_s == 0.0
    if door._timer is not None:
        door._timer.cancel()
