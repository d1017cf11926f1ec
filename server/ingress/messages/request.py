"""A Messages request as a chat completion request.

Everything that the chat message has a member for is translated, for whichever provider; a provider that speaks
Anthropic's form itself gets the request as it came, unless another vendor had a part in the conversation. Facts: the
types of Anthropic's SDK, and docs/dialects.md for members beyond OpenAI's.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw

from server.chat.native import NativeRequest
from server.chat.request import ChatRequest, parse_chat_request
from server.errors import ParamUnsupported
from server.ingress.losses import Losses
from server.ingress.messages.content import RawOf, messages_of, nth, part_of, plain
from server.ingress.messages.history import NOT_SENT
from server.ingress.messages.plain import BETAS, FACE, VIEW, plain_request, sent_headers
from server.ingress.messages.view import MessagesView, OutputFormat, ToolChoice, ToolDefinition
from server.ingress.reading import ENCODER, Members, is_set, one_of, read_body, required

Chat = dict[str, Any]

_TRANSLATED: Final = frozenset(
    {*MessagesView.__struct_fields__, "gateway", "cache_control"},
)
_OURS: Final = frozenset({"gateway", "betas"})
_CHOICES: Final = {"auto": "auto", "any": "required", "none": "none"}
_TIERS: Final = {"auto": "auto", "standard_only": "default"}
_TOOL_MEMBERS: Final = frozenset(ToolDefinition.__struct_fields__)
_MAX_USER_CHARS: Final = 64
_TOOLS: Final = msgspec.json.Decoder(list[dict[str, Raw]])
_NO_HEADERS: Final[Mapping[str, str]] = {}


def read_message(body: bytes, *, stream: bool, headers: Mapping[str, str] = _NO_HEADERS) -> ChatRequest:
    """The chat request that a Messages request asks for; a stream of it tells its usage at the end.

    `headers` are the request's, names in lower case. Raises RequestInvalid, whose `param` is the member's path in the
    Messages request.
    """
    if (plain_one := plain_request(body, stream=stream, headers=headers)) is not None:
        return plain_one
    view, members = read_body(VIEW, body)
    required(view.max_tokens, "max_tokens")
    _refuse_threads(members)
    losses = Losses(NOT_SENT)
    chat = _chat(view, members, losses)
    sent = sent_headers(headers)
    if losses.is_mixed and BETAS in sent:
        chat["betas"] = [word for beta in sent[BETAS].split(",") if (word := beta.strip())]
    if stream:
        chat |= {"stream": True, "stream_options": {"include_usage": True}}
    request = parse_chat_request(ENCODER.encode(chat), stream=stream, is_made=True)
    native = {name: raw for name, raw in members.items() if name not in _OURS}
    is_same = not (losses.members or losses.is_mixed or BETAS in sent)
    face = "" if losses.is_mixed else FACE
    request.native = NativeRequest(face, native, sent, tuple(losses.members), is_same=is_same)
    return request


def _refuse_threads(members: Members) -> None:
    """Refuses conversations that Anthropic would hold: the next turn may go to another provider, or another account.

    The code is Anthropic's, by which its SDK knows that it has to send the whole conversation each time.
    """
    if is_set(members.get("thread")):
        raise ParamUnsupported(
            "Conversations are not held here; leave out 'thread' and send all messages each time.",
            param="thread",
            details={"errorCode": "thread_unsupported_request"},
        )


def read_count(body: bytes) -> ChatRequest:
    """The chat request whose tokens a caller wants counted; it needs no `max_tokens`. Raises RequestInvalid."""
    view, members = read_body(VIEW, body)
    return parse_chat_request(ENCODER.encode(_chat(view, members, Losses(NOT_SENT))), stream=False, is_made=True)


def _chat(view: MessagesView, members: Members, losses: Losses) -> Chat:
    for name, value in members.items():
        if name not in _TRANSLATED and name not in _OURS and is_set(value):
            losses.lose(name)
    chat: Chat = {} if not is_set(view.model) else {"model": view.model}
    chat["messages"] = _messages(view, members, losses)
    _add_bounds(chat, view, losses)
    _add_tools(chat, view, members, losses)
    _add_form(chat, view, members, losses)
    for name in ("gateway", "cache_control"):
        if name in members and is_set(members[name]):
            chat[name] = members[name]
    return chat


def _messages(view: MessagesView, members: Members, losses: Losses) -> list[Chat]:
    found: list[Chat] = []
    if isinstance(view.system, str):
        found.append({"role": "system", "content": view.system})
    elif isinstance(view.system, list) and view.system:
        system = members["system"]
        parts = [
            part_of(block, nth(lambda: system, index), f"system[{index}]") for index, block in enumerate(view.system)
        ]
        found.append({"role": "system", "content": plain(parts)})
    for index, turn in enumerate(view.messages):
        found += messages_of(turn, _content_of(members["messages"], index), f"messages[{index}]", losses)
    return found


def _content_of(messages: Raw, index: int) -> RawOf:
    return lambda: _TOOLS.decode(messages)[index]["content"]


def _add_bounds(chat: Chat, view: MessagesView, losses: Losses) -> None:
    """What bounds the answer and how it is sampled."""
    if isinstance(view.max_tokens, int):
        chat["max_completion_tokens"] = max(view.max_tokens, 1)
        if not view.max_tokens:
            losses.lose("max_tokens", "0 is sent as 1: only a provider of Anthropic's form answers nothing.")
    for name in ("temperature", "top_p"):
        if is_set(getattr(view, name)):
            chat[name] = getattr(view, name)
    if view.top_k:
        chat["top_k"] = view.top_k
    if view.stop_sequences:
        chat["stop"] = view.stop_sequences
    if isinstance(view.service_tier, str):
        one_of(view.service_tier, tuple(_TIERS), "service_tier")
        chat["service_tier"] = _TIERS[view.service_tier]
    if isinstance(view.metadata, msgspec.Struct) and view.metadata.user_id:
        chat["user"] = _user(view.metadata.user_id)


def _user(user_id: str) -> str:
    """An identifier that every vendor takes: one that is too long is replaced by its hash, the same each time."""
    if len(user_id) <= _MAX_USER_CHARS:
        return user_id
    return hashlib.blake2b(user_id.encode("utf-8", "surrogatepass"), digest_size=_MAX_USER_CHARS // 2).hexdigest()


def _add_tools(chat: Chat, view: MessagesView, members: Members, losses: Losses) -> None:
    if not view.tools:
        return
    raw = _TOOLS.decode(members["tools"])
    chat["tools"] = [_tool(tool, raw[index], f"tools[{index}]", losses) for index, tool in enumerate(view.tools)]
    if isinstance(view.tool_choice, ToolChoice):
        _add_choice(chat, view.tool_choice)


def _tool(tool: ToolDefinition, raw: Members, path: str, losses: Losses) -> Any:
    if is_set(tool.type) and tool.type != "custom":
        return raw
    required(tool.name, f"{path}.name")
    required(tool.input_schema, f"{path}.input_schema")
    function: Chat = {"name": tool.name}
    for name, value in (("description", tool.description), ("parameters", tool.input_schema), ("strict", tool.strict)):
        if is_set(value):
            function[name] = value
    for name, value in raw.items():
        if name not in _TOOL_MEMBERS and is_set(value):
            losses.lose(f"{path}.{name}")
    found: Chat = {"type": "function", "function": function}
    if is_set(tool.cache_control):
        found["cache_control"] = tool.cache_control
    return found


def _add_choice(chat: Chat, choice: ToolChoice) -> None:
    one_of(choice.type, (*_CHOICES, "tool"), "tool_choice.type")
    if choice.type == "tool":
        required(choice.name, "tool_choice.name")
        chat["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
    else:
        chat["tool_choice"] = _CHOICES[choice.type]
    if choice.disable_parallel_tool_use is True and choice.type != "none":
        chat["parallel_tool_calls"] = False


def _add_form(chat: Chat, view: MessagesView, members: Members, losses: Losses) -> None:
    """How much is thought, and what form the answer has."""
    if is_set(view.thinking):
        chat["thinking"] = members["thinking"]
    form: object = view.output_format
    if isinstance(view.output_config, msgspec.Struct):
        if is_set(view.output_config.effort):
            chat["reasoning_effort"] = view.output_config.effort
        form = view.output_config.format if is_set(view.output_config.format) else form
    if isinstance(form, OutputFormat):
        if form.type != "json_schema" or not is_set(form.schema):
            losses.lose("output_config.format", f"{form.type[:40]!r} is not sent: it is not known.")
            return
        chat["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": form.schema, "strict": _is_strict(form.schema)},
        }


def _is_strict(schema: object) -> bool:
    """Whether OpenAI's strict mode takes a schema: every object is closed and requires all its properties."""
    return _is_closed(msgspec.json.decode(schema)) if isinstance(schema, Raw) else False


def _is_closed(node: object) -> bool:
    if isinstance(node, list):
        return all(_is_closed(child) for child in node)
    if not isinstance(node, dict):
        return True
    properties = node.get("properties")
    if isinstance(properties, dict):
        asked = node.get("required")
        if node.get("additionalProperties") is not False or not isinstance(asked, list):
            return False
        if set(properties) - {name for name in asked if isinstance(name, str)}:
            return False
    return all(_is_closed(child) for child in node.values())
