"""The vector without a model: of length 1, the same everywhere, and near for texts that are nearly the same."""

import math
from operator import mul

import pytest

from server.cache.lexical import LENGTH, lexical_vector, unit
from server.cache.wording import wording_of


def likeness(one: str, other: str) -> float:
    first, second = (lexical_vector(wording_of(text)) for text in (one, other))
    product: float = sum(map(mul, first, second))
    return product


def test_it_is_of_length_one_and_always_the_same() -> None:
    vector = lexical_vector(wording_of("What is the capital of France?"))
    assert len(vector) == LENGTH
    assert math.isclose(sum(number * number for number in vector), 1, rel_tol=1e-5)
    assert vector == lexical_vector(wording_of("what is the capital of France"))
    # From one release to the next too, because two of them may share nothing but the texts.
    assert [place for place, number in enumerate(lexical_vector(wording_of("ab"))) if number] == [96, 232]


@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [
        ("the capital of France", "the capital of France", 0.999, 1.001),
        ("Please, the capital of France", "the capital of France", 0.95, 0.9999),
        ("the capital of France", "the capitals of France", 0.7, 0.99),
        ("the capital of France", "how to bake bread", -0.3, 0.3),
    ],
    ids=["the same", "with a please", "a letter more", "something else"],
)
def test_likeness(one: str, other: str, least: float, most: float) -> None:
    assert least <= likeness(one, other) <= most


@pytest.mark.parametrize("numbers", [[0.0, 0.0], [math.inf, 1.0], [math.nan, 1.0], [1e200, 1e200]])
def test_what_has_no_direction_is_all_zeros(numbers: list[float]) -> None:
    assert list(unit(numbers)) == [0.0, 0.0]


def test_no_words_have_no_direction() -> None:
    assert not any(lexical_vector(wording_of("")))
