"""Inputs of embeddings: of which kind they are, how long, and how they are cut into batches."""

from typing import Any

import msgspec
import pytest
from msgspec import Raw

from server.chat.embedding import Input, batches_of, inputs_of, tokens_of


@pytest.mark.parametrize(
    ("raw", "inputs"),
    [
        (b'"a"', ["a"]),
        (b' "a" ', ["a"]),
        (b'["a", "b"]', ["a", "b"]),
        (b"[ 1, 2 ]", [[1, 2]]),
        (b"[[1],[2,3]]", [[1], [2, 3]]),
        (b"[]", [[]]),
        (b'""', [""]),
    ],
)
def test_inputs_are_read_by_their_kind(raw: bytes, inputs: list[Any]) -> None:
    assert inputs_of(Raw(raw)) == inputs


@pytest.mark.parametrize("raw", [b"1", b"{}", b"null", b'["a",1]', b"[1,[2]]", b"[-1]", b"[1.5]", b'[[1],"a"]'])
def test_what_is_neither_texts_nor_tokens_is_refused(raw: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        inputs_of(Raw(raw))


def test_tokens_are_counted_and_texts_estimated() -> None:
    assert tokens_of([5, 6, 7]) == 3
    assert 1 <= tokens_of("Hello there") <= 4


@pytest.mark.parametrize(
    ("inputs", "most", "most_tokens", "sizes"),
    [
        ([[1]] * 5, 2, 0, [2, 2, 1]),
        ([[1]] * 4, 4, 0, [4]),
        ([[1] * 6, [1] * 6, [1] * 2], 10, 8, [1, 2]),
        ([[1] * 20, [1]], 10, 8, [1, 1]),
        ([[1] * 4, [1] * 4, [1]], 10, 8, [2, 1]),
    ],
    ids=["by number", "just enough", "by tokens", "one that is too large", "tokens just enough"],
)
def test_batches_keep_the_order_and_the_bounds(
    inputs: list[Input], most: int, most_tokens: int, sizes: list[int]
) -> None:
    batches = batches_of(inputs, most, most_tokens)
    assert [len(batch) for batch in batches] == sizes
    assert [one for batch in batches for one in batch] == inputs
