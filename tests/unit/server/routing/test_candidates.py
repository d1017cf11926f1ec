"""Candidates: which models entries serve, by which names, and what is said of a name that none has."""

import pytest

from server.chat.deployment import Deployment
from server.chat.principal import Plan, Principal
from server.routing.candidates import (
    ProviderFacts,
    closest_names,
    is_allowed,
    listed_models,
    models_of,
    serves,
    unknown_model,
)

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


def test_unknown_models_without_any_name() -> None:
    assert "POST /api/keys/providers" in unknown_model("gpt-4o", []).message
    assert "GET /v1/models" in unknown_model("zzzz", ["demo/echo"]).message
    assert "`demo/echo`" in unknown_model("demo/ecko", ["demo/echo"]).message


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        pytest.param((), True, id="an empty list has all"),
        pytest.param(("gpt-4o",), True, id="a bare name opens every provider's"),
        pytest.param(("openai/gpt-4o",), True, id="a name with its provider opens that provider's"),
        pytest.param(("groq/gpt-4o",), False, id="another provider's does not count"),
    ],
)
def test_allow_lists(allowed: tuple[str, ...], expected: bool) -> None:
    assert is_allowed(allowed, "openai", "gpt-4o") is expected


def test_entries_without_a_list_can_be_asked_for_any_model() -> None:
    assert serves(OPENAI, "gpt-9", FACTS["openai"])
    assert not serves(META, "gpt-9", FACTS["meta"])
    assert not serves(DEMO, "gpt-9", FACTS["demo"])
    assert models_of(META, FACTS["meta"]) == ("meta-llama/Llama-3", "llama-small")
    assert models_of(OPENAI, FACTS["openai"]) == ("gpt-4o-mini", "gpt-4o")


def test_the_list_names_built_in_models_with_their_provider() -> None:
    names = [item.name for item in listed_models([DEMO, OPENAI, META], caller(), facts_of)]
    assert names == ["demo/echo", "demo/slow", "gpt-4o", "gpt-4o-mini", "llama-small", "meta-llama/Llama-3"]


def test_the_list_keeps_to_the_allow_list() -> None:
    assert [item.name for item in listed_models([DEMO, OPENAI], caller("gpt-4o"), facts_of)] == ["gpt-4o"]


def test_closest_names_are_at_most_three() -> None:
    assert len(closest_names("gpt-4", [f"gpt-4{c}" for c in "abcdef"])) == 3
