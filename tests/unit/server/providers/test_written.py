"""Chunks and answers as they are written: their facts are what a reader would read."""

from typing import Any

import msgspec
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from server.chat.answer import peek_answer, peek_chunk
from server.providers.dialect import Chunk
from server.providers.written import ChunkWriter, Made, url_citation, whole_answer

WRITER = ChunkWriter("a", "m", 7)
USAGE: Made = {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}
PROBS: Made = {"logprobs": {"content": []}}

CHUNKS: list[tuple[str, Chunk]] = [
    ("a role", WRITER.role()),
    ("a text", WRITER.write({"content": 'a "b" é'})),
    ("a text with more", WRITER.write({"content": "a"}, more=PROBS)),
    ("citations", WRITER.write({"annotations": [url_citation("https://a.example", "A", (0, 1))]}, has_content=False)),
    ("an end", WRITER.finish("stop", {})),
    ("an end with more", WRITER.finish("length", {"native_finish_reason": "x"}, {"extra_content": {}})),
    ("usage", WRITER.usage(USAGE, {"service_tier": "flex"})),
    ("no usage", WRITER.usage(None, {})),
]


@pytest.mark.parametrize("chunk", [case[1] for case in CHUNKS], ids=[case[0] for case in CHUNKS])
def test_the_facts_of_a_chunk_are_those_that_stand_in_it(chunk: Chunk) -> None:
    assert chunk.facts == peek_chunk(chunk.data)
    told = msgspec.json.decode(chunk.data)
    ChatCompletionChunk.model_validate(told)
    assert (told["id"], told["model"], told["created"]) == ("a", "m", 7)


def test_a_whole_answer() -> None:
    choice: dict[str, Any] = {"message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}
    made = whole_answer({"id": "a", "model": "m"}, choice, USAGE, ("odd",))
    assert made.facts == peek_answer(made.body)
    assert made.notes == ("odd",)
    ChatCompletion.model_validate_json(made.body)
    assert whole_answer({"id": "a", "model": "m"}, choice, None).facts.usage is None
