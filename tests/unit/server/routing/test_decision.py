"""The decision: who is asked, in which order, for each strategy."""

import random
from collections import Counter
from typing import Any

import pytest

from server.chat.deployment import Deployment
from server.chat.policy import Weights
from server.errors import ModelNotAllowed, ModelUnknown
from server.routing.ask import Ask
from server.routing.complexity import Complexity
from server.routing.decision import MAX_CHOSEN, MAX_CHOSEN_OF_ENTRY, Decision, decide
from server.routing.features import Needs
from server.routing.measured import Measured
from server.routing.plan import Filter
from tests.unit.server.routing.worlds import ask, entry, measured, random_entries, world

OPENAI = entry("o", "openai", 1)
GROQ = entry("g", "groq", 2)
DEMO = entry("d", "demo", 3)
OWN = entry("m", "own", 4, models=("meta-llama/Llama-3",))


def order(decision: Decision) -> list[str]:
    return [f"{item.deployment.provider_id}/{item.model}" for item in decision.candidates]


NAMED: list[tuple[str, str, list[Deployment], tuple[str, ...], list[str]]] = [
    ("a provider and model names the entry's model", "demo/echo", [OPENAI, DEMO], (), ["d/echo"]),
    ("a bare model goes to open entries", "gpt-9", [OPENAI, DEMO], (), ["o/gpt-9"]),
    ("a slash is part of the name where no entry has that provider", "meta-llama/Llama-3", [OWN], (),
     ["m/meta-llama/Llama-3"]),
    ("priority decides the order", "echo", [OPENAI, DEMO], (), ["o/echo", "d/echo"]),
    ("an entry that is known to serve the model is not shared with guesses", "fast", [OPENAI, GROQ], (), ["g/fast"]),
    ("an allow-list with the bare name opens the model", "demo/echo", [DEMO], ("echo",), ["d/echo"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "entries", "allowed", "expected"), [case[1:] for case in NAMED], ids=[case[0] for case in NAMED]
)
def test_a_named_model(model: str, entries: list[Deployment], allowed: tuple[str, ...], expected: list[str]) -> None:
    assert order(decide(ask(model, allowed_models=allowed), world(entries))) == expected


CHOSEN: list[tuple[str, Ask, list[str]]] = [
    ("a simple request gets the cheapest that is good enough", ask(), ["o/small", "o/plain", "o/middle"]),
    ("a complex one a better model, then one above, then the nearest below",
     ask(complexity=Complexity.COMPLEX), ["o/middle", "o/best", "o/plain"]),
    ("an expert's question the best", ask(complexity=Complexity.EXPERT), ["o/best", "o/middle", "o/plain"]),
    ("cheapest looks over the entries", ask(strategy="cheapest"), ["o/small", "g/fast", "o/plain"]),
    ("fastest goes by speed tiers while nothing is measured",
     ask(strategy="fastest", complexity=Complexity.MODERATE), ["g/fast", "g/big", "o/middle"]),
    ("best asks for the highest tier", ask(wants_best=True), ["o/best", "o/middle", "g/big"]),
    ("balanced weighs", ask(strategy="balanced", weights=Weights(0, 1, 0)), ["o/best", "o/middle", "g/big"]),
    ("tools rule out who calls none", ask(needs=Needs(tools=True)), ["o/small", "o/middle", "o/best"]),
    ("images rule out who sees none", ask(needs=Needs(images=True)), ["o/middle", "o/best"]),
    ("a long prompt rules out small windows", ask(prompt_tokens=9_000), ["o/plain", "o/middle", "o/best"]),
    ("a long answer too", ask(needs=Needs(output_tokens=2_000)), ["o/plain", "o/middle", "o/best"]),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "expected"), [case[1:] for case in CHOSEN], ids=[case[0] for case in CHOSEN])
def test_a_chosen_model(asked: Ask, expected: list[str]) -> None:
    assert order(decide(asked, world([OPENAI, GROQ])))[: len(expected)] == expected


SEEN: list[tuple[str, str, dict[str, Measured], str]] = [
    ("a slow one is passed by", "fastest", {"a": Measured(50, 50, 4_000, 0.0)}, "b"),
    ("a quick one is taken", "fastest", {"b": Measured(50, 50, 100, 0.0)}, "b"),
    ("one that fails is passed by", "reliable", {"a": Measured(20, 10, 100, 0.5)}, "b"),
    ("equals go by priority", "reliable", {}, "a"),
    ("the default does not look", "default", {"a": Measured(20, 10, 9_000, 0.5)}, "a"),
    ("an old measurement counts little", "fastest", {"a": Measured(0.00001, 0.00001, 9_000, 0.0)}, "a"),
]


@pytest.mark.parametrize(("strategy", "seen", "first"), [case[1:] for case in SEEN], ids=[case[0] for case in SEEN])
def test_measurements(strategy: Any, seen: dict[str, Measured], first: str) -> None:
    entries = [entry("a", "openai", 1), entry("b", "openai", 2)]
    found = decide(ask("best", strategy=strategy), world(entries, measured_of=measured(**seen)))
    assert found.candidates[0].deployment.provider_id == first


