"""So many calls begin in a round of the loop, and the rest in their order in rounds to come."""

import asyncio
from functools import partial

import pytest

from edge.turns import AT_ONCE, Turns


class Told:
    """A door that writes down what it is told."""

    def __init__(self) -> None:
        self.waiting = 0
        self.waited: list[tuple[float, bool]] = []

    def defer(self) -> None:
        self.waiting += 1

    def resume(self, waited_s: float, *, comes: bool) -> None:
        self.waiting -= 1
        self.waited.append((waited_s, comes))


def begin(begun: list[int], number: int) -> bool:
    begun.append(number)
    return True


@pytest.mark.parametrize(
    ("later_s", "takes"),
    [(0.0, False), (0.0001, False), (0.001, True)],
    ids=["in the same round", "of a clock that goes on in a round", "in the next round"],
)
async def test_so_many_begin_at_once_in_a_round(later_s: float, takes: bool) -> None:
    turns = Turns(Told())
    assert all(turns.takes(5.0) for _ in range(AT_ONCE))
    assert turns.takes(5.0 + later_s) is takes


async def test_the_rest_begin_in_their_order_a_few_in_each_round() -> None:
    told, begun = Told(), list[int]()
    turns = Turns(told)
    now_s = asyncio.get_running_loop().time()
    for number in range(2 * AT_ONCE + 1):
        turns.wait(now_s, partial(begin, begun, number))
    assert begun == []
    lengths = []
    while told.waiting:
        assert not turns.takes(now_s + 1.0), "nobody overtakes"
        await asyncio.sleep(0)
        lengths.append(len(begun))
    assert begun == list(range(2 * AT_ONCE + 1))
    assert lengths == [AT_ONCE, 2 * AT_ONCE, 2 * AT_ONCE + 1]
    assert all(waited_s >= 0.0 and comes for waited_s, comes in told.waited)
    assert turns.takes(asyncio.get_running_loop().time() + 1.0)


async def test_who_has_left_takes_no_place() -> None:
    told, begun = Told(), list[int]()
    turns = Turns(told)
    now_s = asyncio.get_running_loop().time()
    for _ in range(3 * AT_ONCE):
        turns.wait(now_s, lambda: False)
    turns.wait(now_s, partial(begin, begun, 1))
    await asyncio.sleep(0)
    assert begun == [1]
    assert [comes for _, comes in told.waited] == [False] * 3 * AT_ONCE + [True]
