"""What a demo model does with a request, as data: status, headers, pieces of the body and the delays between them.

The wire is OpenAI's. Scripts are deterministic: the same request gives the same bytes, but for `demo/flaky`, which
looks at how often it was called.

| model | what it does |
|---|---|
| `demo/echo` | says what the user said last |
| `demo/slow` | waits 0.5 s, then says 20 tokens a second |
| `demo/tool` | calls the first tool offered (or the one named), `get_time` if none is; tells what a tool answered |
| `demo/json` | a JSON object that fits the schema of `response_format`, if there is one |
| `demo/error-429` | limits, with `Retry-After: 2` |
| `demo/error-500` | fails |
| `demo/flaky` | fails on the first call and every other one after it, else as `demo/echo` |
| `demo/long` | 2,000 tokens; `seed` decides with which word they begin |
"""

import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from server.chat.request import parse_chat_request
from server.chat.view import ChatView, JsonSchema, Named, ResponseFormat, StreamOptions, ToolChoice
from server.errors import RequestInvalid
from server.providers.demo.shapes import shaped
from server.providers.demo.text import cut, last_user_text, long_text, prompt_tokens, text_of, tokens_of

MODELS: Final = ("echo", "slow", "tool", "json", "error-429", "error-500", "flaky", "long")
SLOW_FIRST_S: Final = 0.5
SLOW_TOKEN_S: Final = 0.05

_PREFIX: Final = "demo/"
_SLOW_TEXT: Final = (
    "This answer comes slowly, on purpose: half a second before the first token, then twenty tokens a second."
)
_encode: Final = msgspec.json.Encoder().encode


class ScriptStep(Struct, frozen=True):
    """A piece of the body, `delay_s` seconds after what came before."""

    delay_s: float
    data: bytes


class Script(Struct, frozen=True):
    """An answer. `delay_s` seconds pass before the headers. `is_counted` asks that this call be counted."""

    status: int
    headers: Mapping[str, str]
    steps: tuple[ScriptStep, ...]
    delay_s: float = 0.0
    is_counted: bool = False


class _Said(Struct, frozen=True):
    """What is answered: text, or a call of a tool, in tokens."""

    tokens: list[str]
    finish_reason: str
    tool: str | None = None
    first_s: float = 0.0
    token_s: float = 0.0

    @property
    def counted_tokens(self) -> int:
        """The tokens that are reported, the tool's name among them."""
        return len(self.tokens) + (0 if self.tool is None else len(tokens_of(self.tool)))


class _Turn(Struct, frozen=True):
    """One request as the models see it. `text` is what the user said last."""

    view: ChatView
    model: str
    id: str
    created: int
    is_stream: bool
    text: str = field(default="")


def play(body: bytes, calls_before: int = 0, created: int = 0) -> Script:
    """The script for the body of a chat completion request.

    `calls_before` counts the earlier scripts that were marked `is_counted`, `created` is the time to be told, in
    seconds since 1970. A body that cannot be read gets a script with status 400, a model that is not here one with 404.
    """
    try:
        request = parse_chat_request(body)
    except RequestInvalid as error:
        return _error(400, error.message, "invalid_request_error", None, error.param)
    model = (request.model or "").removeprefix(_PREFIX)
    if model == "error-429":
        return _error(429, "The model demo/error-429 always limits.", "rate_limit_error", "rate_limit_exceeded")
    if model == "error-500" or (model == "flaky" and calls_before % 2 == 0):
        return _error(
            500, f"The model demo/{model} fails.", "server_error", "internal_error", is_counted=model == "flaky"
        )
    speak = _SPEAKERS.get(model)
    if speak is None:
        return _error(404, f"The model `{model[:100]}` does not exist.", "invalid_request_error", "model_not_found")
    turn = _Turn(
        request.view,
        f"{_PREFIX}{model}",
        f"chatcmpl-demo{zlib.crc32(body):08x}",
        created,
        request.is_stream,
        last_user_text(request.view),
    )
    said = speak(turn)
    return _streamed(turn, said) if request.is_stream else _whole(turn, said, is_counted=model == "flaky")


def models_script() -> Script:
    """The answer to GET /models."""
    data = [{"id": f"{_PREFIX}{name}", "object": "model", "created": 0, "owned_by": "demo"} for name in MODELS]
    return _json(200, {"object": "list", "data": data})


def _limit(view: ChatView) -> int | None:
    limits = [limit for limit in (view.max_tokens, view.max_completion_tokens) if isinstance(limit, int)]
    return min(limits, default=None)


