"""Requests for Bedrock, built for tests, and held against the vendor's own description of its API."""

import json
from typing import Any
from urllib.parse import urlsplit

import msgspec

from server.catalogue.catalogue import Catalogue
from server.chat.deployment import Candidate, Deployment
from server.chat.model_facts import UNKNOWN_MODEL
from server.chat.request import parse_chat_request
from server.providers.bedrock.dialect import BedrockDialect
from tests.unit.server.providers.bedrock.schema import faults, serialized, shape_of

Json = dict[str, Any]
HI: Json = {"role": "user", "content": "hi"}
SAID: Json = {"role": "user", "content": [{"text": "hi"}]}
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "us.amazon.nova-2-lite-v1:0"
OSS = "openai.gpt-oss-120b-1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
DIALECT = BedrockDialect()
CATALOGUE = Catalogue.load()
BASE_URL = "https://bedrock-runtime.us-east-1.amazonaws.com"


def built(model: str = CLAUDE, *, strict: bool = False, **members: Any) -> tuple[Json, list[str]]:
    """The body that goes out, and what is noted."""
    request = parse_chat_request(msgspec.json.encode({"messages": [HI], **members}), stream=False)
    request.is_strict = strict
    known = CATALOGUE.find("bedrock", model)
    deployment = Deployment("prov_1", "ws_1", "bedrock", BASE_URL, "ABSK")
    candidate = Candidate(deployment, model, known.facts if known else UNKNOWN_MODEL)
    wire = DIALECT.build(request, candidate, is_stream=False)
    body: Json = json.loads(wire.body)
    assert faults({"modelId": model, **body}, shape_of("Converse")) == ""
    assert serialized("Converse", model, body) == (urlsplit(wire.url).path, body)
    return body, request.notes
