"""Chunks that are known by their beginning and their end say what they say when they are read."""

import json
from typing import Any

import pytest

from server.ingress.chat_answer import read_completion
from server.ingress.messages.alike import MAX_LESSONS, Alike
from server.ingress.messages.stream import MessageEvents
from tests.unit.server.ingress.messages.bodies import call, chunk, read

TEXT = chunk({"content": "one"})
CLOSE = json.dumps(json.loads(TEXT), separators=(",", ":")).encode()


def learnt(*examples: bytes) -> Alike:
    alike = Alike()
    for example in examples:
        alike.learn(example, read_completion(example))
    return alike


@pytest.mark.parametrize("example", [TEXT, CLOSE], ids=["with spaces", "without"])
@pytest.mark.parametrize("text", [b"two", b" \xc3\xa9 \xe4\xb8\xad", b"a: {b}, [c]", b" "])
def test_a_chunk_with_another_text_is_known(example: bytes, text: bytes) -> None:
    assert learnt(example).text_of(example.replace(b"one", text)) == text


NOT_KNOWN = {
    "a quote that is escaped": TEXT.replace(b"one", b'a \\"b'),
    "another member behind the text": TEXT.replace(b'"one"', b'"one", "refusal": "x"'),
    "an escape": TEXT.replace(b"one", b"\\u00e9"),
    "a break of line": TEXT.replace(b"one", b"a\nb"),
    "no text": TEXT.replace(b"one", b""),
    "no UTF-8": TEXT.replace(b"one", b"\xff"),
    "another end": TEXT + b" ",
    "another beginning": TEXT.replace(b"chatcmpl-1", b"chatcmpl-2"),
    "an end of the answer": TEXT.replace(b"null", b'"stop"'),
}


@pytest.mark.parametrize("data", NOT_KNOWN.values(), ids=NOT_KNOWN)
def test_what_may_say_more_has_to_be_read(data: bytes) -> None:
    assert learnt(TEXT).text_of(data) is None


NO_EXAMPLES = {
    "reasoning": chunk({"content": "one", "reasoning_content": "x"}),
    "a refusal": chunk({"content": "one", "refusal": "x"}),
    "a call": chunk({"content": "one", **call(0, "c", "f")}),
    "a finish": chunk({"content": "one"}, "stop"),
    "usage": chunk({"content": "one"}, usage={"prompt_tokens": 1}),
    "metadata": chunk({"content": "one"}, gateway_metadata={"attempts": 1}),
    "no text": chunk({"content": ""}),
    "no delta": chunk(),
    "the same words elsewhere before it": chunk({"x": {"content": "one"}, "content": "one"}),
}


@pytest.mark.parametrize("example", NO_EXAMPLES.values(), ids=NO_EXAMPLES)
def test_what_says_more_is_no_example(example: bytes) -> None:
    assert learnt(example).text_of(example.replace(b"one", b"two")) is None


def test_it_learns_so_often_and_no_more() -> None:
    others = [TEXT.replace(b"chatcmpl-1", b"chatcmpl-%d" % number) for number in range(2, 5)]
    alike = learnt(*others)
    assert [alike.text_of(other) is not None for other in others] == [
        number == MAX_LESSONS - 1 for number in range(len(others))
    ]


STREAMS: dict[str, list[bytes]] = {
    "texts": [
        chunk({"role": "assistant", "content": ""}),
        *(chunk({"content": word}) for word in ("a", "b", 'c"', "d")),
    ],
    "reasoning between texts": [
        chunk({"content": "a"}),
        chunk({"content": "b"}),
        chunk({"reasoning_content": "hm"}),
        chunk({"content": "c"}),
        chunk({"content": "d"}),
    ],
    "a call between texts": [
        chunk({"content": "a"}),
        chunk(call(0, "c", "f", "{}")),
        chunk({"content": "b"}),
        chunk({"content": "c"}),
    ],
}


@pytest.mark.parametrize("chunks", STREAMS.values(), ids=STREAMS)
@pytest.mark.parametrize("together", [False, True], ids=["one by one", "together"])
def test_a_stream_is_the_same_however_it_is_read(
    chunks: list[bytes], together: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def events() -> list[Any]:
        following = MessageEvents(read(stream=True))
        parts = [[*chunks, chunk({}, "stop")]] if together else [[one] for one in [*chunks, chunk({}, "stop")]]
        return [json.loads(event) for part in parts for event in following.feed(part)] + following.finish()

    known = events()
    monkeypatch.setattr(Alike, "text_of", lambda self, data: None)
    assert known == events()
