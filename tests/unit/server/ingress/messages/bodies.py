"""Requests and answers that the tests of the Messages face begin with."""

import json
from typing import Any

from server.chat.request import ChatRequest
from server.ingress.messages.request import read_message

HELLO: list[dict[str, Any]] = [{"role": "user", "content": "Hi"}]
WEATHER: dict[str, Any] = {
    "name": "get_weather",
    "description": "Tells the weather.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def body(**members: Any) -> bytes:
    """A request with these members beside those that it must have."""
    return json.dumps({"model": "m", "max_tokens": 100, "messages": HELLO, **members}).encode()


def read(*, stream: bool = False, **members: Any) -> ChatRequest:
    """The chat request that such a request is."""
    return read_message(body(**members), stream=stream)


def chat(**members: Any) -> dict[str, Any]:
    """The JSON of it."""
    found: dict[str, Any] = json.loads(read(**members).body)
    return found


def messages(*turns: dict[str, Any], **members: Any) -> list[dict[str, Any]]:
    """The chat messages that turns are."""
    found: list[dict[str, Any]] = chat(messages=list(turns), **members)["messages"]
    return found


def completion(message: dict[str, Any], finish_reason: str = "stop", **members: Any) -> bytes:
    """A chat completion."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}
    answer = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o", "choices": [choice]}
    return json.dumps(answer | {"usage": {"prompt_tokens": 7, "completion_tokens": 3}} | members).encode()


def chunk(delta: dict[str, Any] | None = None, finish_reason: str | None = None, **members: Any) -> bytes:
    """A chunk; one without a delta has no choices."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish_reason}]
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o", "choices": choices}
    return json.dumps(head | members).encode()


def call(index: int, call_id: str | None = None, name: str | None = None, arguments: str = "") -> dict[str, Any]:
    """The delta of a piece of a call."""
    function: dict[str, Any] = {"arguments": arguments} | ({"name": name} if name else {})
    piece: dict[str, Any] = {"index": index, "function": function}
    return {"tool_calls": [piece | ({"id": call_id, "type": "function"} if call_id else {})]}
