"""Requests for the Responses API, built for tests, and held against the SDK's types."""

from typing import Any

import msgspec
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming

from server.chat.deployment import Candidate, Deployment
from server.chat.request import parse_chat_request
from server.providers.responses import ResponsesDialect
from tests.providers.judge import faults

HI: dict[str, Any] = {"role": "user", "content": "hi"}
DIALECT = ResponsesDialect(plain_models=("gpt-4",), effort_off=(("gpt-5.", "none"), ("gpt-5", "minimal")))


def built(model: str = "gpt-5.4", *, strict: bool = False, **members: Any) -> tuple[dict[str, Any], list[str]]:
    """The body that goes out, and what is noted."""
    request = parse_chat_request(msgspec.json.encode({"messages": [HI], **members}), stream=False)
    request.is_strict = strict
    deployment = Deployment("prov_1", "ws_1", "any", "https://a.example/v1", "sk-1")
    wire = DIALECT.build(request, Candidate(deployment, model), is_stream=False)
    body: dict[str, Any] = msgspec.json.decode(wire.body)
    assert faults(body, ResponseCreateParamsNonStreaming) == []
    return body, request.notes
