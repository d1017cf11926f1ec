"""A chat completion as a message in Anthropic's form.

What the answer says beyond that form (`annotations`, `gateway_metadata`, another vendor's signatures) is kept in
members of its own, which clients hand back with the block that they came with.
"""

from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, Struct

from server.chat.estimate import estimate_text_tokens, estimate_tokens
from server.chat.request import ChatRequest
from server.errors import UpstreamBadResponse
from server.ingress.messages.content import carrying
from server.ingress.messages.view import RawMember
from server.ingress.messages.words import (
    ChatUsage,
    End,
    input_of,
    message_id,
    read_usage,
    stop_reason,
    usage_of,
)

Members = dict[str, Any]


class CalledFunction(Struct, gc=False):
    """A function and its arguments, or a piece of them."""

    name: str | None = None
    arguments: str | None = None
    input: str | None = None


class Call(Struct, gc=False):
    """A call of a tool, or a piece of it."""

    index: int | None = None
    id: str | None = None
    function: CalledFunction | None = None
    custom: CalledFunction | None = None
    extra_content: RawMember = UNSET


class Said(Struct, gc=False):
    """A message of an answer, or a piece of it."""

    content: str | list[Raw] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: RawMember = UNSET
    thinking_blocks: list[Raw] | None = None
    reasoning_items: list[Raw] | None = None
    tool_calls: list[Call] | None = None
    annotations: list[Raw] | None = None

    def thought(self) -> str:
        """The text of the reasoning, by whichever of its names."""
        if self.reasoning_content:
            return self.reasoning_content
        reasoning = msgspec.json.decode(self.reasoning) if isinstance(self.reasoning, Raw) else None
        return reasoning if isinstance(reasoning, str) else ""


class Choice(End, gc=False):
    """One answer, or a piece of it."""

    message: Said | None = None
    delta: Said | None = None


class Completion(Struct, gc=False):
    """A chat completion, or a chunk of one."""

    id: str | None = None
    model: str | None = None
    choices: list[Choice] = []
    usage: RawMember = UNSET
    service_tier: str | None = None
    gateway_metadata: RawMember = UNSET
    native: RawMember = UNSET


ENCODER: Final = msgspec.json.Encoder()

_COMPLETION: Final = msgspec.json.Decoder(Completion)
_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])


def read_completion(data: bytes) -> Completion:
    """Reads a chat completion or a chunk. Raises UpstreamBadResponse when it has not that shape."""
    try:
        return _COMPLETION.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise UpstreamBadResponse(f"The provider's answer is not a chat completion: {exc}.") from None


def message_from(body: bytes, request: ChatRequest) -> bytes:
    """The message that a chat completion is; tokens that nobody counted are estimated from the request.

    What the provider said in Anthropic's own form is the message, as it is.
    """
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
        blocks.append({"type": "redacted_thinking", "data": carrying(said.reasoning_items)})
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
    if isinstance(said.content, list):
        parts = (msgspec.json.decode(part) for part in said.content)
        objects = [part for part in parts if isinstance(part, dict)]
        content = "".join(str(part.get("text") or part.get("refusal") or "") for part in objects)
    else:
        content = said.content or ""
    return content + (said.refusal or "")


def _tool_use(call: Call, index: int) -> Members:
    block: Members = {"type": "tool_use", "id": call.id or f"toolu_{index}", "name": "", "input": {}}
    if call.function is not None:
        block |= {"name": call.function.name or "", "input": input_of(call.function.arguments or "")}
    elif call.custom is not None:
        block |= {"name": call.custom.name or "", "input": {"input": call.custom.input or ""}}
    if isinstance(call.extra_content, Raw):
        block["extra_content"] = call.extra_content
    return block
