"""A value out of its bounds is refused in words."""

from typing import Any

import pytest

from options.option import Bounds, Option


def not_seven(value: int) -> None:
    if value == 7:
        raise ValueError("seven is taken")


@pytest.mark.parametrize(
    ("bounds", "kind", "given", "complaint"),
    [
        (Bounds(ge=1), int, "0", "^Input should be greater than or equal to 1$"),
        (Bounds(ge=0.1), float, "nan", "^Input should be greater than or equal to 0.1$"),
        (Bounds(gt=0), float, "0", "^Input should be greater than 0$"),
        (Bounds(le=65535), int, "65536", "^Input should be less than or equal to 65535$"),
        (Bounds(min_length=1), str, "", "^String should have at least 1 character$"),
        (Bounds(check=not_seven), int, "7", "^Value error, seven is taken$"),
    ],
    ids=["too low", "not a number at all", "nothing", "too high", "empty", "what a check refuses"],
)
def test_a_value_out_of_its_bounds_is_refused(bounds: Bounds, kind: Any, given: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Option("x", kind, None, "", bounds, True).value_of(given)


def test_a_value_at_its_bound_will_do() -> None:
    bounds = Bounds(ge=1, le=8, check=not_seven)
    assert [Option("x", int, 1, "", bounds, True).value_of(text) for text in ("1", "8")] == [1, 8]
