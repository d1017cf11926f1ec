"""Prefills: which models take one, and how a request says so."""

import json
from dataclasses import replace

import pytest

from server.chat.deployment import Candidate, Deployment
from server.chat.model_facts import Knobs, ModelFacts
from server.chat.wire import WireRequest
from server.providers.prefill import Prefill
from server.providers.registry import PROVIDERS

BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"So"}]}'
DEPLOYMENT = Deployment("p", "ws", "any", "https://x.example/v1", "key")
KNOWN = ModelFacts()
FITS: list[tuple[str, Prefill, str, ModelFacts | None, bool]] = [
    ("a model of which nothing is known", Prefill(), "m", None, True),
    ("one where something must be known", Prefill(must_be_known=True), "m", None, False),
    ("a known model", Prefill(must_be_known=True), "m", KNOWN, True),
    ("a model that takes none", Prefill(), "m", ModelFacts(knobs=Knobs(prefill=False)), False),
    ("a model that reasons unasked", Prefill(), "m", ModelFacts(knobs=Knobs(thinks_unasked=True)), False),
    ("a model of another family", Prefill(models=("claude-3",)), "gpt-4o", KNOWN, False),
    ("a model of the family", Prefill(models=("claude-3",)), "anthropic/claude-3.5", None, True),
]


@pytest.mark.parametrize(
    ("prefill", "model", "facts", "fits"), [case[1:] for case in FITS], ids=[case[0] for case in FITS]
)
def test_which_models_take_one(prefill: Prefill, model: str, facts: ModelFacts | None, fits: bool) -> None:
    candidate = Candidate(DEPLOYMENT, model)
    assert prefill.fits(candidate if facts is None else replace(candidate, facts=facts)) is fits


def wire(url: str = "https://x.example/v1/chat/completions") -> WireRequest:
    return WireRequest("POST", url, {}, BODY, is_stream=True)


def test_a_mark_stands_in_the_last_message_alone() -> None:
    user, last = json.loads(Prefill("prefix").marked(wire()).body)["messages"]
    assert user == {"role": "user", "content": "hi"}
    assert last == {"role": "assistant", "content": "So", "prefix": True}


def test_members_stand_beside_the_messages() -> None:
    made = json.loads(Prefill(members=(("continue", True), ("begin", False))).marked(wire()).body)
    assert (made["continue"], made["begin"], made["messages"]) == (True, False, json.loads(BODY)["messages"])


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://x.example/v1/chat/completions", "https://x.example/beta/chat/completions"),
        ("https://x.example/chat/completions", "https://x.example/beta/chat/completions"),
        ("https://x.example/messages", "https://x.example/messages"),
    ],
    ids=["with a version", "without", "another method"],
)
def test_an_address_of_its_own(url: str, asked: str) -> None:
    assert Prefill(version_path="/beta").marked(wire(url)).url == asked


def test_where_nothing_is_to_be_said_the_request_is_the_same() -> None:
    asked = wire()
    assert Prefill().marked(asked) is asked


def test_openai_takes_none() -> None:
    takes = {name for name, row in PROVIDERS.items() if row.prefill is not None}
    assert {"anthropic", "bedrock", "deepseek", "mistral", "openrouter"} <= takes
    assert not takes & {"openai", "openai-responses", "openai-compatible", "google", "demo"}
