"""Requests for Gemini, built for tests and held against the SDK: what goes out, and what is noted."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.genai import types

from server.catalogue.catalogue import Catalogue
from server.chat.deployment import Candidate, Deployment
from server.chat.model_facts import UNKNOWN_MODEL
from server.chat.request import parse_chat_request
from server.providers.google.dialect import GoogleDialect

CATALOGUE = Catalogue.load()
HELLO = [{"role": "user", "content": "Hello"}]
LEVELS = "gemini-3.5-flash"
"""A model that reasons by levels, and whose calls are signed."""
BUDGETS = "gemini-2.5-flash"
"""A model that reasons by a budget, and may be told not to."""
ALWAYS = "gemini-2.5-pro"
"""A model that reasons by a budget, and always."""
UNKNOWN = "gemini-0-nobody-knows"


@dataclass(frozen=True, slots=True)
class Built:
    """A request as it goes out."""

    body: dict[str, Any]
    notes: list[str]
    text: bytes

    @property
    def config(self) -> dict[str, Any]:
        """The member `generationConfig`, empty if it is absent."""
        found: dict[str, Any] = self.body.get("generationConfig", {})
        return found

    def said(self, part: str) -> bool:
        """Whether a note contains a text."""
        return any(part in note for note in self.notes)


def judge(body: Mapping[str, Any]) -> None:
    """Holds a request against the SDK's models, which know no other members."""
    checks: dict[str, Any] = {
        "systemInstruction": types.Content.model_validate,
        "contents": lambda value: [types.Content.model_validate(content) for content in value],
        "tools": lambda value: [types.Tool.model_validate(tool) for tool in value],
        "toolConfig": types.ToolConfig.model_validate,
        "generationConfig": types.GenerationConfig.model_validate,
        "safetySettings": lambda value: [types.SafetySetting.model_validate(setting) for setting in value],
        "cachedContent": str,
        "serviceTier": types.ServiceTier,
    }
    for name, value in body.items():
        checks[name](value)


def build(members: Mapping[str, object] | None = None, *, model: str = BUDGETS, strict: bool = False) -> Built:
    """Builds a request of the given members, which say hello if they say nothing."""
    request = parse_chat_request(json.dumps({"messages": HELLO, **(members or {})}).encode())
    request.is_strict = strict
    known = CATALOGUE.find("google", model)
    deployment = Deployment("prov_1", "ws_1", "google", "https://generativelanguage.googleapis.com/v1beta", "AIza1")
    candidate = Candidate(deployment, model, known.facts if known else UNKNOWN_MODEL)
    wire = GoogleDialect().build(request, candidate, is_stream=False)
    body = json.loads(wire.body)
    judge(body)
    return Built(body, request.notes, wire.body)
