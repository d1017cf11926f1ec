"""Pieces and wholes: what one way makes, the other takes apart."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.providers.pieces import answer_so_far, pieces_of, whole_from

HEAD: dict[str, Any] = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 7, "model": "m-1"}


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, index: int = 0, **more: Any) -> bytes:
    choice = {"index": index, "delta": delta or {}, "finish_reason": finish}
    return json.dumps({**HEAD, "choices": [choice], **more}).encode()


def whole(*pieces: bytes) -> dict[str, Any]:
    body = whole_from(pieces)
    assert body is not None
    found: dict[str, Any] = json.loads(body)
    return found


def test_texts_are_joined() -> None:
    usage = json.dumps({**HEAD, "choices": [], "usage": {"prompt_tokens": 1}}).encode()
    answer = whole(
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Hel", "reasoning_content": "a"}, service_tier="flex"),
        chunk({"content": "lo", "reasoning_content": "b"}),
        chunk(finish="stop"),
        usage,
    )
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": "Hello", "reasoning_content": "ab"}
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert (answer["object"], answer["id"], answer["model"]) == ("chat.completion", "chatcmpl-1", "m-1")
    assert (answer["service_tier"], answer["usage"]) == ("flex", {"prompt_tokens": 1})


def test_tool_calls_are_joined_by_their_index() -> None:
    answer = whole(
        chunk({"role": "assistant", "tool_calls": [{"index": 0, "id": "c1", "type": "function",
                                                   "function": {"name": "f", "arguments": ""}}]}),
        chunk({"tool_calls": [{"index": 1, "id": "c2", "type": "function",
                               "function": {"name": "g", "arguments": "{"}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a":1}'}}]}),
        chunk({"tool_calls": [{"index": 1, "function": {"arguments": "}"}}]}),
        chunk(finish="tool_calls"),
    )  # fmt: skip
    message = answer["choices"][0]["message"]
    assert message["content"] is None
    assert message["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
        {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]


def test_choices_and_their_probabilities_stay_apart() -> None:
    def with_logprobs(text: str, index: int) -> bytes:
        choice = {"index": index, "delta": {"content": text}, "logprobs": {"content": [text]}, "finish_reason": None}
        return json.dumps({**HEAD, "choices": [choice]}).encode()

    answer = whole(
        *(with_logprobs("a", 0), with_logprobs("x", 1), with_logprobs("b", 0)),
        *(chunk(finish="stop", index=0), chunk(finish="length", index=1)),
    )
    assert [choice["message"]["content"] for choice in answer["choices"]] == ["ab", "x"]
    assert [choice["logprobs"]["content"] for choice in answer["choices"]] == [["a", "b"], ["x"]]
    assert [choice["finish_reason"] for choice in answer["choices"]] == ["stop", "length"]


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param((), id="nothing at all"),
        pytest.param((chunk({"content": "a"}),), id="no finish reason"),
        pytest.param((chunk({"content": "a"}, "stop"), chunk({"content": "b"}, index=1)), id="one choice of two"),
    ],
)
def test_what_is_not_whole_is_no_answer(pieces: tuple[bytes, ...]) -> None:
    assert whole_from(pieces) is None


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
CALL = st.fixed_dictionaries(
    {
        "id": st.text("abc", min_size=1),
        "type": st.just("function"),
        "function": st.fixed_dictionaries({"name": st.text("fg", min_size=1), "arguments": TEXT}),
    }
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": st.one_of(st.none(), TEXT)},
    optional={"tool_calls": st.lists(CALL, min_size=1, max_size=3), "refusal": TEXT},
)
CHOICE = st.fixed_dictionaries({"message": MESSAGE, "finish_reason": st.sampled_from(["stop", "length", "tool_calls"])})
USAGE = st.fixed_dictionaries({"prompt_tokens": st.integers(0, 99), "completion_tokens": st.integers(0, 99)})


@given(st.lists(CHOICE, min_size=1, max_size=3), USAGE)
def test_an_answer_survives_being_streamed_and_put_together(choices: list[Any], usage: Any) -> None:
    numbered = [{"index": index, "logprobs": None, **choice} for index, choice in enumerate(choices)]
    answer = {**HEAD, "object": "chat.completion", "choices": numbered, "usage": usage}
    pieces = pieces_of(json.dumps(answer).encode())
    assert whole(*(piece.data for piece in pieces)) == answer
    assert pieces[-1].facts.is_usage_only
    assert [piece.facts.finish_reason for piece in pieces].count(None) == len(choices) + 1


def test_what_has_come_of_an_answer_is_put_together_whole_or_not() -> None:
    text = b'{"id":"c","choices":[{"index":0,"delta":{"content":"Hel"}}]}'
    more = b'{"id":"c","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":"stop"}]}'
    broken, whole = json.loads(answer_so_far([text])), json.loads(answer_so_far([text, more]))
    assert (broken["choices"][0]["message"]["content"], broken["choices"][0]["finish_reason"]) == ("Hel", None)
    assert (whole["choices"][0]["message"]["content"], whole["choices"][0]["finish_reason"]) == ("Hello", "stop")
    assert answer_so_far([text, more]) == whole_from([text, more])


@pytest.mark.parametrize("pieces", [[b"no JSON", b"{"], [b"[1]"], [b'{"choices":[1]}'], [b'"x"']])
def test_what_are_no_chunks_stays_as_it_came(pieces: list[bytes]) -> None:
    assert answer_so_far(pieces) == b"\n".join(pieces)


def test_what_the_provider_said_in_its_own_form_is_not_kept_in_pieces() -> None:
    told = whole(chunk({"content": "Hi"}, "stop", native={"type": "message_start"}))
    assert "native" not in told
    answer = {**told, "native": {"type": "message"}}
    assert all("native" not in json.loads(piece.data) for piece in pieces_of(json.dumps(answer).encode()))


def test_what_a_choice_tells_beside_its_message_survives() -> None:
    blocks = [{"type": "thinking", "thinking": "a", "signature": "x"}, {"type": "redacted_thinking", "data": "y"}]
    answer = whole(
        chunk({"role": "assistant", "content": ""}),
        chunk({"thinking_blocks": [blocks[0]]}),
        chunk({"thinking_blocks": [blocks[1]], "extra_content": {"google": {"thought_signature": "a"}}}),
        chunk({"content": "Hi", "extra_content": {"google": {"thought_signature": "b"}}}),
        json.dumps(
            {**HEAD, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "stop_sequence": "END"}]}
        ).encode(),
    )
    [choice] = answer["choices"]
    assert choice["stop_sequence"] == "END"
    assert choice["message"]["thinking_blocks"] == blocks
    assert choice["message"]["extra_content"] == {"google": {"thought_signature": "b"}}
    again = whole(*(piece.data for piece in pieces_of(json.dumps(answer).encode())))
    assert again["choices"] == answer["choices"]
