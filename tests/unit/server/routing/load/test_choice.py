"""The power of two choices over candidates in the order of a draw."""

import random
from collections import Counter

import pytest

from server.routing.load.choice import two_choices

CASES: list[tuple[str, str, dict[str, float], str]] = [
    ("a single one stays", "a1", {"a": 9.0}, "a1"),
    ("the first stays if it has less to do", "a1 b1", {"a": 1.0, "b": 2.0}, "a1 b1"),
    ("the first stays if both have the same to do", "a1 b1", {"a": 1.0, "b": 1.0}, "a1 b1"),
    ("the second goes first if it has less to do", "a1 b1", {"a": 2.0, "b": 1.0}, "b1 a1"),
    ("a third is not looked at", "a1 b1 c1", {"a": 2.0, "b": 3.0, "c": 0.0}, "a1 b1 c1"),
    ("another weight is not looked at", "a1 b2 c1", {"a": 2.0, "b": 0.0, "c": 1.0}, "c1 b2 a1"),
    ("no other weight, no choice", "a1 b2", {"a": 2.0, "b": 0.0}, "a1 b2"),
    ("candidates of an entry stay together", "a1 a1 b1", {"a": 2.0, "b": 1.0}, "b1 a1 a1"),
    ("others keep their places", "a1 c2 b1 d3", {"a": 2.0, "b": 1.0}, "b1 c2 a1 d3"),
]


@pytest.mark.parametrize(("drawn", "loads", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_two_choices(drawn: str, loads: dict[str, float], expected: str) -> None:
    order = two_choices(drawn.split(), lambda item: item[0], lambda item: int(item[1]), lambda item: loads[item[0]])
    assert " ".join(order) == expected


def highest_load(choices: int) -> int:
    """How many of 10,000 calls the busiest of 100 upstreams gets, when so many are looked at each time."""
    rng, loads = random.Random(7), Counter({f"{number:02}": 0 for number in range(100)})
    for _ in range(10_000):
        drawn = rng.sample(sorted(loads), 2)
        chosen = drawn if choices == 1 else two_choices(drawn, lambda item: item, lambda _: 1, lambda item: loads[item])
        loads[chosen[0]] += 1
    return max(loads.values())


def test_looking_at_two_spreads_far_better_than_a_draw() -> None:
    assert highest_load(2) <= 104
    assert highest_load(1) > 120
