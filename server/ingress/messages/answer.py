"""A chat completion as a message in Anthropic's form.

What the answer says beyond that form (`annotations`, `gateway_metadata`, another vendor's signatures) is kept in
members of its own, which clients hand back with the block that they came with.
"""

from typing import Any, Final

import msgspec
from msgspec import Raw

from server.chat.estimate import estimate_text_tokens, estimate_tokens
from server.chat.request import ChatRequest
from server.ingress.carried import Carried, pack
from server.ingress.chat_answer import Call, ChatUsage, Choice, RawMember, Said, read_completion, read_usage
from server.ingress.messages.words import input_of, message_id, stop_reason, usage_of

Members = dict[str, Any]


ENCODER: Final = msgspec.json.Encoder()

_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])


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
