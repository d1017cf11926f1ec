"""Requests for Cohere, built for tests and held against the SDK: what goes out, and what is noted."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from server.catalogue.catalogue import Catalogue
from server.chat.deployment import Candidate, Deployment
from server.chat.model_facts import UNKNOWN_MODEL
from server.chat.request import parse_chat_request
from server.providers.cohere.dialect import CohereDialect
from tests.matrix.wires.cohere import judged

CATALOGUE = Catalogue.load()
DEPLOYMENT = Deployment("prov_1", "ws_1", "cohere", "https://api.cohere.com", "co-1")
HELLO = [{"role": "user", "content": "Hello"}]
REASONS = "command-a-reasoning-08-2025"
"""A model that the catalogue does not know, and which so may reason."""
PLAIN = "command-a-03-2025"


@dataclass(frozen=True, slots=True)
class Built:
    """A request as it goes out."""

    body: dict[str, Any]
    notes: list[str]

    def said(self, part: str) -> bool:
        """Whether a note contains a text."""
        return any(part in note for note in self.notes)


def build(members: Mapping[str, object] | None = None, *, model: str = PLAIN, strict: bool = False) -> Built:
    """Builds a request of the given members, which say hello if they say nothing."""
    request = parse_chat_request(json.dumps({"messages": HELLO, **(members or {})}).encode())
    request.is_strict = strict
    known = CATALOGUE.find("cohere", model)
    candidate = Candidate(DEPLOYMENT, model, known.facts if known else UNKNOWN_MODEL)
    body = json.loads(CohereDialect().build(request, candidate, is_stream=False).body)
    assert judged(body) == []
    return Built(body, request.notes)
