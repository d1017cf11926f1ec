"""Builds requests and looks at what a dialect makes of them."""

from typing import Any

import msgspec

from server.chat.deployment import Candidate, Deployment
from server.chat.request import ChatRequest, parse_chat_request
from server.providers.dialect import Dialect

HI: dict[str, Any] = {"role": "user", "content": "hi"}
CALL: dict[str, Any] = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
MARK = {"type": "ephemeral"}


def candidate(model: str = "m") -> Candidate:
    return Candidate(Deployment("prov_1", "ws_1", "any", "https://a.example/v1", "sk-1"), model)


def asked(**members: Any) -> ChatRequest:
    return parse_chat_request(msgspec.json.encode({"messages": [HI], **members}))


def sent(dialect: Dialect, request: ChatRequest, model: str = "m") -> dict[str, Any]:
    """The body that goes upstream, without the model."""
    wire = dialect.build(request, candidate(model), is_stream=request.is_stream)
    body: dict[str, Any] = msgspec.json.decode(wire.body)
    assert body.pop("model") == model
    return body
