"""Values about rates: plain, and cheap enough to be made for every call."""

import pytest

from server.chat.rates import Grant, Measure, Quota, Standing, Verdict, Window, tightest


def test_a_verdict_with_a_grant_is_an_admission() -> None:
    standing = Standing(Quota("usr_1", Window.MINUTE, 20), 19, 60.0, 0.0)
    assert Verdict(Grant((standing.quota,), None), (standing,)).is_admitted
    assert not Verdict(None, (standing,), standing).is_admitted


def test_a_quota_is_of_one_call_unless_it_says_otherwise() -> None:
    assert Quota("usr_1", Window.DAY, 20) == ("usr_1", Window.DAY, 20, Measure.REQUESTS, 1)


@pytest.mark.parametrize(
    ("remaining", "amount", "fits"), [(1, 1, True), (0, 1, False), (10, 10, True), (9, 10, False), (0, 0, True)]
)
def test_a_call_fits_when_as_much_is_left_as_it_asks_for(remaining: int, amount: int, fits: bool) -> None:
    quota = Quota("key_1", Window.MINUTE, 20, Measure.TOKENS, amount)
    assert Standing(quota, remaining, 60.0, 0.0).fits is fits


TIGHTEST = [
    ("the least left", [(5, 10.0), (3, 1.0), (9, 99.0)], 1),
    ("of two that have the same, the later one", [(0, 10.0), (0, 40.0), (1, 99.0)], 1),
    ("the only one", [(7, 1.0)], 0),
]


@pytest.mark.parametrize(("left", "place"), [case[1:] for case in TIGHTEST], ids=[case[0] for case in TIGHTEST])
def test_the_tightest_standing(left: list[tuple[int, float]], place: int) -> None:
    standings = [Standing(Quota("usr_1", Window.MINUTE, 20), *each, 0.0) for each in left]
    assert tightest(standings) is standings[place]