def _say(turn: _Turn, text: str) -> _Said:
    stop = turn.view.stop
    stops = [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else []
    return _Said(*cut(text, stops, _limit(turn.view)))


def _echo(turn: _Turn) -> _Said:
    return _say(turn, turn.text)


def _slow(turn: _Turn) -> _Said:
    said = _say(turn, _SLOW_TEXT)
    return _Said(said.tokens, said.finish_reason, first_s=SLOW_FIRST_S, token_s=SLOW_TOKEN_S)


def _long(turn: _Turn) -> _Said:
    return _say(turn, long_text(turn.view.seed if isinstance(turn.view.seed, int) else 0))


def _json_object(turn: _Turn) -> _Said:
    wanted = turn.view.response_format
    schema = wanted.json_schema if isinstance(wanted, ResponseFormat) else None
    if isinstance(schema, JsonSchema) and isinstance(schema.schema, msgspec.Raw):
        value = shaped(msgspec.json.decode(schema.schema))
    else:
        value = {"echo": turn.text, "tokens": len(tokens_of(turn.text))}
    return _say(turn, _encode(value).decode())


def _tool(turn: _Turn) -> _Said:
    last = turn.view.messages[-1]
    if last.role == "tool":
        return _say(turn, f"The tool answered: {text_of(last)}")
    if turn.view.tool_choice == "none":
        return _say(turn, "No tool was called, as asked.")
    name, arguments = _chosen_tool(turn.view)
    tokens, finish_reason = cut(_encode(arguments).decode(), (), _limit(turn.view))
    return _Said(tokens, "tool_calls" if finish_reason == "stop" else finish_reason, tool=name)


def _chosen_tool(view: ChatView) -> tuple[str, Any]:
    """The name of the function to call, and arguments that fit its schema."""
    choice = view.tool_choice
    named = choice.function.name if isinstance(choice, ToolChoice) and isinstance(choice.function, Named) else None
    for tool in view.tools or ():
        if tool.function and named in (None, tool.function.name):
            parameters = tool.function.parameters
            schema = msgspec.json.decode(parameters) if isinstance(parameters, msgspec.Raw) else {"type": "object"}
            return tool.function.name, shaped(schema)
    return "get_time", {"timezone": "UTC"}


_SPEAKERS: Final[Mapping[str, Callable[[_Turn], _Said]]] = {
    "echo": _echo,
    "flaky": _echo,
    "slow": _slow,
    "tool": _tool,
    "json": _json_object,
    "long": _long,
}


def _json(status: int, document: object, **more: Any) -> Script:
    body = _encode(document)
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    return Script(status, headers | more.pop("headers", {}), (ScriptStep(0.0, body),), **more)


def _error(
    status: int, message: str, kind: str, code: str | None, param: str | None = None, *, is_counted: bool = False
) -> Script:
    error = {"message": message, "type": kind, "param": param, "code": code}
    headers = {"retry-after": "2"} if status == 429 else {}
    return _json(status, {"error": error}, headers=headers, is_counted=is_counted)


def _head(turn: _Turn, kind: str) -> dict[str, Any]:
    return {"id": turn.id, "object": kind, "created": turn.created, "model": turn.model}


def _usage(turn: _Turn, said: _Said) -> dict[str, int]:
    prompt, completion = prompt_tokens(turn.view), said.counted_tokens * _choices(turn)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _choices(turn: _Turn) -> int:
    return turn.view.n if isinstance(turn.view.n, int) else 1


def _call(index: int, said: _Said, arguments: str) -> dict[str, Any]:
    return {"id": f"call_demo_{index}", "type": "function", "function": {"name": said.tool, "arguments": arguments}}


def _whole(turn: _Turn, said: _Said, *, is_counted: bool) -> Script:
    text = "".join(said.tokens)
    choices = []
    for index in range(_choices(turn)):
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if said.tool is not None:
            message = {"role": "assistant", "content": None, "tool_calls": [_call(index, said, text)]}
        choices.append({"index": index, "message": message, "logprobs": None, "finish_reason": said.finish_reason})
    answer = {**_head(turn, "chat.completion"), "choices": choices, "usage": _usage(turn, said)}
    wait_s = said.first_s + said.token_s * max(len(said.tokens) - 1, 0)
    return _json(200, answer, delay_s=wait_s, is_counted=is_counted)


def _streamed(turn: _Turn, said: _Said) -> Script:
    options = turn.view.stream_options
    has_usage = isinstance(options, StreamOptions) and options.include_usage is True
    extra: dict[str, Any] = {"usage": None} if has_usage else {}
    head = _head(turn, "chat.completion.chunk")
    steps = []

    def add(delta: dict[str, Any], finish_reason: str | None = None, delay_s: float = 0.0) -> None:
        for index in range(_choices(turn)):
            choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
            chunk = {**head, "choices": [choice], **extra}
            steps.append(ScriptStep(delay_s if index == 0 else 0.0, b"data: %b\n\n" % _encode(chunk)))

    add({"role": "assistant", "content": None if said.tool else ""})
    if said.tool is not None:
        add({"tool_calls": [{"index": 0, **_call(0, said, "")}]})
    for number, token in enumerate(said.tokens):
        delta = {"content": token} if said.tool is None else _arguments(token)
        add(delta, None, said.token_s if number else said.first_s)
    add({}, said.finish_reason)
    if has_usage:
        chunk = {**head, "choices": [], "usage": _usage(turn, said)}
        steps.append(ScriptStep(0.0, b"data: %b\n\n" % _encode(chunk)))
    steps.append(ScriptStep(0.0, b"data: [DONE]\n\n"))
    headers = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
    return Script(200, headers, tuple(steps), is_counted=turn.model == f"{_PREFIX}flaky")


def _arguments(token: str) -> dict[str, Any]:
    return {"tool_calls": [{"index": 0, "function": {"arguments": token}}]}
