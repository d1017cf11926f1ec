"""The estimate of tokens: near for known texts, linear, and never nothing for something."""

import json
import time

import pytest

from server.chat.estimate import (
    MESSAGE_TOKENS,
    REPLY_TOKENS,
    estimate_answer_tokens,
    estimate_text_tokens,
    estimate_tokens,
)
from server.chat.request import parse_chat_request

# Text, and the least and most that is still near what vocabularies of 100,000 to 200,000 entries make of it.
TEXTS = {
    "a greeting": ("Hello, world!", 4, 5),
    "a sentence": ("The quick brown fox jumps over the lazy dog.", 9, 13),
    "a line of code": ('def f(x):\n    return {"a": x + 1}\n', 12, 20),
    "indented code": ("if x:\n" + "                y = 1\n" * 10, 40, 70),
    "digits": ("1234567890", 4, 6),
    "Chinese": ("你好世界", 4, 8),
    "Russian": ("Привет, мир", 4, 8),
    "Korean": ("안녕하세요 세계", 5, 10),
    "emoji": ("👍👍", 2, 6),
    "a long word": ("antidisestablishmentarianism", 5, 8),
    "single letters": ("a " * 100, 99, 110),
    "one letter": ("a", 1, 1),
    "one space": (" ", 1, 1),
    "a line break": ("\n", 1, 1),
    "only spaces": (" " * 1000, 1, 1),
    "an unpaired surrogate": ("\ud800", 1, 2),
}


@pytest.mark.parametrize(("text", "least", "most"), TEXTS.values(), ids=TEXTS.keys())
def test_is_near(text: str, least: int, most: int) -> None:
    assert least <= estimate_text_tokens(text) <= most


def test_of_nothing_is_nothing() -> None:
    assert estimate_text_tokens("") == 0


def test_grows_with_the_text() -> None:
    text = "The answer is 42: 世界, мир!\n"
    counts = [estimate_text_tokens(text * times) for times in range(1, 50)]
    assert counts == sorted(counts)
    assert counts[-1] == pytest.approx(4.9 * counts[9], rel=0.05)


def test_costs_in_proportion_to_the_text() -> None:
    def seconds(text: str) -> float:
        begin = time.process_time()
        estimate_text_tokens(text)
        return time.process_time() - begin

    sentence = "The quick brown fox 世界 jumps over 12 lazy dogs. "
    assert seconds(sentence * 40_000) < 100 * min(seconds(sentence * 2000) for _ in range(3)) + 0.05


def tokens_of(**members: object) -> int:
    return estimate_tokens(
        parse_chat_request(json.dumps({"messages": [{"role": "user", "content": ""}], **members}).encode())
    )


def tokens_of_part(part: dict[str, object]) -> int:
    return tokens_of(messages=[{"role": "user", "content": [part]}]) - REPLY_TOKENS - MESSAGE_TOKENS


def test_an_empty_message_is_its_frame() -> None:
    assert tokens_of() == REPLY_TOKENS + MESSAGE_TOKENS


def test_text_as_string_and_as_part_are_equal() -> None:
    text = "How many tokens is this?"
    assert tokens_of(messages=[{"role": "user", "content": text}]) == tokens_of(
        messages=[{"role": "user", "content": [{"type": "text", "text": text}]}]
    )


PARTS: dict[str, tuple[dict[str, object], int]] = {
    "an image": ({"type": "image_url", "image_url": {"url": "https://x"}}, 765),
    "an image of low detail": ({"type": "image_url", "image_url": {"url": "https://x", "detail": "low"}}, 85),
    "an image of high detail": ({"type": "image_url", "image_url": {"url": "https://x", "detail": "high"}}, 1105),
    "an image of unknown detail": ({"type": "image_url", "image_url": {"url": "https://x", "detail": "odd"}}, 765),
    "an image's data does not count": ({"type": "image_url", "image_url": {"url": "data:," + "A" * 10_000}}, 765),
    "sound": ({"type": "input_audio", "input_audio": {"data": "A" * 5120, "format": "wav"}}, 11),
    "a file by id": ({"type": "file", "file": {"file_id": "file-1"}}, 1000),
    "a file with data": ({"type": "file", "file": {"file_data": "A" * 2400}}, 101),
    "a refusal": ({"type": "refusal", "refusal": "No"}, 1),
    "an unknown part": ({"type": "video_url"}, 0),
}


@pytest.mark.parametrize(("part", "tokens"), PARTS.values(), ids=PARTS.keys())
def test_counts_parts(part: dict[str, object], tokens: int) -> None:
    assert tokens_of_part(part) == tokens


FUNCTION = {"name": "get_weather", "description": "Looks it up.", "parameters": {"type": "object", "properties": {}}}
CALL = {"name": "get_weather", "arguments": '{"city":"Paris"}'}
MORE: dict[str, dict[str, object]] = {
    "tools": {"tools": [{"type": "function", "function": FUNCTION}]},
    "custom tools": {
        "tools": [{"type": "custom", "custom": {"name": "x", "description": "y", "format": {"type": "text"}}}]
    },
    "older functions": {"functions": [FUNCTION]},
    "a schema of the answer": {
        "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {"a": 1}}}
    },
    "calls": {"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": CALL}]}]},
    "custom calls": {
        "messages": [
            {"role": "assistant", "tool_calls": [{"id": "1", "type": "custom", "custom": {"name": "x", "input": "y"}}]}
        ]
    },
    "older calls": {"messages": [{"role": "assistant", "function_call": CALL}]},
    "names": {"messages": [{"role": "user", "content": "", "name": "Ada"}]},
}


@pytest.mark.parametrize("members", MORE.values(), ids=MORE.keys())
def test_counts_what_stands_beside_the_text(members: dict[str, object]) -> None:
    assert tokens_of(**members) > tokens_of()


def test_an_answer_is_what_it_says_and_calls_and_not_what_is_around_it() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    said = {"role": "assistant", "content": "one two three", "reasoning_content": "four five", "tool_calls": [call]}
    body = json.dumps({"id": "x" * 500, "choices": [{"message": said}, {"message": None}]}).encode()
    assert estimate_answer_tokens(body) == MESSAGE_TOKENS + estimate_text_tokens("one two three four five f {}")
    assert estimate_answer_tokens(b'{"choices":[]}') == 0


@pytest.mark.parametrize("body", [b"<html>", b'{"choices":[{"message":{"content":["x"]}}]}', b"\xff"])
def test_an_answer_of_another_shape_is_estimated_as_text(body: bytes) -> None:
    assert estimate_answer_tokens(body) == estimate_text_tokens(body.decode("utf-8", "replace"))


def test_a_document_counts_by_its_size() -> None:
    def tokens(data: str) -> int:
        source = {"type": "base64", "media_type": "application/pdf", "data": data}
        message = {"role": "user", "content": [{"type": "document", "source": source}]}
        return estimate_tokens(parse_chat_request(json.dumps({"messages": [message]}).encode()))

    assert tokens("x" * 24_000) - tokens("x" * 12_000) == 500
