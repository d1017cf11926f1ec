"""Candidates: which deployments serve a model, in which order, and what is said when none does."""

from collections import Counter
from random import Random

import pytest

from server.chat.deployment import Deployment
from server.chat.principal import Plan, Principal
from server.errors import ModelNotAllowed, ModelUnknown
from server.routing.candidates import ProviderFacts, choose, closest_names, listed_models, ordered

FACTS = {
    "demo": ProviderFacts(("echo", "slow"), serves_only_defaults=True),
    "openai": ProviderFacts(("gpt-4o-mini", "gpt-4o")),
    "meta": ProviderFacts(),
}


def facts_of(provider: str) -> ProviderFacts:
    return FACTS[provider]


def entry(name: str, provider: str, priority: int = 1, weight: int = 1, models: tuple[str, ...] = ()) -> Deployment:
    return Deployment(name, "ws_1", provider, f"https://{name}.example", "sk", priority, weight, models)


def caller(*allowed: str) -> Principal:
    return Principal("usr_1", "ws_1", Plan.FREE, "key_1", None, allowed)


DEMO = entry("d", "demo", 2)
OPENAI = entry("o", "openai", 1)
META = entry("m", "meta", 3, models=("meta-llama/Llama-3", "llama-small"))

CHOICES = [
    ("a provider and model names the entry's model", "demo/echo", [DEMO, OPENAI], (), [("d", "echo")]),
    ("a bare model goes to open entries and to those that list it", "gpt-9", [DEMO, OPENAI], (), [("o", "gpt-9")]),
    ("a slash is part of the name where no entry has that provider", "meta-llama/Llama-3", [META], (),
     [("m", "meta-llama/Llama-3")]),
    ("priority decides the order", "echo", [DEMO, OPENAI], (), [("o", "echo"), ("d", "echo")]),
    ("no model leaves the choice to priority", None, [DEMO, OPENAI], (), [("o", "gpt-4o-mini"), ("d", "echo")]),
    ("auto is the same as no model", "auto", [DEMO], (), [("d", "echo")]),
    ("auto keeps to what the key may use", "auto", [OPENAI, DEMO], ("demo/slow",), [("d", "slow")]),
    ("an allow-list with the bare name opens the model", "demo/echo", [DEMO], ("echo",), [("d", "echo")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "entries", "allowed", "expected"), [case[1:] for case in CHOICES], ids=[case[0] for case in CHOICES]
)
def test_choose(
    model: str | None, entries: list[Deployment], allowed: tuple[str, ...], expected: list[tuple[str, str]]
) -> None:
    found = choose(model, entries, caller(*allowed), facts_of, lambda: 0.5)
    assert [(item.deployment.provider_id, item.model) for item in found] == expected


UNKNOWN = [
    ("a typo is answered with the closest names", "demo/ecko", [DEMO], "demo/echo"),
    ("a name without its provider finds the full one", "eccho", [DEMO], "demo/echo"),
    ("nothing near points to the list", "zzzz", [DEMO], "GET /v1/models"),
    ("no entry at all says how to add one", "gpt-4o", [], "POST /api/keys/providers"),
    ("auto without any entry says how to add one", "auto", [], "POST /api/keys/providers"),
]


@pytest.mark.parametrize(
    ("model", "entries", "hint"), [case[1:] for case in UNKNOWN], ids=[case[0] for case in UNKNOWN]
)
def test_unknown_models(model: str, entries: list[Deployment], hint: str) -> None:
    with pytest.raises(ModelUnknown) as caught:
        choose(model, entries, caller(), facts_of, lambda: 0.5)
    assert hint in caught.value.message
    assert caught.value.param == "model"


def test_a_model_outside_the_allow_list_is_refused() -> None:
    with pytest.raises(ModelNotAllowed) as caught:
        choose("demo/echo", [DEMO], caller("demo/slow"), facts_of, lambda: 0.5)
    assert "demo/echo" in caught.value.message


def test_ties_share_by_weight() -> None:
    entries = [entry("a", "openai", weight=3), entry("b", "openai", weight=1)]
    draw = Random(7).random
    first = Counter(choose("x", entries, caller(), facts_of, draw)[0].deployment.provider_id for _ in range(4000))
    assert 0.70 < first["a"] / 4000 < 0.80


def test_ordering_nothing_is_nothing() -> None:
    assert ordered([], lambda: 0.5) == []


def test_the_list_names_built_in_models_with_their_provider() -> None:
    names = [item.name for item in listed_models([DEMO, OPENAI, META], caller(), facts_of)]
    assert names == ["demo/echo", "demo/slow", "gpt-4o", "gpt-4o-mini", "llama-small", "meta-llama/Llama-3"]


def test_the_list_keeps_to_the_allow_list() -> None:
    assert [item.name for item in listed_models([DEMO, OPENAI], caller("gpt-4o"), facts_of)] == ["gpt-4o"]


def test_closest_names_are_at_most_three() -> None:
    assert len(closest_names("gpt-4", [f"gpt-4{c}" for c in "abcdef"])) == 3
