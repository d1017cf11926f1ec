"""A chat completion as a response: reasoning, what is said, calls of tools, in this order.

Reasoning that its vendor signed is carried in `encrypted_content`, so that clients hand it back and nothing is kept
here. What a call has beyond OpenAI's form stays with it.
"""

from typing import Any, Final

import msgspec
from msgspec import Raw

from server.chat.estimate import estimate_text_tokens, estimate_tokens
from server.chat.request import ChatRequest
from server.ingress.carried import Carried, pack
from server.ingress.chat_answer import Call, ChatUsage, Choice, RawMember, Said, read_completion, read_usage
from server.ingress.responses.frame import Frame
from server.ingress.responses.words import annotation_of, incomplete_reason, usage_of

Members = dict[str, Any]

ENCODER: Final = msgspec.json.Encoder()
_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])


def response_from(body: bytes, request: ChatRequest, frame: Frame) -> bytes:
    """The response that a chat completion is; tokens that nobody counted are estimated from the request.

    What the provider said in the form of the Responses API is the response, as it is.
    """
    answer = read_completion(body)
    if isinstance(answer.native, Raw):
        return with_metadata(frame.own(answer.native), answer.gateway_metadata)
    choice = answer.choices[0] if answer.choices else Choice()
    usage = read_usage(answer.usage)
    if usage is None:
        usage = ChatUsage(estimate_tokens(request), estimate_text_tokens(body.decode("utf-8", "replace")))
    frame.created_at, frame.model = answer.created, answer.model or ""
    reason = incomplete_reason(choice)
    members: Members = {"usage": usage_of(usage)}
    if reason is not None:
        members["incomplete_details"] = {"reason": reason}
    if answer.service_tier is not None:
        members["service_tier"] = answer.service_tier
    if isinstance(answer.gateway_metadata, Raw):
        members["gateway_metadata"] = answer.gateway_metadata
    status = "completed" if reason is None else "incomplete"
    return ENCODER.encode(frame.snapshot(status, _output(choice, frame, status), **members))


def with_metadata(native: Raw, metadata: RawMember) -> bytes:
    """A response as the provider wrote it, and how the gateway got it."""
    members = _MEMBERS.decode(native)
    if isinstance(metadata, Raw):
        members["gateway_metadata"] = metadata
    return ENCODER.encode(members)


def not_kept(answer: bytes, why: str) -> bytes:
    """A response, or the event that ends it, which should have been kept and is not: it says so in a note."""
    members: Members = {**_MEMBERS.decode(answer)}
    if isinstance(members.get("response"), Raw):
        members["response"] = Raw(not_kept(bytes(members["response"]), why))
        return ENCODER.encode(members)
    metadata = msgspec.json.decode(members["gateway_metadata"]) if "gateway_metadata" in members else {}
    metadata["notes"] = [*metadata.get("notes", ()), f"The response is not kept: {why}."]
    return ENCODER.encode({**members, "store": False, "gateway_metadata": metadata})


def _output(choice: Choice, frame: Frame, status: str) -> list[Members]:
    said = choice.message or Said()
    output: list[Members] = []
    carried = Carried(said.thinking_blocks or [], said.reasoning_items or [])
    if said.thought() or carried != Carried():
        output.append(reasoning_item(frame.item_id("rs", 0), said.thought(), carried))
    parts = _parts(choice, said)
    if parts:
        output.append(message_item(frame.item_id("msg", len(output)), parts, status))
    for call in said.tool_calls or ():
        output.append(_call(call, frame, len(output)))
    return output


def _parts(choice: Choice, said: Said) -> list[Members]:
    parts: list[Members] = []
    if text := said.text():
        logprobs = choice.logprobs.content if choice.logprobs is not None else None
        parts.append(text_part(text, [annotation_of(raw) for raw in said.annotations or ()], logprobs or []))
    if said.refusal:
        parts.append({"type": "refusal", "refusal": said.refusal})
    return parts


def reasoning_item(item_id: str, text: str, carried: Carried) -> Members:
    """An item of reasoning."""
    summary = [{"type": "summary_text", "text": text}] if text else []
    item: Members = {"type": "reasoning", "id": item_id, "summary": summary}
    if carried != Carried():
        item["encrypted_content"] = pack(carried)
    return item


def message_item(item_id: str, parts: list[Members], status: str) -> Members:
    """An item of what is said."""
    return {"type": "message", "id": item_id, "status": status, "role": "assistant", "content": parts}


def text_part(text: str, annotations: list[Any], logprobs: list[Raw]) -> Members:
    """A text with what it cites."""
    part: Members = {"type": "output_text", "text": text, "annotations": annotations}
    if logprobs:
        part["logprobs"] = [_logprob(raw) for raw in logprobs]
    return part


def _logprob(raw: Raw) -> Members:
    """A log-probability with every member that the Responses API has; bytes that are not known are none."""
    token: Members = msgspec.json.decode(raw)
    return {
        **{name: token.get(name) for name in ("token", "logprob")},
        "bytes": token.get("bytes") or [],
        "top_logprobs": [{**top, "bytes": top.get("bytes") or []} for top in token.get("top_logprobs") or ()],
    }


def call_item(item_id: str, call: Members, arguments: str, status: str) -> Members:
    """An item of a call. `call` has its `call_id`, `name`, whether it `is_custom`, and its `extra`."""
    if call["is_custom"]:
        item: Members = {"type": "custom_tool_call", "id": item_id, "input": arguments}
    else:
        item = {"type": "function_call", "id": item_id, "status": status, "arguments": arguments}
    item |= {"call_id": call["call_id"], "name": call["name"]}
    if isinstance(call["extra"], Raw):
        item["extra_content"] = call["extra"]
    return item


def _call(call: Call, frame: Frame, place: int) -> Members:
    said = call.function or call.custom
    is_custom = call.function is None and call.custom is not None
    known = {
        "call_id": call.id or frame.item_id("call", place),
        "name": (said.name or "") if said else "",
        "is_custom": is_custom,
        "extra": call.extra_content,
    }
    arguments = ((said.input if is_custom else said.arguments) or "") if said else ""
    return call_item(frame.item_id("ctc" if is_custom else "fc", place), known, arguments, "completed")
