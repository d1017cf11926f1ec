"""The budget for repeats: a tenth of the calls, and a few each second."""

from server.routing.health.budget import FLEET_FLOOR_PER_S, FLOOR_PER_S, MOST_SAVED, Budget, Refusal, called, take


def spent(budget: Budget, now_s: float, most: int = 10_000) -> int:
    count = 0
    while count < most and budget.has_room(now_s):
        budget.take()
        count += 1
    return count


def test_whoever_is_called_seldom_has_a_few_each_second() -> None:
    budget = Budget(FLOOR_PER_S, 0.0)
    assert spent(budget, 0.0) == 3
    assert spent(budget, 0.9) == 2
    assert spent(budget, 100.0) == 3


def test_calls_earn_a_tenth_up_to_a_bound() -> None:
    budget = Budget(FLOOR_PER_S, 0.0)
    assert spent(budget, 0.0) == 3
    for _ in range(105):
        called(budget, Budget(1.0, 0.0))
    assert spent(budget, 0.0) == 10
    for _ in range(100_000):
        called(budget, Budget(1.0, 0.0))
    assert spent(budget, 0.0) == MOST_SAVED * FLOOR_PER_S


def test_a_clock_that_goes_back_gives_nothing() -> None:
    budget = Budget(FLOOR_PER_S, 10.0)
    assert spent(budget, 10.0) == 3
    assert spent(budget, 5.0) == 0


def test_a_repeat_that_has_no_room_in_one_budget_takes_nothing_of_the_other() -> None:
    upstream, fleet = Budget(FLOOR_PER_S, 0.0), Budget(FLEET_FLOOR_PER_S, 0.0)
    assert [take(upstream, fleet, 0.0) for _ in range(4)] == [None, None, None, Refusal.UPSTREAM]
    assert spent(fleet, 0.0) == FLEET_FLOOR_PER_S - 3
    other = Budget(FLOOR_PER_S, 0.0)
    assert take(other, fleet, 0.0) is Refusal.FLEET
    assert spent(other, 0.0) == 3


def test_an_upstream_that_fails_every_call_gets_a_tenth_more_of_them() -> None:
    upstream, fleet = Budget(FLOOR_PER_S, 0.0), Budget(FLEET_FLOOR_PER_S, 0.0)
    repeats = 0
    for step in range(60_000):
        called(upstream, fleet)
        repeats += take(upstream, fleet, step / 1000) is None
    assert 6_000 <= repeats <= 6_000 + 60 * FLOOR_PER_S + FLOOR_PER_S
