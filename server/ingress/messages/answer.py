"""A chat completion as a message in Anthropic's form.

What the answer says beyond that form (`annotations`, `gateway_metadata`, another vendor's signatures) is kept in
members of its own, which clients hand back with the block that they came with.
"""

from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, Struct

from server.chat.estimate import estimate_text_tokens, estimate_tokens
from server.chat.request import ChatRequest
from server.ingress.carried import Carried, pack
from server.ingress.chat_answer import Call, ChatUsage, Choice, RawMember, Said, read_completion, read_usage
from server.ingress.messages.words import input_of, message_id, stop_reason, usage_of

Members = dict[str, Any]


class _Plain(Struct, gc=False):
    """A chat completion whose usage is in OpenAI's form, as that of nearly every provider."""

    id: str | None = None
    model: str | None = None
    choices: list[Choice] = []
    usage: ChatUsage | None = None
    service_tier: str | None = None
    gateway_metadata: RawMember = UNSET
    native: RawMember = UNSET


class _Text(Struct, gc=False, tag_field="type", tag="text"):
    text: str


class _Message(Struct, gc=False):
    """A message that says one text."""

    id: str
    type: str
    role: str
    model: str
    content: list[_Text]
    stop_reason: str
    stop_sequence: str | None
    usage: Members
    gateway_metadata: RawMember


ENCODER: Final = msgspec.json.Encoder()
_PLAIN: Final = msgspec.json.Decoder(_Plain)

_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])


def message_from(body: bytes, request: ChatRequest) -> bytes:
    """The message that a chat completion is; tokens that nobody counted are estimated from the request.

    What the provider said in Anthropic's own form is the message, as it is.
    """
    if (plain := _plain(body)) is not None:
        return plain
    answer = read_completion(body)
    if isinstance(answer.native, Raw):
        return with_metadata(answer.native, answer.gateway_metadata)
    choice = answer.choices[0] if answer.choices else Choice()
    said = choice.message or Said()
    usage = read_usage(answer.usage)
    if usage is None:
        usage = ChatUsage(estimate_tokens(request), estimate_text_tokens(body.decode("utf-8", "replace")))
    message: Members = {
        "id": message_id(answer.id),
        "type": "message",
        "role": "assistant",
        "model": answer.model or "",
        "content": blocks_of(said),
        "stop_reason": stop_reason(choice, has_calls=bool(said.tool_calls)),
        "stop_sequence": choice.stop_sequence,
        "usage": usage_of(usage, answer.service_tier),
    }
    if isinstance(answer.gateway_metadata, Raw):
        message["gateway_metadata"] = answer.gateway_metadata
    return ENCODER.encode(message)


def _plain(body: bytes) -> bytes | None:
    """The message that says one text, as most do; None for all others."""
    try:
        answer = _PLAIN.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not answer.choices or answer.usage is None or answer.native is not UNSET:
        return None
    choice = answer.choices[0]
    text = _only_text(choice.message)
    if not text:
        return None
    message = _Message(
        message_id(answer.id),
        "message",
        "assistant",
        answer.model or "",
        [_Text(text)],
        stop_reason(choice, has_calls=False),
        choice.stop_sequence,
        usage_of(answer.usage, answer.service_tier),
        answer.gateway_metadata,
    )
    return ENCODER.encode(message)


def _only_text(said: Said | None) -> str:
    """The text of a message that says nothing else; empty for others."""
    if said is None or said.tool_calls or said.annotations or said.refusal:
        return ""
    if said.thinking_blocks or said.reasoning_items or said.reasoning_content or said.reasoning is not UNSET:
        return ""
    return said.content if isinstance(said.content, str) else ""


def with_metadata(native: Raw, metadata: RawMember) -> bytes:
    """A message or an event as the provider wrote it, and how the gateway got it."""
    members = _MEMBERS.decode(native)
    if isinstance(metadata, Raw):
        members["gateway_metadata"] = metadata
    return ENCODER.encode(members)


def blocks_of(said: Said) -> list[Any]:
    """What a message says, as blocks: thinking, text, calls of tools."""
    blocks: list[Any] = list(said.thinking_blocks or ())
    if said.reasoning_items:
        blocks.append({"type": "redacted_thinking", "data": pack(Carried(reasoning_items=said.reasoning_items))})
    if said.thought() and not said.thinking_blocks:
        blocks.insert(0, {"type": "thinking", "thinking": said.thought(), "signature": ""})
    text = text_of(said)
    if text:
        block: Members = {"type": "text", "text": text}
        if said.annotations:
            block["annotations"] = said.annotations
        blocks.append(block)
    return [*blocks, *(_tool_use(call, index) for index, call in enumerate(said.tool_calls or ()))]


def text_of(said: Said) -> str:
    """The text of a message, a refusal's included."""
    return said.text() + (said.refusal or "")


def _tool_use(call: Call, index: int) -> Members:
    block: Members = {"type": "tool_use", "id": call.id or f"toolu_{index}", "name": "", "input": {}}
    if call.function is not None:
        block |= {"name": call.function.name or "", "input": input_of(call.function.arguments or "")}
    elif call.custom is not None:
        block |= {"name": call.custom.name or "", "input": {"input": call.custom.input or ""}}
    if isinstance(call.extra_content, Raw):
        block["extra_content"] = call.extra_content
    return block
