"""A Responses request as a chat completion request.

Everything that the chat message has a member for is translated, for whichever provider; a provider of the Responses API
gets the request as it came, but that nothing is kept there: what is kept, the gateway keeps. Tools that OpenAI runs
itself need such a provider. Facts: the types of OpenAI's SDK, and docs/dialects.md for members beyond chat completions.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw

from server.chat.native import NativeRequest
from server.chat.request import ChatRequest, parse_chat_request
from server.errors import ParamUnsupported, RequestInvalid
from server.ingress.losses import Losses
from server.ingress.reading import ENCODER, Members, is_set, one_of, read_body, required
from server.ingress.responses.items import Conversation, input_items, own_items
from server.ingress.responses.view import Grammar, ResponsesView, TextConfig, TextFormat, ToolChoice, ToolDefinition

Chat = dict[str, Any]

FACE: Final = "responses"
"""The name of the face."""

_VIEW: Final = msgspec.json.Decoder(ResponsesView)
_GRAMMAR: Final = msgspec.json.Decoder(Grammar)
_NOT_SENT: Final = "is not sent: only a provider of the Responses API takes it."
_SAME: Final = (
    "temperature",
    "top_p",
    "parallel_tool_calls",
    "metadata",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "service_tier",
    "moderation",
    "gateway",
)
_TRANSLATED: Final = frozenset({*ResponsesView.__struct_fields__, *_SAME, "stream_options", "prompt", "conversation"})
_OURS: Final = frozenset({"gateway", "previous_response_id", "store", "conversation"})
_WORDS: Final = ("auto", "none", "required")
_RAW_TOOLS: Final = msgspec.json.Decoder(list[Raw])
_LOGPROBS: Final = "message.output_text.logprobs"
_ENCRYPTED: Final = "reasoning.encrypted_content"
_FALSE: Final = Raw(b"false")


def read_response(body: bytes, *, stream: bool, history: Sequence[Raw] = ()) -> tuple[ChatRequest, Members]:
    """The chat request that a Responses request asks for, and its members as they came.

    A stream of it tells its usage at the end.

    `history` are the items that go before its input. Raises RequestInvalid and ParamUnsupported, whose `param` is the
    member's path in the Responses request.
    """
    view, members = read_body(_VIEW, body)
    _check(view, members)
    losses = Losses(_NOT_SENT)
    items = [] if not isinstance(view.input, Raw) else input_items(view.input)
    chat: Chat = {} if not is_set(view.model) else {"model": view.model}
    chat["messages"] = _messages(view, history, items, losses)
    _add_same(chat, view, members, losses)
    hosted = _add_tools(chat, view, members)
    _add_form(chat, view)
    if stream:
        chat |= {"stream": True, "stream_options": {"include_usage": True}}
    request = parse_chat_request(ENCODER.encode(chat), stream=stream)
    needs = hosted or ("a prompt that OpenAI keeps" if is_set(members.get("prompt")) else "")
    request.native = NativeRequest(
        FACE,
        _native(view, members, [*history, *items]),
        losses=tuple(losses.members),
        needs=needs,
        needs_param="tools" if hosted else "prompt",
        is_same=not (losses.members or needs),
    )
    return request, members


def _check(view: ResponsesView, members: Members) -> None:
    """Refuses what no provider can do for a gateway that answers while the caller waits."""
    if not is_set(members.get("prompt")) and not is_set(view.previous_response_id):
        required(view.input, "input")
    if isinstance(view.tool_choice, str):
        one_of(view.tool_choice, _WORDS, "tool_choice")
    if view.background is True:
        raise ParamUnsupported(
            "Answers are not made in the background here; leave out 'background'.", param="background"
        )
    if is_set(members.get("conversation")):
        raise ParamUnsupported(
            "Conversations are not kept here; use 'previous_response_id', or send the items.", param="conversation"
        )


def _messages(view: ResponsesView, history: Sequence[Raw], items: Sequence[Raw], losses: Losses) -> list[Chat]:
    conversation = Conversation(losses)
    if isinstance(view.instructions, str) and view.instructions:
        conversation.messages.append({"role": "system", "content": view.instructions})
    for index, raw in enumerate(history):
        conversation.add(raw, f"previous_response_id[{index}]")
    for index, raw in enumerate(items):
        conversation.add(raw, f"input[{index}]")
    if not conversation.messages:
        raise RequestInvalid("'input' must have at least one item that says something.", param="input")
    return conversation.messages


def _add_same(chat: Chat, view: ResponsesView, members: Members, losses: Losses) -> None:
    """What is the same in chat completions, or has no place there."""
    for name in _SAME:
        if is_set(members.get(name)):
            chat[name] = members[name]
    if isinstance(view.max_output_tokens, int):
        chat["max_completion_tokens"] = view.max_output_tokens
    wants_logprobs = isinstance(view.include, list) and _LOGPROBS in view.include
    if wants_logprobs or isinstance(view.top_logprobs, int):
        chat["logprobs"] = True
        if view.top_logprobs:
            chat["top_logprobs"] = view.top_logprobs
    for name, value in members.items():
        if name not in _TRANSLATED and is_set(value):
            losses.lose(name)
    if is_set(view.max_tool_calls):
        losses.lose("max_tool_calls")
    if view.truncation == "auto":
        losses.lose("truncation")


def _add_tools(chat: Chat, view: ResponsesView, members: Members) -> str:
    """Adds the tools; says which of them OpenAI itself runs, the first one, empty if none."""
    if not view.tools:
        return ""
    raw = _RAW_TOOLS.decode(members["tools"])
    hosted = ""
    tools: list[Any] = []
    for index, tool in enumerate(view.tools):
        path = f"tools[{index}]"
        if tool.type == "function":
            tools.append({"type": "function", "function": _function(tool, path)})
        elif tool.type == "custom":
            tools.append({"type": "custom", "custom": _custom(tool, path)})
        else:
            hosted = hosted or f"'{path}' of the type {tool.type[:40]!r}, a tool that OpenAI runs itself"
            tools.append(raw[index])
    chat["tools"] = tools
    if isinstance(view.tool_choice, str):
        chat["tool_choice"] = view.tool_choice
    elif isinstance(view.tool_choice, ToolChoice) and not hosted:
        chat["tool_choice"] = _choice(view.tool_choice)
    return hosted


def _function(tool: ToolDefinition, path: str) -> Chat:
    required(tool.name, f"{path}.name")
    return {
        name: value
        for name, value in (
            ("name", tool.name),
            ("description", tool.description),
            ("parameters", tool.parameters),
            ("strict", tool.strict),
        )
        if is_set(value)
    }


def _custom(tool: ToolDefinition, path: str) -> Chat:
    required(tool.name, f"{path}.name")
    found: Chat = {"name": tool.name}
    if is_set(tool.description):
        found["description"] = tool.description
    if isinstance(tool.format, Raw) and is_set(tool.format):
        grammar = _GRAMMAR.decode(tool.format)
        if grammar.type == "grammar":
            inner = {"syntax": grammar.syntax, "definition": grammar.definition}
            found["format"] = {"type": "grammar", "grammar": inner}
        else:
            found["format"] = tool.format
    return found


def _choice(choice: ToolChoice) -> Any:
    if choice.type in ("function", "custom"):
        required(choice.name, "tool_choice.name")
        return {"type": choice.type, choice.type: {"name": choice.name}}
    if choice.type == "allowed_tools":
        required(choice.mode, "tool_choice.mode")
        tools = [{"type": tool.type, tool.type: {"name": tool.name}} for tool in choice.tools or ()]
        return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": tools}}
    raise RequestInvalid(
        f"'tool_choice.type' names a tool that is not among 'tools': {choice.type[:40]!r}.", param="tool_choice.type"
    )


def _add_form(chat: Chat, view: ResponsesView) -> None:
    """How much is reasoned, and what form the answer has."""
    if isinstance(view.reasoning, msgspec.Struct) and is_set(view.reasoning.effort):
        chat["reasoning_effort"] = view.reasoning.effort
    if not isinstance(view.text, TextConfig):
        return
    if is_set(view.text.verbosity):
        chat["verbosity"] = view.text.verbosity
    form = view.text.format
    if isinstance(form, TextFormat) and form.type != "text":
        chat["response_format"] = _format(form)


def _format(form: TextFormat) -> Chat:
    if form.type != "json_schema":
        one_of(form.type, ("text", "json_schema", "json_object"), "text.format.type")
        return {"type": form.type}
    required(form.name, "text.format.name")
    required(form.schema, "text.format.schema")
    named = (("name", form.name), ("description", form.description), ("schema", form.schema), ("strict", form.strict))
    return {"type": "json_schema", "json_schema": {name: value for name, value in named if is_set(value)}}


def _native(view: ResponsesView, members: Members, items: Sequence[Raw]) -> Members:
    """The members for a provider of the Responses API: all of the conversation, and nothing kept there."""
    kept = {name: raw for name, raw in members.items() if name not in _OURS}
    if items:
        kept["input"] = Raw(ENCODER.encode([own for raw in items for own in own_items(raw)]))
    kept["store"] = _FALSE
    if view.store is True or is_set(view.previous_response_id):
        wanted = view.include if isinstance(view.include, list) else []
        kept["include"] = Raw(ENCODER.encode(list(dict.fromkeys([*wanted, _ENCRYPTED]))))
    return kept
