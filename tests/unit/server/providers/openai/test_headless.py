"""Chunks without a head wait for the next, and take it from there."""

import json

from server.chat.answer import peek_chunk
from server.providers.openai.headless import Headless

FOUND = b'{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[1]}'
HEAD = b'{"id":"c1","object":"chat.completion.chunk","created":7,"model":"m",'
HI = HEAD + b'"choices":[{"index":0,"delta":{"content":"a"}}]}'
USAGE = b'{"id":"","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}'
NAMELESS = b'{"choices":[],"x":1}'


def test_a_chunk_without_a_head_gets_that_of_the_next() -> None:
    headless = Headless()
    assert headless.holds(FOUND, peek_chunk(FOUND))
    [chunk] = headless.released(HI)
    assert json.loads(chunk.data) == {
        "choices": [],
        "created": 7,
        "id": "c1",
        "model": "m",
        "object": "chat.completion.chunk",
        "prompt_filter_results": [1],
    }
    assert (chunk.facts.id, chunk.facts.model, chunk.facts.has_content) == ("c1", "m", False)
    assert headless.released(HI) == []


def test_what_says_something_or_has_no_id_at_all_waits_for_nothing() -> None:
    empty = HI.replace(b'"c1"', b'""').replace(b'"content":"a"', b"")
    for data in (HI, HI.replace(b'"c1"', b'""'), USAGE, NAMELESS, empty):
        assert not Headless().holds(data, peek_chunk(data))
