"""A delay that does not go away."""

import pytest

from server.limits.delay import INTERVAL_S, REMEMBERED_S, StandingDelay

Seen = list[tuple[float, float]]
"""Seconds of delay, at a time."""

CASES: list[tuple[str, Seen, bool]] = [
    ("nothing was seen", [], False),
    ("a short one is none", [(0.09, 0.0), (0.09, 10.0)], False),
    ("a long one in a burst is none", [(9.0, 0.0), (9.0, 0.4)], False),
    ("one that stays stands", [(0.2, 0.0), (0.2, INTERVAL_S)], True),
    ("one that went away in between does not", [(0.2, 0.0), (0.01, 0.3), (0.2, 0.6)], False),
    ("one that nearly went away stands", [(0.2, 0.0), (0.07, 0.3), (0.2, 0.6)], True),
    ("it stands until it is well below", [(0.2, 0.0), (0.2, 0.6), (0.07, 0.7)], True),
    ("it stands no longer then", [(0.2, 0.0), (0.2, 0.6), (0.04, 0.7)], False),
    ("one that comes back soon stands at once", [(0.2, 0.0), (0.2, 0.6), (0.04, 0.7), (0.2, 0.8)], True),
    ("one that comes back late does not",
     [(0.2, 0.0), (0.2, 0.6), (0.04, 0.7), (0.2, 0.7 + REMEMBERED_S)], False),
]  # fmt: skip


@pytest.mark.parametrize(("seen", "stands"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_delay_above_a_tenth_of_a_second(seen: Seen, stands: bool) -> None:
    delay = StandingDelay(0.1)
    for delay_s, at_s in seen:
        delay.observe(delay_s, 100.0 + at_s)
    assert delay.is_standing is stands
