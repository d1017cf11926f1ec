"""Plans: what is decided over one that was kept is what is decided without."""

import random

import pytest

from server.routing.decision import decide
from server.routing.features import Needs
from server.routing.filters import plan_of
from server.routing.plan import Filter, Plans, Resting
from tests.unit.server.routing.worlds import ask, entry, random_entries, world

OPENAI = entry("o", "openai")
GROQ = entry("g", "groq")


def test_a_plan_is_kept_by_model_allow_list_and_form() -> None:
    plans: Plans = {}
    around = world([OPENAI, GROQ], plans=plans)
    for asked in (ask("best"), ask(), ask("best", allowed_models=("x",)), ask("best", needs=Needs(form="responses"))):
        assert plan_of(asked, around) is plan_of(asked, around)
    assert len(plans) == 4


def test_who_is_alone() -> None:
    around = world([OPENAI, GROQ])
    only = plan_of(ask("groq/fast"), around).alone
    assert only is not None
    assert only.candidate.deployment is GROQ
    assert plan_of(ask("groq/fast", allowed_models=("x",)), around).alone is None
    assert plan_of(ask(), around).alone is None


def test_names_that_callers_make_up_do_not_fill_the_memory() -> None:
    plans: Plans = {}
    around = world([OPENAI], plans=plans)
    for number in range(1_000):
        plan_of(ask(f"made-up-{number}"), around)
    plan_of(ask("x" * 10_000), around)
    assert len(plans) <= 256
    assert all(len(model) <= 200 for model, _, _ in plans)


@pytest.mark.parametrize("seed", range(40))
def test_a_decision_over_a_kept_plan_is_that_without_it(seed: int) -> None:
    rng = random.Random(seed)
    entries = random_entries(rng)
    plans: Plans = {}
    for _ in range(12):
        asked = ask(
            rng.choice(["", "best", "openai/best", "fast", "x-1", "unknown"]),
            prompt_tokens=rng.choice([20, 9_000, 200_000]),
            allowed_models=rng.choice([(), ("best", "groq/fast")]),
            needs=Needs(images=rng.random() < 0.3, tools=rng.random() < 0.3),
        )
        tired = rng.random() < 0.4
        rests = (lambda candidate: Resting(3.0, 0.0, "its calls failed")) if tired else (lambda candidate: None)
        kept = decide(asked, world(entries, rests_for=rests, plans=plans), in_full=True)
        made = decide(asked, world(entries, rests_for=rests), in_full=True)
        assert (kept.ranked, kept.rejected, repr(kept.error)) == (made.ranked, made.rejected, repr(made.error))
    assert not entries or plans


def test_a_filter_of_the_key_is_told_in_the_place_of_its_candidate() -> None:
    rests = {"o": Resting(3.0, 3.0, "its calls failed")}
    around = world(
        [OPENAI, entry("p", "own", models=("best",))],
        rests_for=lambda candidate: rests.get(candidate.deployment.provider_id),
    )
    decision = decide(ask("best", allowed_models=("openai/best",)), around)
    assert [item.filter for item in decision.rejected] == [Filter.HEALTH, Filter.KEY]
