"""The mock's answers are what an OpenAI client expects."""

import msgspec
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from cli.mock import answers
from cli.mock.answers import Asked, Message


def test_a_whole_answer_is_a_chat_completion_with_a_choice_for_each_asked() -> None:
    body = answers.whole(Asked(model="m", n=2), Message(answers.words("a b c")), has_usage=True)
    completion = ChatCompletion.model_validate_json(body)
    assert [choice.message.content for choice in completion.choices] == ["a b c", "a b c"]
    assert completion.model == "m"
    assert completion.usage is not None
    assert completion.usage.total_tokens == answers.PROMPT_TOKENS + 3


def test_a_stream_has_the_role_first_the_finish_reason_once_and_the_usage_last() -> None:
    asked = Asked(model="m", stream=True, stream_options={"include_usage": True})
    events = answers.events(asked, Message(answers.words("a b")), has_finish=True, has_usage=True)
    chunks = [ChatCompletionChunk.model_validate_json(event) for event in events]
    assert [chunk.choices[0].delta.role for chunk in chunks[:-1]] == ["assistant", None, None, None]
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]] == [None, None, None, "stop"]
    assert [chunk.usage is not None for chunk in chunks] == [False] * 4 + [True]
    assert chunks[-1].choices == []


def test_a_tool_is_called_in_pieces_that_join_to_its_arguments() -> None:
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {}}}]
    asked = Asked(model="m", stream=True, tools=tools)
    message = Message(tool=answers.first_tool(asked), arguments='{"a":1}')
    chunks = [ChatCompletionChunk.model_validate_json(e) for e in answers.events(asked, message, True, False)]
    calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert [call.function.name for call in calls if call.function] == ["look_up", None]
    assert "".join(call.function.arguments or "" for call in calls if call.function) == '{"a":1}'
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_an_error_has_openais_members() -> None:
    assert msgspec.json.decode(answers.error("server_error", "", "no")) == {
        "error": {"message": "no", "type": "server_error", "param": None, "code": None}
    }
