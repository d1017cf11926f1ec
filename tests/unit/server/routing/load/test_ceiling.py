"""A limit of calls that is learned from refusals, answers and allowances."""

import pytest

from server.routing.load.ceiling import FORGOTTEN_AFTER_S, MAX_LIMIT, MAX_RESET_S, MIN_LIMIT, Ceiling

NOW_S = 1_000.0


def lowered_to(limit: float) -> Ceiling:
    ceiling = Ceiling(NOW_S)
    ceiling.limit = limit
    return ceiling


def test_there_is_no_limit_at_first() -> None:
    ceiling = Ceiling(NOW_S)
    assert ceiling.has_room(900, 50, NOW_S)
    assert ceiling.is_over(NOW_S)


def test_a_refusal_leaves_a_share_of_the_calls_under_way() -> None:
    ceiling = Ceiling(NOW_S)
    ceiling.refused(100, NOW_S - 1, NOW_S)
    assert ceiling.limit == 70
    assert ceiling.has_room(69, 0, NOW_S)
    assert not ceiling.has_room(70, 0, NOW_S)
    assert not ceiling.has_room(69, 1, NOW_S)


def test_the_refusals_of_one_round_are_one() -> None:
    ceiling = Ceiling(NOW_S)
    for number in range(30):
        ceiling.refused(100 - number, NOW_S - 1, NOW_S + number / 100)
    assert ceiling.limit == 70
    ceiling.refused(60, NOW_S + 1, NOW_S + 2)
    assert ceiling.limit == pytest.approx(42)


def test_it_never_falls_below_a_few_calls() -> None:
    ceiling = Ceiling(NOW_S)
    for step in range(50):
        ceiling.refused(5, NOW_S + step, NOW_S + step)
    assert ceiling.limit == MIN_LIMIT
    assert ceiling.has_room(3, 0, NOW_S)
    assert not ceiling.has_room(4, 0, NOW_S)


def test_a_round_of_answers_raises_it_by_one() -> None:
    ceiling = lowered_to(10)
    for _ in range(10):
        ceiling.answered(10, NOW_S)
    assert 10.9 < ceiling.limit < 11.0


def test_it_does_not_grow_while_nobody_feels_it() -> None:
    ceiling = lowered_to(10)
    for _ in range(100):
        ceiling.answered(7, NOW_S)
    assert ceiling.limit == 10


def test_it_finds_the_place_where_the_provider_refuses() -> None:
    ceiling, now_s, seen = Ceiling(NOW_S), NOW_S, []
    for _ in range(400):
        # A round: as many calls as the limit lets, of which the provider takes 40 at the same time.
        calls, began_s, now_s = min(int(ceiling.limit), 120), now_s, now_s + 1.0
        for number in range(calls):
            if number < 40:
                ceiling.answered(calls, now_s)
            else:
                ceiling.refused(calls, began_s, now_s)
        seen.append(calls)
    settled = seen[50:]
    assert max(settled) <= 42
    assert min(settled) >= 27
    assert sum(settled) / len(settled) > 32


def test_one_that_was_not_felt_for_long_is_forgotten() -> None:
    ceiling = Ceiling(NOW_S)
    ceiling.refused(10, NOW_S, NOW_S)
    assert not ceiling.is_over(NOW_S + FORGOTTEN_AFTER_S)
    assert ceiling.is_over(NOW_S + FORGOTTEN_AFTER_S + 1)


def test_one_that_has_grown_enough_is_forgotten() -> None:
    ceiling = lowered_to(MAX_LIMIT - 0.0001)
    assert not ceiling.is_over(NOW_S)
    ceiling.answered(1_000, NOW_S)
    assert ceiling.is_over(NOW_S)


def test_an_allowance_lets_so_many_begin_before_its_time_is_over() -> None:
    ceiling = Ceiling(NOW_S)
    ceiling.allow(2, 30.0, 5, NOW_S)
    assert not ceiling.is_over(NOW_S)
    assert ceiling.has_room(5, 0, NOW_S)
    assert not ceiling.has_room(5, 2, NOW_S)
    ceiling.begin()
    assert ceiling.has_room(6, 0, NOW_S)
    assert ceiling.reopens_at_s(NOW_S) is None
    ceiling.begin()
    assert not ceiling.has_room(7, 0, NOW_S)
    assert ceiling.reopens_at_s(NOW_S) == NOW_S + 30
    assert ceiling.has_room(7, 0, NOW_S + 30)
    assert ceiling.reopens_at_s(NOW_S + 30) is None


def test_with_nothing_left_one_call_is_possible_and_no_more_than_before_are_begun_at_once_later() -> None:
    ceiling = Ceiling(NOW_S)
    ceiling.allow(0, 30.0, 5, NOW_S)
    assert ceiling.has_room(0, 0, NOW_S)
    assert not ceiling.has_room(1, 0, NOW_S)
    assert not ceiling.has_room(0, 1, NOW_S)
    assert ceiling.has_room(4, 0, NOW_S + 30)
    assert not ceiling.has_room(5, 0, NOW_S + 30)


@pytest.mark.parametrize("reset_s", [1e9, -5.0], ids=["far away", "long past"])
def test_the_time_of_an_allowance_is_bounded(reset_s: float) -> None:
    ceiling = Ceiling(NOW_S)
    ceiling.allow(1, reset_s, 5, NOW_S)
    ceiling.begin()
    assert ceiling.has_room(5, 0, NOW_S + MAX_RESET_S)
