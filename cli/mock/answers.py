"""The mock's chat completions as JSON: whole answers, events of a stream, errors, the list of models. Pure.

Everything is fixed (ids and times too), so that answers can be compared and made beforehand.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

ANSWER_ID: Final = "chatcmpl-mock"
CREATED: Final = 1_700_000_000
PROMPT_TOKENS: Final = 11
PLAIN_TEXT: Final = "Hello from the mock upstream."
MODELS: Final = ("gpt-4o-mini", "gpt-4o", "mock/ok")

Json = Mapping[str, Any]

_encode: Final = msgspec.json.Encoder().encode


class Asked(msgspec.Struct, gc=False):
    """What the mock reads of a request; everything else is only recorded."""

    model: str = ""
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    n: int | None = None

    @property
    def wants_usage(self) -> bool:
        """Whether the stream shall end with the usage."""
        return bool(self.stream_options and self.stream_options.get("include_usage"))


class Message(msgspec.Struct, frozen=True, gc=False):
    """What is answered: pieces of text, or one tool call."""

    pieces: tuple[str, ...] = ()
    tool: str | None = None
    arguments: str = "{}"

    @property
    def finish_reason(self) -> str:
        """OpenAI's finish reason."""
        return "stop" if self.tool is None else "tool_calls"


def words(text: str) -> tuple[str, ...]:
    """A text as tokens: each word with the blank before it."""
    first, *others = text.split(" ")
    return (first, *(f" {word}" for word in others))


def first_tool(asked: Asked) -> str:
    """The name of the first function that the request offers."""
    for tool in asked.tools or ():
        function = tool.get("function")
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            return str(function["name"])
    return "get_time"


def whole(asked: Asked, message: Message, has_usage: bool) -> bytes:
    """The answer to a request that wants no stream."""
    content: dict[str, Any] = {"role": "assistant", "content": "".join(message.pieces)}
    if message.tool is not None:
        content = {"role": "assistant", "content": None, "tool_calls": [_tool_call(message)]}
    choices = [
        {"index": index, "message": content, "finish_reason": message.finish_reason} for index in range(asked.n or 1)
    ]
    answer = _head(asked, "chat.completion") | {"choices": choices}
    if has_usage:
        answer["usage"] = _usage(message)
    return _encode(answer)


def events(asked: Asked, message: Message, has_finish: bool, has_usage: bool) -> Iterator[bytes]:
    """The data of a stream's events in order, without `[DONE]`."""
    yield _chunk(asked, {"role": "assistant", "content": "" if message.tool is None else None})
    if message.tool is not None:
        call = _tool_call(message)
        arguments = call["function"].pop("arguments")
        yield _chunk(asked, {"tool_calls": [{"index": 0} | call | {"function": call["function"] | {"arguments": ""}}]})
        yield _chunk(asked, {"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]})
    for piece in message.pieces:
        yield _chunk(asked, {"content": piece})
    if has_finish:
        yield _chunk(asked, {}, message.finish_reason)
    if has_finish and has_usage:
        yield _encode(_head(asked, "chat.completion.chunk") | {"choices": [], "usage": _usage(message)})


def error(kind: str, code: str, message: str) -> bytes:
    """An error body as OpenAI writes it."""
    return _encode({"error": {"message": message, "type": kind, "param": None, "code": code or None}})


def models(ids: tuple[str, ...]) -> bytes:
    """The list of models."""
    data = [{"id": name, "object": "model", "created": CREATED, "owned_by": "mock"} for name in ids]
    return _encode({"object": "list", "data": data})


def _head(asked: Asked, kind: str) -> dict[str, Any]:
    return {"id": ANSWER_ID, "object": kind, "created": CREATED, "model": asked.model}


def _chunk(asked: Asked, delta: Json, finish_reason: str | None = None) -> bytes:
    choices = [{"index": index, "delta": delta, "finish_reason": finish_reason} for index in range(asked.n or 1)]
    chunk = _head(asked, "chat.completion.chunk") | {"choices": choices}
    if asked.wants_usage:
        chunk["usage"] = None
    return _encode(chunk)


def _tool_call(message: Message) -> dict[str, Any]:
    function = {"name": message.tool, "arguments": message.arguments}
    return {"id": "call_mock_1", "type": "function", "function": function}


def _usage(message: Message) -> Json:
    tokens = max(len(message.pieces), 1)
    return {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": tokens, "total_tokens": PROMPT_TOKENS + tokens}
