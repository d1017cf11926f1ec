"""The other members of a request: limits, samples, forms, and what Gemini has no place for."""

from typing import Any

import pytest

from server.errors import ParamUnsupported
from tests.unit.server.providers.google.asked import build

CONFIGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing": ({}, {}),
    "limits: the stricter": ({"max_tokens": 9, "max_completion_tokens": 8}, {"maxOutputTokens": 8}),
    "samples": (
        {"temperature": 1.5, "top_p": 0.9, "top_k": 40, "presence_penalty": 0.5, "frequency_penalty": -0.5},
        {"temperature": 1.5, "topP": 0.9, "topK": 40, "presencePenalty": 0.5, "frequencyPenalty": -0.5},
    ),
    "a stop": ({"stop": "END"}, {"stopSequences": ["END"]}),
    "stops": ({"stop": ["a", "", "b"]}, {"stopSequences": ["a", "b"]}),
    "several answers": ({"n": 3}, {"candidateCount": 3}),
    "one answer": ({"n": 1}, {}),
    "a seed": ({"seed": -5}, {"seed": -5}),
    "log-probabilities": ({"logprobs": True, "top_logprobs": 3}, {"responseLogprobs": True, "logprobs": 3}),
    "log-probabilities of what was chosen": ({"logprobs": True}, {"responseLogprobs": True}),
    "any JSON": ({"response_format": {"type": "json_object"}}, {"responseMimeType": "application/json"}),
    "a schema": (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}},
        {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}},
    ),
    "a text": ({"response_format": {"type": "text"}}, {}),
    "nulls": ({"temperature": None, "stop": None, "n": None, "seed": None, "logprobs": None}, {}),
}


@pytest.mark.parametrize(("members", "config"), CONFIGS.values(), ids=CONFIGS.keys())
def test_the_config(members: dict[str, Any], config: dict[str, Any]) -> None:
    built = build(members)
    assert built.config == config
    assert built.notes == []


@pytest.mark.parametrize(
    ("tier", "sent"),
    [("auto", None), ("default", "standard"), ("flex", "flex"), ("priority", "priority")],
)
def test_the_tier(tier: str, sent: str | None) -> None:
    assert build({"service_tier": tier}).body.get("serviceTier") == sent


def test_what_googles_own_openai_face_takes_is_taken() -> None:
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    google = {"cached_content": "cachedContents/1", "safety_settings": safety,
              "thinking_config": {"thinkingBudget": 7}}  # fmt: skip
    built = build({"extra_body": {"google": google}})
    assert built.body["cachedContent"] == "cachedContents/1"
    assert built.body["safetySettings"] == safety
    assert built.config["thinkingConfig"] == {"thinkingBudget": 7}
    assert build({"extra_body": {"other": 1}}).notes == []


LOST: dict[str, object] = {
    "extra_body": [1],
    "logit_bias": {"1": 2},
    "metadata": {"a": "b"},
    "modalities": ["text", "audio"],
    "n": 9,
    "seed": 2**40,
    "service_tier": "scale",
    "stop": ["a", "b", "c", "d", "e", "f"],
    "store": True,
    "user": "u",
    "verbosity": "low",
    "x_unknown": 1,
}


@pytest.mark.parametrize("name", LOST)
def test_what_it_has_no_place_for_is_noted_or_refused_when_strict(name: str) -> None:
    assert [note.split()[0] for note in build({name: LOST[name]}).notes] == [name]
    with pytest.raises(ParamUnsupported) as caught:
        build({name: LOST[name]}, strict=True)
    assert caught.value.param == name