def test_of_each_entry_few_models_are_tried_and_few_in_all() -> None:
    entries = [entry(f"o{number}", "openai", number + 1) for number in range(4)]
    found = decide(ask(), world(entries))
    counted = Counter(item.deployment.provider_id for item in found.candidates)
    assert len(found.candidates) == MAX_CHOSEN
    assert max(counted.values()) == MAX_CHOSEN_OF_ENTRY
    assert {item.filter for item in found.rejected} == {Filter.SURPLUS, Filter.RETIRED}


def test_of_models_that_nobody_knows_an_entrys_first_is_taken() -> None:
    assert order(decide(ask(), world([DEMO, OWN]))) == ["d/echo", "m/meta-llama/Llama-3"]


def test_ties_share_by_weight() -> None:
    entries = [entry("a", "openai", weight=3), entry("b", "openai", weight=1)]
    draw = random.Random(7).random
    first = Counter(
        decide(ask("best"), world(entries, draw=draw)).candidates[0].deployment.provider_id for _ in range(4000)
    )
    assert 0.70 < first["a"] / 4000 < 0.80


def test_no_entry_at_all_says_how_to_add_one() -> None:
    for name in ("gpt-4o", ""):
        with pytest.raises(ModelUnknown, match="POST /api/keys/providers"):
            _ = decide(ask(name), world([])).candidates


def test_a_model_outside_the_allow_list_is_refused() -> None:
    with pytest.raises(ModelNotAllowed, match="demo/echo"):
        _ = decide(ask("demo/echo", allowed_models=("demo/slow",)), world([DEMO])).candidates


def test_each_candidate_is_kept_or_rejected_once() -> None:
    rng = random.Random(11)
    for _ in range(500):
        entries = random_entries(rng)
        asked = ask(rng.choice(["", "best", "fast", "demo/echo"]), complexity=rng.choice(list(Complexity)))
        found = decide(asked, world(entries), in_full=True)
        seen = [(item.candidate.deployment.provider_id, item.candidate.model) for item in found.ranked]
        seen += [(item.candidate.deployment.provider_id, item.candidate.model) for item in found.rejected]
        assert len(seen) == len(set(seen))
        assert bool(found.ranked) is (found.error is None)


def test_figures_are_made_only_where_they_are_needed() -> None:
    def refuse(provider: str, name: str) -> int | None:
        raise AssertionError("no price is needed")

    found = decide(ask("best"), world([OPENAI, entry("o2", "openai")], price_of=refuse))
    assert [item.figures for item in found.ranked] == [None, None]


BALANCED: list[tuple[str, Ask, list[Deployment], dict[str, float], str]] = [
    ("the less loaded of two equals is asked first", ask("best"), [entry("a", "openai"), entry("b", "openai")],
     {"a": 1.0}, "ba"),
    ("and stays first", ask("best"), [entry("a", "openai"), entry("b", "openai")], {"b": 1.0}, "ab"),
    ("priorities go first", ask("best"), [entry("a", "openai", 1), entry("b", "openai", 2)], {"a": 1.0}, "ab"),
    ("another weight is no equal", ask("best"), [entry("a", "openai", 1, 500), entry("b", "openai")], {"a": 1.0}, "ab"),
    ("equal prices are equal", ask("best", strategy="cheapest"), [entry("a", "openai"), entry("b", "openai")],
     {"a": 1.0}, "ba"),
    ("better ones are not", ask("small", strategy="fastest"),
     [entry("a", "openai"), entry("b", "own", models=("small",))], {"a": 1.0}, "ab"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "entries", "loads", "expected"), [case[1:] for case in BALANCED], ids=[case[0] for case in BALANCED]
)
def test_the_load_decides_between_equals(
    asked: Ask, entries: list[Deployment], loads: dict[str, float], expected: str
) -> None:
    made = decide(asked, world(entries, load_of=lambda entry_id, model, is_stream: loads.get(entry_id, 0.0)))
    assert "".join(item.deployment.provider_id for item in made.candidates) == expected


def test_all_models_of_an_entry_change_places_with_those_of_the_other() -> None:
    entries = [entry("a", "openai"), entry("b", "openai")]

    def drawn(**change: Any) -> list[str]:
        return order(decide(ask(), world(entries, draw=iter((0.9, 0.1)).__next__, **change)))

    at_rest, loaded = drawn(), drawn(load_of=lambda entry_id, *_: 1.0 if entry_id == "a" else 0.0)
    assert at_rest[0].startswith("a/")
    assert loaded == [{"a": "b", "b": "a"}[name[0]] + name[1:] for name in at_rest]


def test_the_shares_by_weight_stay_what_they_are_under_load() -> None:
    rng, first = random.Random(3), Counter[str]()
    entries = [entry("a", "openai", 1, 3), entry("b", "openai", 1, 1)]
    for _ in range(4_000):
        loads = {"a": rng.random(), "b": rng.random()}
        made = decide(ask("best"), world(entries, draw=rng.random, load_of=lambda name, *_, known=loads: known[name]))
        first[made.candidates[0].deployment.provider_id] += 1
    assert 0.72 < first["a"] / 4_000 < 0.78


def test_who_takes_no_more_calls_for_now_comes_last() -> None:
    entries = [entry("a", "openai", 1), entry("b", "openai", 2), entry("c", "openai", 3)]
    made = decide(ask("best"), world(entries, is_full=lambda entry_id, model: entry_id in "ac"))
    assert order(made) == ["b/best", "a/best", "c/best"]
