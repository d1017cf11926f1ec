"""Trailers are taken up to a number, and not one more."""

import pytest

from edge.trailers import MAX_TRAILERS, TooMuchError, Trailers

ONE = (b"x-a", b"b")


def test_so_many_are_taken_and_no_more() -> None:
    trailers = Trailers()
    for _ in range(MAX_TRAILERS):
        trailers.append(ONE)
    with pytest.raises(TooMuchError):
        trailers.append(ONE)
    assert trailers == [ONE] * MAX_TRAILERS
