"""The hard filters: each of them takes away whom it should, and says why."""

import pytest

from server.routing.ask import Ask
from server.routing.features import Needs
from server.routing.filters import sift
from server.routing.plan import Resting
from server.routing.world import World
from tests.unit.server.routing.worlds import ask, entry, world

OPENAI = entry("o", "openai")
GROQ = entry("g", "groq", 2)
RESTING = world([OPENAI], rests_for=lambda candidate: Resting(2.5, 2.5, "its calls failed"))

CASES: list[tuple[str, Ask, World, str, str]] = [
    ("a key that may not", ask("best", allowed_models=("x",)), world([OPENAI]), "key", "allow-list"),
    ("an entry with a list without it", ask("best"), world([entry("o", "openai", models=("small",))]), "entry",
     "does not serve"),
    ("another provider is named", ask("groq/fast"), world([OPENAI, GROQ]), "provider", "another provider"),
    ("a guess where another knows", ask("fast"), world([OPENAI, GROQ]), "catalogue", "another entry's"),
    ("a prompt that is certainly too long", ask("small", prompt_tokens=20_000), world([OPENAI]), "context", "8000"),
    ("images for a model that sees none", ask("small", needs=Needs(images=True)), world([OPENAI]), "vision", "images"),
    ("tools for a model that calls none", ask("plain", needs=Needs(tools=True)), world([OPENAI]), "tools", "tools"),
    ("a model that rests", ask("best"), RESTING, "health", "2.5 s because its calls failed"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "state", "name", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_filter(asked: Ask, state: World, name: str, words: str) -> None:
    _, rejected = sift(asked, state)
    assert [item.filter.value for item in rejected] == [name]
    assert words in rejected[0].reason


def test_where_all_rest_the_first_to_be_back_is_asked_if_it_may_be() -> None:
    rests = {"a": Resting(1.0, 0.5, "x"), "b": Resting(9.0, 0.0, "x"), "c": Resting(4.0, 0.0, "x")}
    entries = [entry(name, "openai") for name in rests]
    state = world(entries, rests_for=lambda candidate: rests[candidate.deployment.provider_id])
    options, rejected = sift(ask("best"), state)
    assert [option.candidate.deployment.provider_id for option in options] == ["c"]
    assert [item.candidate.deployment.provider_id for item in rejected] == ["a", "b"]
    well = world(
        [*entries, entry("d", "openai")], rests_for=lambda candidate: rests.get(candidate.deployment.provider_id)
    )
    options, _ = sift(ask("best"), well)
    assert [option.candidate.deployment.provider_id for option in options] == ["d"]


def test_a_named_model_gets_the_benefit_of_the_doubt_about_its_length() -> None:
    assert len(sift(ask("small", prompt_tokens=9_000), world([OPENAI]))[0]) == 1
    assert "small" not in {item.candidate.model for item in sift(ask(prompt_tokens=9_000), world([OPENAI]))[0]}


def test_a_retired_model_is_not_chosen_but_can_be_named() -> None:
    assert len(sift(ask("gone"), world([OPENAI]))[0]) == 1
    assert "gone" not in {item.candidate.model for item in sift(ask(), world([OPENAI]))[0]}


def test_sound_is_asked_of_models_that_hear_only_when_the_gateway_chooses() -> None:
    needs = Needs(audio=True)
    assert len(sift(ask("best", needs=needs), world([OPENAI]))[0]) == 1
    assert sift(ask(needs=needs), world([OPENAI]))[0] == []


def test_nothing_is_held_against_a_model_that_nobody_knows() -> None:
    needs = Needs(images=True, audio=True, tools=True, output_tokens=10**6)
    options, rejected = sift(ask("x-1", prompt_tokens=10**7, needs=needs), world([entry("m", "own")]))
    assert (len(options), rejected) == (1, [])


def test_a_candidate_carries_what_is_known_of_its_model() -> None:
    (option,), _ = sift(ask("small"), world([OPENAI]))
    assert option.facts is not None
    assert option.candidate.facts is option.facts.facts
    (option,), _ = sift(ask("x-1"), world([entry("m", "own")]))
    assert not option.candidate.facts.is_known
