"""The mock's answers are what an OpenAI client expects."""

from typing import Any

import msgspec
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from cli.mock import answers
from cli.mock.answers import Asked, Complaint, Message, Telling
from cli.mock.wires.openai import OpenAiWire, models

WIRE = OpenAiWire()


def chunks_of(asked: Asked, message: Message) -> list[ChatCompletionChunk]:
    events = [
        *WIRE.opening(asked, message),
        *WIRE.content(asked, message),
        *WIRE.ending(asked, message, Telling(has_done=False)),
    ]
    return [ChatCompletionChunk.model_validate_json(event.data) for event in events]


def calls_of(message: Message) -> list[Any]:
    asked = Asked(model="m", stream=True)
    return [call for chunk in chunks_of(asked, message) for call in chunk.choices[0].delta.tool_calls or ()]


def test_a_whole_answer_is_a_chat_completion_with_a_choice_for_each_asked() -> None:
    body = WIRE.whole(Asked(model="m", n=2), Message(answers.words("a b c")), has_usage=True)
    completion = ChatCompletion.model_validate_json(body)
    assert [choice.message.content for choice in completion.choices] == ["a b c", "a b c"]
    assert completion.model == "m"
    assert completion.usage is not None
    assert completion.usage.total_tokens == answers.PROMPT_TOKENS + 3


def test_a_whole_answer_can_call_a_tool_and_its_model_as_it_likes() -> None:
    body = WIRE.whole(Asked(model="m"), Message(tool="look_up", model="other"), has_usage=False)
    completion = ChatCompletion.model_validate_json(body)
    assert completion.model == "other"
    assert completion.usage is None
    assert completion.choices[0].finish_reason == "tool_calls"


def test_a_stream_has_the_role_first_the_finish_reason_once_and_the_usage_last() -> None:
    asked = Asked(model="m", stream=True, stream_options={"include_usage": True})
    chunks = chunks_of(asked, Message(answers.words("a b")))
    assert [chunk.choices[0].delta.role for chunk in chunks[:-1]] == ["assistant", None, None, None]
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]] == [None, None, None, "stop"]
    assert [chunk.usage is not None for chunk in chunks] == [False] * 4 + [True]
    assert chunks[-1].choices == []


def test_a_stream_ends_as_it_is_told() -> None:
    asked = Asked(model="m", stream=True, stream_options={"include_usage": True})
    assert [
        len(WIRE.ending(asked, Message(), telling))
        for telling in (Telling(), Telling(has_usage=False), Telling(has_done=False), Telling(has_finish=False))
    ] == [3, 2, 2, 0]
    assert WIRE.done()[0].data == b"[DONE]"


def test_a_tool_is_called_in_pieces_that_join_to_its_arguments() -> None:
    calls = calls_of(Message(tool="look_up", arguments='{"a":1}'))
    assert [call.function.name for call in calls if call.function] == ["look_up", None]
    assert "".join(call.function.arguments or "" for call in calls if call.function) == '{"a":1}'


def test_odd_calls_of_tools() -> None:
    names = [call.function.name for call in calls_of(Message(tool="look_up", shape="split-name"))]
    assert names == ["loo", "k_up", None]
    same = calls_of(Message(tool="look_up", shape="same-index"))
    assert [(call.index, call.id) for call in same if call.id] == [(0, "call_mock_1"), (0, "call_mock_2")]
    event = WIRE.content(Asked(), Message(tool="look_up", shape="no-index"))[0]
    assert b'"index"' not in event.data.partition(b"tool_calls")[2].partition(b"}]")[0]


def test_events_without_content() -> None:
    assert ChatCompletionChunk.model_validate_json(WIRE.empty(Asked(), Message()).data).choices[0].delta.content is None
    assert ChatCompletionChunk.model_validate_json(WIRE.first_empty(Asked(), Message()).data).choices == []


def test_an_error_has_openais_members() -> None:
    assert msgspec.json.decode(WIRE.error(Complaint(500, message="no"))) == {
        "error": {"message": "no", "type": "server_error", "param": None, "code": None}
    }
    event = WIRE.error_event(Complaint(429, code="c", param="p"), "error")
    assert event.name == "error"
    assert msgspec.json.decode(event.data)["error"] == {
        "message": "The mock answers 429.",
        "type": "rate_limit_error",
        "param": "p",
        "code": "c",
    }


def test_the_models_are_a_list() -> None:
    assert [model["id"] for model in msgspec.json.decode(models(("a", "b")))["data"]] == ["a", "b"]
