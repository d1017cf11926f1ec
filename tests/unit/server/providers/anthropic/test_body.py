"""The other members of a request: limits, samples, ends, and what Anthropic has no place for."""

from typing import Any

import pytest

from server.errors import ParamUnsupported
from tests.unit.server.providers.anthropic.asked import ALWAYS, BUDGETS, UNKNOWN, build

LIMITS: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "none: all that the model writes": (BUDGETS, {}, 64000, "max_tokens is 64000"),
    "none, of a newer model": (ALWAYS, {}, 128000, "max_tokens is 128000"),
    "none, of a model that nobody knows": (UNKNOWN, {}, 8192, "max_tokens is 8192"),
    "more than the model writes": (BUDGETS, {"max_tokens": 99999}, 64000, "max_tokens is 64000 instead of 99999"),
    "more than nobody knows": (UNKNOWN, {"max_tokens": 99999}, 99999, ""),
    "one of them": (BUDGETS, {"max_tokens": 7}, 7, ""),
    "the other": (BUDGETS, {"max_completion_tokens": 8}, 8, ""),
    "both: the stricter": (BUDGETS, {"max_tokens": 9, "max_completion_tokens": 8}, 8, ""),
}


@pytest.mark.parametrize(("model", "members", "tokens", "note"), LIMITS.values(), ids=LIMITS.keys())
def test_the_longest_answer(model: str, members: dict[str, Any], tokens: int, note: str) -> None:
    built = build(members, model=model)
    assert built.body["max_tokens"] == tokens
    assert built.said(note) if note else built.notes == []


def test_the_longest_answer_leaves_room_for_the_prompt() -> None:
    words = "word " * 150_000
    built = build({"messages": [{"role": "user", "content": words}]})
    assert built.body["max_tokens"] < 200_000 - 149_000


SAMPLES: dict[str, tuple[str, dict[str, Any], dict[str, Any], str]] = {
    "within the bounds": (BUDGETS, {"temperature": 0.5}, {"temperature": 0.5}, ""),
    "above them": (BUDGETS, {"temperature": 1.7}, {"temperature": 1}, "temperature is 1 instead of 1.7"),
    "the usual": (BUDGETS, {"temperature": 1, "top_p": 1}, {}, ""),
    "the usual, where none is taken": (ALWAYS, {"temperature": 1.0, "top_p": 1.0}, {}, ""),
    "both": (BUDGETS, {"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5}, "not both"),
    "the other alone": (BUDGETS, {"top_p": 0.9}, {"top_p": 0.9}, ""),
    "among the likeliest": (BUDGETS, {"top_k": 40}, {"top_k": 40}, ""),
    "a model that takes none": (ALWAYS, {"temperature": 0.5}, {}, "temperature is not sent"),
    "a model that takes none of the others": (ALWAYS, {"top_k": 40}, {}, "top_k is not sent"),
    "a model that reasons": (BUDGETS, {"temperature": 0.5, "reasoning_effort": "low"}, {}, "temperature is not sent"),
    "a model that reasons, nearly all": (BUDGETS, {"top_p": 0.96, "reasoning_effort": "low"}, {"top_p": 0.96}, ""),
    "a model that reasons, some": (BUDGETS, {"top_p": 0.5, "reasoning_effort": "low"}, {}, "top_p is not sent"),
}


@pytest.mark.parametrize(("model", "members", "sent", "note"), SAMPLES.values(), ids=SAMPLES.keys())
def test_sampling(model: str, members: dict[str, Any], sent: dict[str, Any], note: str) -> None:
    built = build({"max_tokens": 9000, **members}, model=model)
    assert {name: built.body[name] for name in ("temperature", "top_p", "top_k") if name in built.body} == sent
    assert built.said(note) if note else built.notes == []


STOPS: dict[str, tuple[object, object, bool]] = {
    "a text": ("END", ["END"], False),
    "texts": (["a", "b"], ["a", "b"], False),
    "null": (None, None, False),
    "spaces": (["\n", "b"], ["b"], True),
    "only spaces": ("  ", None, True),
}


@pytest.mark.parametrize(("given", "sent", "is_noted"), STOPS.values(), ids=STOPS.keys())
def test_stops(given: object, sent: object, is_noted: bool) -> None:
    built = build({"stop": given, "max_tokens": 9})
    assert built.body.get("stop_sequences") == sent
    assert built.said("stop is sent without") is is_noted


OTHERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "whom it is for": ({"user": "u"}, {"metadata": {"user_id": "u"}}),
    "whom it is for, by the newer name": ({"user": "u", "safety_identifier": "s"}, {"metadata": {"user_id": "s"}}),
    "whom it is for, as Anthropic writes it": ({"metadata": {"user_id": "m"}}, {"metadata": {"user_id": "m"}}),
    "any tier": ({"service_tier": "auto"}, {"service_tier": "auto"}),
    "the usual tier": ({"service_tier": "default"}, {"service_tier": "standard_only"}),
    "the faster tier": ({"service_tier": "priority"}, {"service_tier": "auto"}),
    "the mark of the whole": ({"cache_control": {"type": "ephemeral"}}, {"cache_control": {"type": "ephemeral"}}),
    "a container": ({"container": "c_1"}, {"container": "c_1"}),
    "its own output": ({"output_config": {"effort": "low"}}, {"output_config": {"effort": "low"}}),
    "what changes nothing": (
        {"n": 1, "logprobs": False, "presence_penalty": 0, "frequency_penalty": 0.0, "store": False, "seed": None,
         "stream_options": None, "modalities": ["text"], "metadata": {}, "logit_bias": {}, "verbosity": "medium"},
        {},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("members", "sent"), OTHERS.values(), ids=OTHERS.keys())
def test_other_members(members: dict[str, Any], sent: dict[str, Any]) -> None:
    built = build({"max_tokens": 9, **members})
    assert {
        name: value for name, value in built.body.items() if name not in ("model", "max_tokens", "messages")
    } == sent
    assert built.notes == []


LOST: dict[str, object] = {
    "audio": {"format": "wav", "voice": "x"},
    "frequency_penalty": 0.5,
    "logit_bias": {"1": 2},
    "logprobs": True,
    "metadata": {"team": "x"},
    "modalities": ["text", "audio"],
    "n": 3,
    "prediction": {"type": "content", "content": "x"},
    "presence_penalty": -1,
    "prompt_cache_key": "k",
    "seed": 0,
    "service_tier": "flex",
    "store": True,
    "top_logprobs": 2,
    "verbosity": "low",
    "web_search_options": {"search_context_size": "low"},
    "x_unknown": {"a": 1},
}


@pytest.mark.parametrize("name", LOST)
def test_a_member_that_it_has_no_place_for_is_noted_or_refused_when_strict(name: str) -> None:
    built = build({"max_tokens": 9, name: LOST[name]})
    assert set(built.body) == {"model", "max_tokens", "messages"}
    assert [note.split()[0] for note in built.notes] == [name]
    with pytest.raises(ParamUnsupported) as caught:
        build({"max_tokens": 9, name: LOST[name]}, strict=True)
    assert caught.value.param == name


def test_a_strict_request_that_loses_nothing_is_built() -> None:
    assert build({"temperature": 0.5, "user": "u"}, strict=True).body["temperature"] == 0.5


def test_a_stream_asks_for_one() -> None:
    assert build(is_stream=True).body["stream"] is True
    assert "stream" not in build().body
