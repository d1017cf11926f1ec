"""Rests: how long, and when they may be broken by who has nobody else to ask."""

import pytest

from server.routing.failure import FailureClass
from server.routing.health.rest import LONG_S, LONGEST_LIMIT_S, LOOK_AGAIN_S, Rest, rest_after

LIMITED = FailureClass.LIMITED


@pytest.mark.parametrize(
    ("kind", "told_s", "limits", "rests_s"),
    [
        (LIMITED, None, 1, 1.0),
        (LIMITED, None, 2, 2.0),
        (LIMITED, None, 6, 32.0),
        (LIMITED, None, 7, LONGEST_LIMIT_S),
        (LIMITED, None, 10_000, LONGEST_LIMIT_S),
        (LIMITED, 0.03, 1, 0.03),
        (LIMITED, 30.0, 1, 30.0),
        (LIMITED, 1e9, 1, LONGEST_LIMIT_S),
        (LIMITED, 0.0, 2, 0.0),
        (LIMITED, 0.0, 3, 1.0),
        (LIMITED, 0.0, 5, 4.0),
        (LIMITED, 5.0, 3, 5.0),
        (FailureClass.CREDENTIAL, None, 1, LONG_S),
        (FailureClass.QUOTA, 3.0, 1, LONG_S),
        (FailureClass.NO_MODEL, None, 0, LONG_S),
    ],
)
def test_how_long(kind: FailureClass, told_s: float | None, limits: int, rests_s: float) -> None:
    rest = rest_after(kind, told_s, limits, 50.0)
    assert (rest.kind, rest.since_s, rest.until_s) == (kind, 50.0, 50.0 + rests_s)
    assert rest.left_s(50.0 + rests_s / 4) == pytest.approx(rests_s * 3 / 4)
    assert rest.left_s(1e9) == 0.0


@pytest.mark.parametrize(
    ("kind", "now_s", "asked_s", "askable_in_s"),
    [
        (LIMITED, 5.0, 0.0, 15.0),
        (FailureClass.CREDENTIAL, 5.0, 2.0, LOOK_AGAIN_S - 3.0),
        (FailureClass.QUOTA, 12.0, 2.0, 0.0),
        (FailureClass.QUOTA, 19.0, 18.0, 1.0),
        (FailureClass.NO_MODEL, 5.0, 5.0, 0.0),
        (FailureClass.FORBIDDEN, 5.0, 5.0, 0.0),
    ],
    ids=["a limit never", "a credential now and then", "an account after that time", "the end comes first",
         "a model at once", "a model that is forbidden too"],
)  # fmt: skip
def test_when_it_may_be_broken(kind: FailureClass, now_s: float, asked_s: float, askable_in_s: float) -> None:
    assert Rest(kind, 0.0, 20.0).askable_in_s(now_s, asked_s) == askable_in_s
