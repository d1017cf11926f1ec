"""Vectors of vendors become one answer: as many as inputs, as long as asked for, in the vendor's own spelling."""

import msgspec
import pytest
from msgspec import Raw

from server.chat.embedding import EmbeddingView
from server.chat.usage import Usage
from server.errors import ParamUnsupported, UpstreamBadResponse
from server.providers.vectors import answer_of, texts_of

USAGE = Usage(input_tokens=3)


def view(dimensions: int | None = None) -> EmbeddingView:
    return EmbeddingView(Raw(b'["a","b"]'), model="m", dimensions=dimensions)


def test_texts_go_out_in_parts() -> None:
    assert texts_of(["a", "b", "c"], 2) == [["a", "b"], ["c"]]
    with pytest.raises(ParamUnsupported, match="holds tokens"):
        texts_of(["a", [1, 2]], 2)


def test_numbers_keep_their_spelling() -> None:
    answer = answer_of([Raw(b"[1.0,2e-3]"), Raw(b"[0,1]")], ["a", "b"], view(2), USAGE)
    assert b'"embedding":[1.0,2e-3]' in answer.body
    found = msgspec.json.decode(answer.body)
    assert [one["index"] for one in found["data"]] == [0, 1]
    assert (found["model"], found["usage"]) == ("m", {"prompt_tokens": 3, "total_tokens": 3})


WRONG = [
    ("fewer vectors than inputs", [Raw(b"[1]")], None, UpstreamBadResponse),
    ("more vectors than inputs", [Raw(b"[1]")] * 3, None, UpstreamBadResponse),
    ("vectors that are none", [Raw(b'"x"')] * 2, None, UpstreamBadResponse),
    ("vectors of another length", [Raw(b"[1]")] * 2, 4, ParamUnsupported),
]


@pytest.mark.parametrize(("vectors", "wanted", "error"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_what_is_not_as_it_should_be_is_refused(vectors: list[Raw], wanted: int | None, error: type[Exception]) -> None:
    with pytest.raises(error):
        answer_of(vectors, ["a", "b"], view(wanted), USAGE)
