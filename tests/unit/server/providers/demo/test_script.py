"""What the demo models do."""

from typing import Any

import msgspec
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from server.providers.demo.script import MODELS, Script, models_script, play

Members = dict[str, Any]
SCHEMA: Members = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [
    {"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}},
    {"type": "function", "function": {"name": "get_rain", "parameters": {"properties": {"mm": {"type": "number"}}}}},
]


def body(model: str, **members: Any) -> bytes:
    document = {"model": model, "messages": [{"role": "user", "content": "one two three"}]} | members
    return msgspec.json.encode(document)


def whole(model: str, **members: Any) -> ChatCompletion:
    script = play(body(model, **members))
    assert script.status == 200
    return ChatCompletion.model_validate_json(b"".join(step.data for step in script.steps))


def events(script: Script) -> list[bytes]:
    assert script.headers["content-type"].startswith("text/event-stream")
    stream = b"".join(step.data for step in script.steps)
    return [block.removeprefix(b"data: ") for block in stream.split(b"\n\n")[:-1]]


def chunks(model: str, **members: Any) -> list[ChatCompletionChunk]:
    *data, done = events(play(body(model, stream=True, **members)))
    assert done == b"[DONE]"
    return [ChatCompletionChunk.model_validate_json(each) for each in data]


@pytest.mark.parametrize("model", ["echo", "demo/echo"])
def test_echo_says_what_the_user_said_and_counts(model: str) -> None:
    answer = whole(model)
    assert answer.model == "demo/echo"
    assert answer.choices[0].message.content == "one two three"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (3, 3, 6)


def test_a_stream_has_a_chunk_for_each_token_and_usage_only_if_asked() -> None:
    plain = chunks("echo")
    assert [chunk.choices[0].delta.content for chunk in plain] == ["", "one", " two", " three", None]
    assert [chunk.choices[0].finish_reason for chunk in plain] == [None, None, None, None, "stop"]
    assert all(chunk.usage is None for chunk in plain)
    counted = chunks("echo", stream_options={"include_usage": True})
    assert counted[-1].choices == []
    assert counted[-1].usage is not None
    assert counted[-1].usage.completion_tokens == 3
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in counted}) == 1


def test_limits_stops_and_choices_hold() -> None:
    assert whole("echo", max_tokens=2).choices[0].finish_reason == "length"
    assert whole("echo", max_tokens=5, max_completion_tokens=1).choices[0].message.content == "one"
    assert whole("echo", stop=" three").choices[0].message.content == "one two"
    assert whole("echo", stop=["x", "two"]).choices[0].message.content == "one "
    three = whole("echo", n=3)
    assert [choice.index for choice in three.choices] == [0, 1, 2]
    assert three.usage is not None
    assert three.usage.completion_tokens == 9
    assert [chunk.choices[0].index for chunk in chunks("echo", n=2)] == [0, 1] * 5
    assert chunks("echo", max_tokens=1)[-1].choices[0].finish_reason == "length"


def test_slow_waits_half_a_second_and_then_says_twenty_tokens_a_second() -> None:
    script = play(body("slow", stream=True))
    delays = [step.delay_s for step in script.steps if step.delay_s]
    assert delays[0] == 0.5
    assert set(delays[1:]) == {0.05}
    assert play(body("slow")).delay_s == pytest.approx(sum(delays))


def test_tool_calls_the_first_tool_with_arguments_that_fit() -> None:
    (call,) = whole("tool", tools=TOOLS).choices[0].message.tool_calls or []
    assert call.type == "function"
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"city":"city"}')
    assert whole("tool", tools=TOOLS).choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("members", "name", "arguments"),
    [
        ({}, "get_time", '{"timezone":"UTC"}'),
        (
            {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "get_rain"}}},
            "get_rain",
            '{"mm":1}',
        ),
        ({"tools": [{"type": "function", "function": {"name": "now"}}]}, "now", "{}"),
    ],
    ids=["none offered", "one named", "one without parameters"],
)
def test_tool_calls_another_tool(members: Members, name: str, arguments: str) -> None:
    (call,) = whole("tool", **members).choices[0].message.tool_calls or []
    assert call.type == "function"
    assert (call.function.name, call.function.arguments) == (name, arguments)


def test_tool_streams_its_arguments_in_pieces_with_the_name_first() -> None:
    calls = [call for chunk in chunks("tool", tools=TOOLS) for call in chunk.choices[0].delta.tool_calls or []]
    assert [call.function.name for call in calls if call.function] == ["get_weather", *[None] * (len(calls) - 1)]
    assert "".join(call.function.arguments or "" for call in calls if call.function) == '{"city":"city"}'
    assert all(call.index == 0 for call in calls)
    assert calls[0].id
    assert chunks("tool", tools=TOOLS)[-1].choices[0].finish_reason == "tool_calls"


def test_tool_ends_the_loop_when_it_got_an_answer_and_when_it_may_not_call() -> None:
    messages = [
        {"role": "user", "content": "weather?"},
        {
            "role": "assistant",
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "sunny"},
    ]
    assert whole("tool", messages=messages).choices[0].message.content == "The tool answered: sunny"
    assert whole("tool", tools=TOOLS, tool_choice="none").choices[0].message.tool_calls is None


def test_json_fits_the_schema_or_tells_what_was_said() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    assert whole("json", response_format=wanted).choices[0].message.content == '{"city":"city"}'
    assert whole("json").choices[0].message.content == '{"echo":"one two three","tokens":3}'


def test_long_has_two_thousand_tokens_and_obeys_the_seed() -> None:
    answer = whole("long")
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 2_000
    assert whole("long", seed=1).choices[0].message.content != answer.choices[0].message.content
    assert len(chunks("long")) == 2_002


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [
        ("error-429", 429, "rate_limit_exceeded"),
        ("error-500", 500, "internal_error"),
        ("nothing", 404, "model_not_found"),
        ("", 404, "model_not_found"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_failures(model: str, status: int, code: str, stream: bool) -> None:
    script = play(body(model, stream=stream))
    assert script.status == status
    assert msgspec.json.decode(script.steps[0].data)["error"]["code"] == code
    assert script.headers.get("retry-after") == ("2" if status == 429 else None)


def test_a_body_that_cannot_be_read_is_the_callers_mistake() -> None:
    script = play(b'{"model":"echo","messages":7}')
    assert script.status == 400
    assert msgspec.json.decode(script.steps[0].data)["error"]["param"] == "messages"


def test_flaky_fails_on_every_other_counted_call() -> None:
    scripts = [play(body("flaky"), calls_before) for calls_before in range(4)]
    assert [script.status for script in scripts] == [500, 200, 500, 200]
    assert all(script.is_counted for script in [*scripts, play(body("flaky", stream=True), 1)])
    assert not play(body("echo")).is_counted


@pytest.mark.parametrize("model", MODELS)
def test_the_same_request_gives_the_same_script(model: str) -> None:
    assert play(body(model, stream=True)) == play(body(model, stream=True))


def test_lists_its_models() -> None:
    listed = msgspec.json.decode(models_script().steps[0].data)
    assert [entry["id"] for entry in listed["data"]] == [f"demo/{name}" for name in MODELS]
