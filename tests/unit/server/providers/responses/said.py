"""Answers of the Responses API for tests, each held against the SDK's own models."""

import json
from dataclasses import dataclass
from typing import Any

from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
Json = dict[str, Any]
USAGE: Json = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
    "output_tokens": 6,
    "output_tokens_details": {"reasoning_tokens": 5},
    "total_tokens": 16,
}


@dataclass(frozen=True, slots=True)
class Sent:
    """A server-sent event."""

    data: bytes
    event: str = "message"


def response(*output: Json, status: str = "completed", **more: Any) -> Json:
    made = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": status,
        "model": "gpt-x",
        "output": list(output),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": USAGE,
        **more,
    }
    Response.model_validate(made)
    return made


def event(kind: str, **members: Any) -> Sent:
    body = {"type": kind, "sequence_number": 0, **members}
    _EVENT.validate_python(body)
    return Sent(json.dumps(body).encode(), kind)


def created() -> Sent:
    return event("response.created", response=response(status="in_progress", usage=None))


def delta(kind: str, text: str, index: int = 0, **more: Any) -> Sent:
    return event(f"response.{kind}.delta", item_id="i", output_index=index, delta=text, **more)


def text_delta(text: str, index: int = 0) -> Sent:
    return delta("output_text", text, index, content_index=0, logprobs=[])


def message(*content: Json) -> Json:
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": list(content)}


def spoken(text: str, *annotations: Json) -> Json:
    return {"type": "output_text", "text": text, "annotations": list(annotations)}


def reasoning(*summary: str, **more: Any) -> Json:
    parts = [{"type": "summary_text", "text": part} for part in summary]
    return {"id": "rs_1", "type": "reasoning", "summary": parts, "encrypted_content": "gA+/==", **more}


def call(name: str = "f", arguments: str = "{}", call_id: str = "c1") -> Json:
    return {"id": "fc_1", "type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}


def custom(text: str = "x") -> Json:
    return {"id": "ct_1", "type": "custom_tool_call", "call_id": "c2", "name": "g", "input": text}
