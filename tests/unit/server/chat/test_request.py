"""What a request may say, how a wrong one is refused, and that nothing else changes on its way upstream."""

import json
from typing import Any

import msgspec
import pytest

from server.chat.request import parse_chat_request, upstream_body
from server.errors import ParamUnsupported, RequestInvalid
from tests.unit.server.chat.bodies import Bodies, split_members

HELLO = {"role": "user", "content": "Hello"}
TEXT = {"type": "text", "text": "Hello"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def request_text(**members: object) -> bytes:
    return json.dumps({"messages": [HELLO], **members}).encode()


def conversation(*messages: object) -> bytes:
    return json.dumps({"messages": [HELLO, *messages]}).encode()


ACCEPTED = {
    "only messages": request_text(),
    "no model": request_text(model=None),
    "every scalar null": request_text(temperature=None, top_p=None, n=None, max_tokens=None, seed=None, stream=None),
    "every structure null": request_text(stop=None, stream_options=None, tools=None, tool_choice=None, gateway=None),
    "the lowest numbers": request_text(temperature=0, top_p=0, n=1, max_tokens=1, frequency_penalty=-2, top_logprobs=0),
    "the highest numbers": request_text(temperature=2, top_p=1, n=128, presence_penalty=2.0, top_logprobs=20),
    "a seed beyond 64 bits": request_text(seed=2**80),
    "a stop word": request_text(stop="END"),
    "stop words": request_text(stop=["a", "b"]),
    "unknown members": request_text(foo={"bar": [1]}, top_k=5),
    "an unknown member in a message": conversation({**HELLO, "cache_control": {"type": "ephemeral"}}),
    "an assistant without content": conversation({"role": "assistant"}),
    "an assistant with null content and calls": conversation(
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c", "content": ""},
    ),
    "an assistant of the older form": conversation(
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": ""}},
        {"role": "function", "name": "f", "content": None},
    ),
    "an assistant that refused": conversation({"role": "assistant", "refusal": "No.", "content": None}),
    "an assistant that spoke": conversation({"role": "assistant", "audio": {"id": "audio_1"}}),
    "a developer and a system": conversation({**HELLO, "role": "developer"}, {**HELLO, "role": "system"}),
    "parts of every kind": conversation(
        {
            "role": "user",
            "content": [
                TEXT,
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "high"}},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                {"type": "file", "file": {"file_id": "file-1"}},
                {"type": "refusal", "refusal": "No."},
                {"type": "video_url", "video_url": {"url": "https://example.com/v"}},
            ],
        }
    ),
    "a custom tool and its call": json.dumps(
        {
            "messages": [
                HELLO,
                {
                    "role": "assistant",
                    "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "x", "input": ""}}],
                },
            ],
            "tools": [{"type": "custom", "custom": {"name": "x"}}, {"type": "web_search", "anything": 1}],
        }
    ).encode(),
    "a tool without parameters": request_text(tools=[{"type": "function", "function": {"name": "f"}}]),
    "a tool choice by word": request_text(tool_choice="required"),
    "a tool choice by name": request_text(tool_choice={"type": "function", "function": {"name": "f"}}),
    "a schema": request_text(response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": {}}}),
    "output as sound": request_text(modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"}),
    "a voice by id": request_text(audio={"voice": {"id": "voice_1"}, "format": "wav"}),
    "a prediction": request_text(prediction={"type": "content", "content": [TEXT]}),
    "the older functions": request_text(functions=[{"name": "f", "parameters": {}}], function_call={"name": "f"}),
    "every knob": request_text(
        gateway={
            "strategy": "balanced",
            "strict": True,
            "stream_mode": "buffered",
            "hedge": False,
            "cache": "max-age=60",
            "tags": {"team": "search"},
        }
    ),
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_accepts(body: bytes) -> None:
    request = parse_chat_request(body)
    assert request.body == body
    assert [*request.members] == [name for name, _ in split_members(body)]
    assert request.notes == []


REFUSED: dict[str, tuple[bytes, str | None, str]] = {
    "an array": (b"[]", None, "The request body must be an object, but is an array."),
    "a string": (b'"hi"', None, "The request body must be an object, but is a string."),
    "null": (b"null", None, "The request body must be an object, but is null."),
    "nothing": (b"", None, "not JSON"),
    "text that is not UTF-8 in a member that nobody reads": (
        b'{"messages":[{"role":"user","content":""}],"x":"\xff"}',
        None,
        "not UTF-8",
    ),
    "no messages": (b"{}", "messages", "'messages' is required"),
    "null messages": (b'{"messages":null}', "messages", "must be an array, but is null"),
    "empty messages": (
        b'{"messages":[]}',
        "messages",
        "'messages' must be an array of length >= 1, but is of length 0.",
    ),
    "messages as an object": (b'{"messages":{}}', "messages", "must be an array, but is an object"),
    "a message that is a string": (conversation("hi"), "messages[1]", "must be an object, but is a string"),
    "a message without a role": (conversation({"content": "x"}), "messages[1].role", "is required"),
    "an unknown role": (conversation({**HELLO, "role": "robot"}), "messages[1].role", "must be one of developer"),
    "a role that is a number": (
        conversation({**HELLO, "role": 5}),
        "messages[1].role",
        "must be a string, but is an integer",
    ),
    "a user without content": (conversation({"role": "user"}), "messages[1].content", "but is missing"),
    "a user with null content": (conversation({"role": "user", "content": None}), "messages[1].content", "but is null"),
    "a system message without content": (conversation({"role": "system"}), "messages[1].content", "but is missing"),
    "content that is a number": (
        conversation({"role": "user", "content": 5}),
        "messages[1].content",
        "'messages[1].content' must be a string, an array or null, but is an integer.",
    ),
    "a part that is a string": (
        conversation({"role": "user", "content": ["x"]}),
        "messages[1].content[0]",
        "must be an object",
    ),
    "a part without a type": (
        conversation({"role": "user", "content": [{}]}),
        "messages[1].content[0].type",
        "is required",
    ),
    "a text part without text": (
        conversation({"role": "user", "content": [TEXT, {"type": "text"}]}),
        "messages[1].content[1].text",
        "is required",
    ),
    "an image as a string": (
        conversation({"role": "user", "content": [{"type": "image_url", "image_url": "https://x"}]}),
        "messages[1].content[0].image_url",
        "must be an object or null, but is a string",
    ),
    "an image without its address": (
        conversation({"role": "user", "content": [{"type": "image_url", "image_url": {}}]}),
        "messages[1].content[0].image_url.url",
        "is required",
    ),
    "a tool message without its call": (
        conversation({"role": "tool", "content": ""}),
        "messages[1].tool_call_id",
        "is required",
    ),
    "a call without its id": (
        conversation({"role": "assistant", "tool_calls": [{"type": "function"}]}),
        "messages[1].tool_calls[0].id",
        "is required",
    ),
    "a call without its function": (
        conversation({"role": "assistant", "tool_calls": [{"id": "c", "type": "function"}]}),
        "messages[1].tool_calls[0].function",
        "is required",
    ),
    "arguments as an object": (
        conversation({"role": "assistant", "tool_calls": [{**CALL, "function": {"name": "f", "arguments": {}}}]}),
        "messages[1].tool_calls[0].function.arguments",
        "must be a string, but is an object",
    ),
    "a tool without its function": (request_text(tools=[{"type": "function"}]), "tools[0].function", "is required"),
    "a tool without a type": (request_text(tools=[{"function": {"name": "f"}}]), "tools[0].type", "is required"),
    "parameters that are no object": (
        request_text(tools=[{"type": "function", "function": {"name": "f", "parameters": []}}]),
        "tools[0].function.parameters",
        "must be an object",
    ),
    "a temperature above 2": (
        request_text(temperature=2.01),
        "temperature",
        "'temperature' must be a number <= 2, but is 2.01.",
    ),
    "a temperature below 0": (request_text(temperature=-0.5), "temperature", "must be a number >= 0, but is -0.5"),
    "a temperature as a string": (
        request_text(temperature="1"),
        "temperature",
        "must be a number or null, but is a string",
    ),
    "a temperature that no double holds": (
        b'{"messages":[{"role":"user","content":""}],"temperature":1e400}',
        "temperature",
        "range",
    ),
    "a top_p above 1": (request_text(top_p=1.5), "top_p", "must be a number <= 1"),
    "no answers": (request_text(n=0), "n", "must be an integer >= 1, but is 0"),
    "too many answers": (request_text(n=129), "n", "must be an integer <= 128, but is 129"),
    "one point zero answers": (request_text(n=1.0), "n", "must be an integer or null, but is a number with a fraction"),
    "zero tokens": (request_text(max_tokens=0), "max_tokens", "must be an integer >= 1, but is 0"),
    "zero completion tokens": (request_text(max_completion_tokens=0), "max_completion_tokens", ">= 1"),
    "too many log-probabilities": (request_text(top_logprobs=21), "top_logprobs", "<= 20"),
    "a penalty": (request_text(presence_penalty=2.5), "presence_penalty", "<= 2"),
    "another penalty": (request_text(frequency_penalty=-2.5), "frequency_penalty", ">= -2"),
    "a bias out of bounds": (
        request_text(logit_bias={"5": 101}),
        "logit_bias",
        "Every value in 'logit_bias' must be a number <= 100",
    ),
    "a label that is a number": (
        request_text(metadata={"a": 1}),
        "metadata",
        "Every value in 'metadata' must be a string",
    ),
    "a stop word that is a number": (request_text(stop=["a", 1]), "stop[1]", "must be a string, but is an integer"),
    "stop as a number": (request_text(stop=1), "stop", "must be a string, an array or null"),
    "stream as a string": (request_text(stream="true"), "stream", "must be a boolean or null, but is a string"),
    "stream options as an array": (request_text(stream_options=[]), "stream_options", "must be an object or null"),
    "a model that is a number": (request_text(model=4), "model", "must be a string or null, but is an integer"),
    "an unknown knob": (
        request_text(gateway={"strategi": "x"}),
        "gateway.strategi",
        "There is no member 'gateway.strategi'",
    ),
    "an unknown strategy": (
        request_text(gateway={"strategy": "x"}),
        "gateway.strategy",
        "default, fastest, cheapest, reliable, balanced",
    ),
    "the gateway as a string": (request_text(gateway="fast"), "gateway", "must be an object or null"),
    "a duplicate": (b'{"messages":[{"role":"user","content":"","content":""}]}', "messages[0].content", "stands twice"),
    "a bomb": (b'{"messages":' + b"[" * 100_000, None, "deeper than 64"),
}


@pytest.mark.parametrize(("body", "param", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refuses_and_names_the_member(body: bytes, param: str | None, message: str) -> None:
    with pytest.raises(RequestInvalid) as refused:
        parse_chat_request(body)
    assert refused.value.param == param
    assert message in refused.value.message


def _without(members: list[tuple[str, str]], *names: str) -> list[tuple[str, str]]:
    return [member for member in members if member[0] not in names]


@pytest.mark.parametrize("block", range(10))
def test_a_thousand_odd_bodies_leave_as_they_came(block: int) -> None:
    for seed in range(block * 100, block * 100 + 100):
        body = Bodies(seed).request()
        sent = split_members(body)
        arrived = split_members(upstream_body(parse_chat_request(body), model="up/stream", include_usage=True))
        names = [name for name, _ in sent]
        expected = [(name, '"up/stream"' if name == "model" else value) for name, value in _without(sent, "gateway")]
        if "model" not in names:
            expected.insert(0, ("model", '"up/stream"'))
        assert arrived == expected, f"seed {seed}"


def test_keeps_the_spelling_of_numbers_and_white_space_inside_values() -> None:
    body = b'{"x":[1.0 , 9007199254740993,1E400],\n"messages":[ {"content":"\\u0041", "role":"user"} ],"model":"a"}'
    assert upstream_body(parse_chat_request(body), model="b", include_usage=False) == (
        b'{"x":[1.0 , 9007199254740993,1E400],"messages":[ {"content":"\\u0041", "role":"user"} ],"model":"b"}'
    )


STREAM_OPTIONS = {
    "absent": (b"", b',"stream_options":{"include_usage":true}'),
    "null": (b',"stream_options":null', b',"stream_options":{"include_usage":true}'),
    "empty": (b',"stream_options":{}', b',"stream_options":{"include_usage":true}'),
    "false": (b',"stream_options":{"include_usage":false}', b',"stream_options":{"include_usage":true}'),
    "true": (b',"stream_options":{ "include_usage" : true }', b',"stream_options":{ "include_usage" : true }'),
    "with other members": (
        b',"stream_options":{"z":1.0,"include_usage":null,"a":2}',
        b',"stream_options":{"z":1.0,"include_usage":true,"a":2}',
    ),
}


@pytest.mark.parametrize(("before", "after"), STREAM_OPTIONS.values(), ids=STREAM_OPTIONS.keys())
def test_a_stream_asks_for_its_usage(before: bytes, after: bytes) -> None:
    begin = b'{"model":"a","messages":[{"role":"user","content":""}],"stream":true'
    request = parse_chat_request(begin + before + b"}")
    assert upstream_body(request, model="a", include_usage=True) == begin + after + b"}"
    assert upstream_body(request, model="a", include_usage=False) == begin + before + b"}"


OVERRIDES: dict[str, tuple[dict[str, Any], bool | None, bool, list[str]]] = {
    "nothing said": ({}, None, False, []),
    "the member decides": ({"stream": True}, None, True, ["stream"]),
    "the method streams": ({}, True, True, ["stream"]),
    "the method streams against the member": ({"stream": False}, True, True, ["stream"]),
    "the method does not stream": ({"stream": True, "stream_options": {}}, False, False, []),
    "the method agrees not to stream": ({"stream": False}, False, False, ["stream"]),
}


@pytest.mark.parametrize(("members", "method", "is_stream", "names"), OVERRIDES.values(), ids=OVERRIDES.keys())
def test_the_method_decides_whether_to_stream(
    members: dict[str, Any], method: bool | None, is_stream: bool, names: list[str]
) -> None:
    request = parse_chat_request(request_text(model="a", **members), stream=method)
    assert request.is_stream is is_stream
    sent = msgspec.json.decode(upstream_body(request, model="a", include_usage=False))
    assert [*sent] == ["messages", "model", *names]
    assert sent.get("stream", False) is is_stream


def test_the_request_is_not_changed_by_sending_it() -> None:
    body = request_text(gateway={"strict": True}, stream=True)
    request = parse_chat_request(body)
    first = upstream_body(request, model="a", include_usage=True)
    assert upstream_body(request, model="a", include_usage=True) == first
    assert [name for name, _ in split_members(body)] == [*request.members]


MODELS = {
    "left out": ({}, None),
    "null": ({"model": None}, None),
    "empty": ({"model": ""}, None),
    "named": ({"model": "x"}, "x"),
}


@pytest.mark.parametrize(("members", "model"), MODELS.values(), ids=MODELS.keys())
def test_tells_the_model_that_was_asked_for(members: dict[str, Any], model: str | None) -> None:
    assert parse_chat_request(request_text(**members)).model == model


def test_tells_whether_usage_was_asked_for() -> None:
    asked = parse_chat_request(request_text(stream=True, stream_options={"include_usage": True}))
    silent = parse_chat_request(request_text(stream=True))
    assert (asked.wants_usage, silent.wants_usage) == (True, False)


def test_parts_and_tools_can_be_had_as_they_came() -> None:
    part, tool = b'{"type":"search_result", "n": 1.0}', b'{"type":"bash_20250124","name":"bash", "b": 1.0}'
    request = parse_chat_request(
        b'{"tools":['
        + tool
        + b'],"messages":[{"role":"user","content":"a"},{"role":"user","content":['
        + part
        + b"]}]}"
    )
    assert [bytes(raw) for raw in request.raw_parts(1)] == [part]
    assert [bytes(raw) for raw in request.raw_tools()] == [tool]


def test_a_loss_is_noted_once_and_forgotten_with_its_provider() -> None:
    request = parse_chat_request(b'{"messages":[{"role":"user","content":"a"}]}')
    request.notes.append("an older note")
    request.lose("seed", "is not sent.")
    request.lose("seed", "is not sent.")
    request.tell("max_tokens is 5.")
    assert request.notes == ["an older note", "seed is not sent.", "max_tokens is 5."]
    request.forget()
    assert request.notes == ["an older note"]


def test_a_strict_request_refuses_a_loss_and_names_the_member() -> None:
    request = parse_chat_request(b'{"messages":[{"role":"user","content":"a"}]}')
    request.is_strict = True
    request.tell("max_tokens is 5.")
    with pytest.raises(ParamUnsupported, match=r"strict, and messages\[0\].name is not sent") as caught:
        request.lose("messages[0].name", "is not sent.")
    assert caught.value.param == "messages[0].name"


def test_a_request_that_must_not_ask_for_usage() -> None:
    request = parse_chat_request(b'{"messages":[{"role":"user","content":"hi"}],"stream":true,"x":1.0}', stream=True)
    assert b"include_usage" in upstream_body(request, model="m", include_usage=True)
    plain = upstream_body(request.without_usage(), model="m", include_usage=True)
    assert json.loads(plain) == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "x": 1.0,
    }
    assert len(request.notes) == 1


def test_nor_if_its_caller_did() -> None:
    body = b'{"messages":[{"role":"user","content":"hi"}],"stream":true,"stream_options":{"include_usage":true}}'
    request = parse_chat_request(body, stream=True)
    plain = request.without_usage()
    assert b"stream_options" not in upstream_body(plain, model="m", include_usage=True)
    assert plain.wants_usage
