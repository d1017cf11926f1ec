"""What faces read of a chat completion: its texts, its counts, and what it is not."""

import json
from typing import Any

import msgspec
import pytest

from server.errors import UpstreamBadResponse
from server.ingress.chat_answer import ChatUsage, Counts, InputDetails, Said, counts_of, read_completion, read_usage


@pytest.mark.parametrize("raw", [b"null", b"[]", b'{"prompt_tokens":"7"}', b'{"prompt_tokens":1.5}'])
def test_what_is_no_usage_is_none(raw: bytes) -> None:
    assert read_usage(msgspec.Raw(raw)) is None
    assert read_usage(msgspec.UNSET) is None


@pytest.mark.parametrize(
    ("message", "text", "thought"),
    [
        ({"content": "Hi"}, "Hi", ""),
        ({"content": [{"type": "text", "text": "H"}, {"type": "x"}, {"type": "text", "text": "i"}]}, "Hi", ""),
        ({"content": None, "refusal": "No."}, "", ""),
        ({"reasoning_content": "Hm.", "reasoning": "Oh."}, "", "Hm."),
        ({"reasoning": "Oh."}, "", "Oh."),
        ({"reasoning": {"effort": "low"}}, "", ""),
        ({}, "", ""),
    ],
    ids=["a text", "parts", "a refusal", "two kinds of reasoning", "the other kind", "no reasoning", "nothing"],
)
def test_texts_are_found(message: dict[str, Any], text: str, thought: str) -> None:
    said = msgspec.json.decode(json.dumps(message).encode(), type=Said)
    assert (said.text(), said.thought()) == (text, thought)


def test_counts_add_up_whatever_came() -> None:
    usage = ChatUsage(5, -1, InputDetails(cached_tokens=9, cache_write_tokens=9, cache_write_1h_tokens=3))
    assert counts_of(usage) == Counts(5, 5, 0, 0, 0, None)
    usage = ChatUsage(9, 4, InputDetails(cached_tokens=2, cache_write_tokens=5, cache_write_1h_tokens=3))
    assert counts_of(usage) == Counts(9, 2, 5, 3, 4, None)


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"choices":5}', b'{"choices":[{"delta":{"content":5}}]}', b"\xff"])
def test_what_is_no_chat_completion_is_the_providers_fault(data: bytes) -> None:
    with pytest.raises(UpstreamBadResponse):
        read_completion(data)
