"""Requests for Anthropic, built for tests: what goes out, and what is noted."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anthropic.types.message_create_params import MessageCreateParamsNonStreaming

from server.catalogue.catalogue import Catalogue
from server.chat.deployment import Candidate, Deployment
from server.chat.model_facts import UNKNOWN_MODEL, ModelFacts
from server.chat.request import parse_chat_request
from server.providers.anthropic.dialect import AnthropicDialect
from tests.providers.judge import faults

CATALOGUE = Catalogue.load()
HELLO = [{"role": "user", "content": "Hello"}]
BUDGETS = "claude-sonnet-4-5"
"""A model that reasons by a budget, samples, and takes a prefill."""
ADAPTIVE = "claude-opus-4-6"
"""A model that reasons as it sees fit or by a budget, and samples."""
ALWAYS = "claude-opus-5-5"
"""A model that cannot be kept from reasoning, and takes neither samples nor a forced tool."""
UNKNOWN = "claude-0-nobody-knows"

# The SDK of this version has no names for them any more; the older version of the API, which is asked for, has.
_OLDER = ("temperature", "top_p", "top_k", "context_management", "mcp_servers")


@dataclass(frozen=True, slots=True)
class Built:
    """A request as it goes out."""

    body: dict[str, Any]
    notes: list[str]
    text: bytes

    def said(self, part: str) -> bool:
        """Whether a note contains a text."""
        return any(part in note for note in self.notes)


def facts_of(model: str) -> ModelFacts:
    """What the catalogue knows of a model of Anthropic's."""
    known = CATALOGUE.find("anthropic", model)
    return known.facts if known else UNKNOWN_MODEL


def build(
    members: Mapping[str, object] | None = None, *, model: str = BUDGETS, is_stream: bool = False, strict: bool = False
) -> Built:
    """Builds a request of the given members, which say hello if they say nothing, and holds it against the SDK."""
    request = parse_chat_request(json.dumps({"messages": HELLO, **(members or {})}).encode(), stream=is_stream)
    request.is_strict = strict
    deployment = Deployment("prov_1", "ws_1", "anthropic", "https://api.anthropic.com", "sk-ant-1")
    wire = AnthropicDialect().build(request, Candidate(deployment, model, facts_of(model)), is_stream=is_stream)
    body = json.loads(wire.body)
    if not is_stream:
        known = {name: value for name, value in body.items() if name not in _OLDER}
        assert faults(known, MessageCreateParamsNonStreaming) == []
    return Built(body, request.notes, wire.body)
