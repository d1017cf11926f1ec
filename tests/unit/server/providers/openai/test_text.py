"""Bytes that are no text, made readable."""

import json

import pytest

from server.providers.openai.dialect import OpenAiDialect
from server.providers.openai.text import HALVED, REPLACED, in_utf8, with_whole_characters
from server.upstream.sse import SseEvent

WHOLE = rb'{"id":"a","choices":[{"index":0,"message":{"role":"assistant","content":"%b"},"finish_reason":"stop"}]}'
CHUNK = rb'{"id":"a","choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}]}'


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        pytest.param(rb"\ud83d", rb"\ufffd", id="a high half alone"),
        pytest.param(rb"\uDE00x", rb"\ufffdx", id="a low half alone"),
        pytest.param(rb"\ud83d\ud83d\ude00", rb"\ufffd\ud83d\ude00", id="a half before a whole"),
        pytest.param(rb"\ude00\ud83d", rb"\ufffd\ufffd", id="two halves the wrong way round"),
        pytest.param(rb"\ud83d\n", rb"\ufffd\n", id="a half before another escape"),
        pytest.param(rb"\\\ud83d", rb"\\\ufffd", id="a half behind an escaped backslash"),
    ],
)
def test_halves_of_characters_are_replaced(text: bytes, mended: bytes) -> None:
    assert with_whole_characters(text) == mended


@pytest.mark.parametrize(
    "text",
    [b"", rb"\ud83d\ude00", rb"\uD83D\uDE00", rb"\\ud83d", rb"\\\\ud83d x", rb"\u00e9", rb"a\ud7ff", rb"\ud83"],
)
def test_what_is_whole_is_the_same_object(text: bytes) -> None:
    assert with_whole_characters(text) is text


def test_bytes_that_are_not_utf8_are_replaced() -> None:
    text = "é".encode()
    assert in_utf8(text) is text
    assert in_utf8(b"a\xff\xfeb").decode() == "a\ufffd\ufffdb"


@pytest.mark.parametrize(
    ("text", "read", "note"),
    [(b"a\xff", "a\ufffd", REPLACED), (rb"a\ud83d", "a\ufffd", HALVED), (rb"a\ud83d\ude00", "a😀", "")],
    ids=["not UTF-8", "half a character", "a whole one"],
)
def test_answers_and_chunks_are_mended_and_noted_once(text: bytes, read: str, note: str) -> None:
    answer = OpenAiDialect().answer(200, {}, WHOLE % text)
    assert json.loads(answer.body)["choices"][0]["message"]["content"] == read
    stream = OpenAiDialect().stream()
    chunks = [chunk for _ in range(2) for chunk in stream.feed(SseEvent(CHUNK % text))]
    assert [json.loads(chunk.data)["choices"][0]["delta"]["content"] for chunk in chunks] == [read, read]
    assert list(answer.notes) == list(stream.notes) == ([note] if note else [])


def test_what_is_malformed_beside_a_half_is_still_malformed() -> None:
    stream = OpenAiDialect().stream()
    assert stream.feed(SseEvent(rb'{"choices":[{"delta":{"content":"\ud83d"')) == []
    assert list(stream.notes) == ["upstream_malformed_events"]
