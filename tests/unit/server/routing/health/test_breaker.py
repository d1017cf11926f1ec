"""The breaker as a state machine: when it opens, whom it lets through, and what closes it."""

import random

import pytest

from server.routing.health.breaker import FAILURES_IN_A_ROW, LEAST_CALLS, OPEN_S, WINDOW_S, Breaker, BreakerRules, State

OPENED_S = 100.0


def opened(at_s: float = OPENED_S) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES_IN_A_ROW):
        breaker.failed(at_s)
    return breaker


def played(calls: str, every_s: float = 0.1) -> Breaker:
    """A breaker after calls: `.` answered, `x` failed, `b` broke after its first content."""
    breaker, now_s = Breaker(), 0.0
    for call in calls:
        now_s += every_s
        if call != "x":
            breaker.succeeded(now_s)
        if call == "b":
            breaker.broke(now_s)
        if call == "x":
            breaker.failed(now_s)
    return breaker


@pytest.mark.parametrize(
    ("calls", "every_s", "is_closed"),
    [
        ("xxxx", 0.1, True),
        ("xxxxx", 0.1, False),
        ("xxxx.xxxx.", 0.1, True),
        ("xxxxx", WINDOW_S + 1, True),
        (".x" * 9 + ".", 0.1, True),
        (".x" * 10, 0.1, False),
        ("..x" * 20, 0.1, True),
        (".x" * 30, 4.0, True),
        ("b" * 19, 0.1, True),
        ("b" * 20, 0.1, False),
        (".." * 30 + "xxxx", 0.1, True),
    ],
    ids=[
        "four failures in a row", "five of them", "a row that is interrupted", "a row over hours",
        "half of nineteen calls", "half of twenty calls", "a third of many", "half of a few in each window",
        "few streams that broke", "twenty streams that broke", "few failures after many answers",
    ],
)  # fmt: skip
def test_when_it_opens(calls: str, every_s: float, is_closed: bool) -> None:
    breaker = played(calls, every_s)
    assert breaker.openings == (0 if is_closed else 1)
    assert (breaker.state(len(calls) * every_s) is State.CLOSED) == is_closed


def test_open_it_lets_nobody_through_and_tells_how_long() -> None:
    breaker = opened()
    assert breaker.state(OPENED_S + OPEN_S - 0.1) is State.OPEN
    assert breaker.wait_s(OPENED_S + 4.0) == OPEN_S - 4.0
    assert breaker.state(OPENED_S + OPEN_S) is State.HALF_OPEN
    assert breaker.wait_s(OPENED_S + OPEN_S) == 0.0


def test_half_open_it_lets_one_through_at_a_time() -> None:
    breaker, now_s = opened(), OPENED_S + OPEN_S
    let_through = 0
    for _ in range(1000):
        if breaker.wait_s(now_s) == 0.0:
            assert breaker.enter(now_s)
            let_through += 1
    assert let_through == 1


def test_a_probe_that_is_answered_closes_it() -> None:
    breaker, now_s = opened(), OPENED_S + OPEN_S
    breaker.succeeded(now_s + 1.0, breaker.enter(now_s))
    assert breaker.state(now_s + 1.0) is State.CLOSED
    breaker.failed(now_s + 1.1)
    assert breaker.state(now_s + 1.1) is State.CLOSED


def test_a_probe_that_fails_opens_it_anew() -> None:
    breaker, now_s = opened(), OPENED_S + OPEN_S
    breaker.failed(now_s + 1.0, breaker.enter(now_s))
    assert breaker.wait_s(now_s + 1.0) == OPEN_S
    assert breaker.openings == 2


def test_a_probe_whose_caller_left_makes_room_for_another() -> None:
    breaker, now_s = opened(), OPENED_S + OPEN_S
    probe = breaker.enter(now_s)
    assert breaker.wait_s(now_s) > 0.0
    breaker.left(probe)
    assert breaker.wait_s(now_s) == 0.0
    assert breaker.state(now_s) is State.HALF_OPEN


def test_a_probe_that_takes_its_time_does_not_keep_others_away_for_ever() -> None:
    breaker, now_s = opened(), OPENED_S + OPEN_S
    slow = breaker.enter(now_s)
    assert breaker.wait_s(now_s + OPEN_S) == 0.0
    breaker.enter(now_s + OPEN_S)
    breaker.left(slow)
    assert breaker.wait_s(now_s + OPEN_S) == OPEN_S


def test_calls_that_began_before_it_opened_are_not_heard() -> None:
    breaker = opened()
    breaker.succeeded(OPENED_S + 1.0)
    breaker.failed(OPENED_S + 2.0)
    breaker.broke(OPENED_S + 2.0)
    assert breaker.wait_s(OPENED_S + 2.0) == OPEN_S - 2.0
    assert breaker.openings == 1


def test_an_upstream_that_is_down_for_a_minute_is_probed_five_times() -> None:
    breaker, probes = Breaker(), 0
    for step in range(6000):
        now_s = step / 100
        if breaker.wait_s(now_s) == 0.0:
            probe = breaker.enter(now_s)
            probes += bool(probe)
            breaker.failed(now_s, probe)
    assert probes == 5


@pytest.mark.parametrize("seed", range(50))
def test_whatever_happens_no_two_probes_run_within_their_time_and_it_can_close(seed: int) -> None:
    chance, breaker, now_s = random.Random(seed), Breaker(), 0.0
    probing: tuple[int, float] | None = None
    for _ in range(LEAST_CALLS * 20):
        now_s += chance.random() * 2
        if breaker.wait_s(now_s) == 0.0:
            probe = breaker.enter(now_s)
            assert probe == 0 or probing is None or now_s - probing[1] >= OPEN_S
            probing = (probe, now_s) if probe else None
        if probing is not None and chance.random() < 0.3:
            end = chance.choice([breaker.failed, breaker.succeeded, None])
            if end is None:
                breaker.left(probing[0])
            else:
                end(now_s, probing[0])
            probing = None
        if chance.random() < 0.5:
            chance.choice([breaker.failed, breaker.succeeded, breaker.broke])(now_s)
    now_s += 2 * OPEN_S
    breaker.succeeded(now_s, breaker.enter(now_s))
    assert breaker.state(now_s) is State.CLOSED


def test_rules_say_when_it_opens_and_for_how_long_and_what_closes_it() -> None:
    breaker = Breaker(BreakerRules(failures=2, open_s=3.0, probes=2))
    breaker.failed(0.0)
    assert breaker.is_closed
    breaker.failed(1.0)
    assert breaker.wait_s(1.0) == 3.0
    first = breaker.enter(4.0)
    breaker.succeeded(4.0, first)
    assert breaker.state(4.0) is State.HALF_OPEN
    second = breaker.enter(4.0)
    assert breaker.wait_s(4.0) == 3.0
    breaker.failed(5.0, second)
    assert breaker.wait_s(5.0) == 3.0
    for at_s in (8.0, 8.5):
        assert not breaker.is_closed
        breaker.succeeded(at_s, breaker.enter(at_s))
    assert breaker.is_closed


def test_a_share_counts_within_its_window() -> None:
    rules = BreakerRules(failures=1_000, share=0.25, window_s=5.0)
    for pause_s, is_closed in ((0.1, False), (5.0, True)):
        breaker, now_s = Breaker(rules), 0.0
        for number in range(LEAST_CALLS * 2):
            now_s += pause_s
            (breaker.failed if number % 3 == 0 else breaker.succeeded)(now_s)
        assert breaker.is_closed is is_closed
