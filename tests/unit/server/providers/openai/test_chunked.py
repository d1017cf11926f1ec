"""Contents in chunks become texts, and the chunks are kept."""

import json
from typing import Any

import msgspec
import pytest

from server.providers.openai.chunked import Contents


def thinking(text: str, **members: Any) -> dict[str, Any]:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}], **members}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


REFERENCE = {"type": "reference", "reference_ids": [1.0, "b"]}


def flat(content: Any, **choice: Any) -> dict[str, Any]:
    body = {
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop", **choice}
        ]
    }
    found: dict[str, Any] = json.loads(Contents("message").flattened(json.dumps(body).encode()))["choices"][0][
        "message"
    ]
    return found


CASES: list[tuple[str, Any, str, str | None, bool]] = [
    ("a text stays one", "a", "a", None, False),
    ("texts are joined", [text("a"), text("b")], "ab", None, False),
    ("thoughts are reasoning", [thinking("t"), text("a")], "a", "t", True),
    ("thoughts alone", [thinking("t", signature="s")], "", "t", True),
    ("what has no place is kept", [text("a"), REFERENCE, text("b")], "ab", None, True),
    ("nothing", None, "", None, False),
]


@pytest.mark.parametrize(
    ("content", "said", "thought", "is_kept"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_whole_answer(content: Any, said: str, thought: str | None, is_kept: bool) -> None:
    message = flat(content)
    assert (message["content"] or "") == said
    assert message.get("reasoning_content") == thought
    if is_kept:
        assert message["extra_content"] == {"mistral": {"content": content}}
    else:
        assert "extra_content" not in message


def test_nothing_is_written_anew_where_nothing_is_amiss() -> None:
    body = b'{ "choices": [{"index":0,"delta":{"content": "a"},"finish_reason":"stop"}], "x":1.0 }'
    assert Contents("delta").flattened(body) is body


def events(*deltas: Any) -> list[dict[str, Any]]:
    contents = Contents("delta")
    made = []
    for place, delta in enumerate(deltas):
        finish = "stop" if place == len(deltas) - 1 else None
        body = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        made.append(json.loads(contents.flattened(json.dumps(body).encode()))["choices"][0]["delta"])
    return made


def test_a_stream_keeps_what_the_whole_answer_would_have() -> None:
    made = events(
        {"role": "assistant", "content": ""},
        {"content": [thinking("a")]},
        {"content": [thinking("b")]},
        {"content": [thinking("", signature="s", closed=True)]},
        {"content": "c"},
        {"content": [text("d"), REFERENCE]},
        {"content": "e"},
        {"content": ""},
    )
    assert [delta.get("reasoning_content") for delta in made] == [None, "a", "b", None, None, None, None, None]
    assert "".join(delta["content"] for delta in made) == "cde"
    kept = [thinking("ab", signature="s", closed=True), text("cd"), REFERENCE, text("e")]
    assert made[-1]["extra_content"] == {"mistral": {"content": kept}}


def test_a_stream_of_texts_keeps_nothing() -> None:
    assert events({"content": "a"}, {"content": "b"}) == [{"content": "a"}, {"content": "b"}]


def test_choices_are_kept_apart() -> None:
    contents = Contents("delta")
    body: dict[str, Any]
    for index in (0, 1):
        body = {"choices": [{"index": index, "delta": {"content": [thinking(str(index))]}, "finish_reason": None}]}
        contents.flattened(json.dumps(body).encode())
    body = {"choices": [{"index": 1, "delta": {"content": None}, "finish_reason": "stop"}]}
    delta = json.loads(contents.flattened(json.dumps(body).encode()))["choices"][0]["delta"]
    assert delta["extra_content"]["mistral"]["content"] == [thinking("1")]


def test_a_mark_of_requests_does_not_stay_in_an_answer() -> None:
    body = (
        b'{"choices":[{"index":0,"message":{"role":"assistant","content":"a","prefix":false},"finish_reason":"stop"}]}'
    )
    assert b"prefix" not in Contents("message").flattened(body)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"choices":7}', b'{"choices":[{"delta":{"content":[7]}}]}'])
def test_what_is_no_answer(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        Contents("delta").flattened(body)
