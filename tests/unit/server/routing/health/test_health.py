"""The health of upstreams: which failure speaks against whom, who may be asked then, and what makes it good again."""

import random
from dataclasses import replace

import pytest

from server.chat.deployment import Candidate
from server.routing.failure import FailureClass
from server.routing.health import Health, Visit
from server.routing.health.breaker import FAILURES_IN_A_ROW, OPEN_S
from server.routing.health.budget import Refusal
from server.routing.health.records import MAX_MODELS, Records
from server.routing.health.rest import LONG_S, LOOK_AGAIN_S, Rest
from server.routing.rules import RULES
from server.routing.rules import Health as Effect
from tests.unit.server.routing.worlds import entry

ENTRY = entry("o", "openai")
ONE, OTHER = Candidate(ENTRY, "one"), Candidate(ENTRY, "other")
ELSEWHERE = Candidate(entry("x", "openai"), "one")
F = FailureClass


def entered(health: Health, candidate: Candidate = ONE, now_s: float = 0.0, **how: bool) -> Visit:
    visit = health.enter(candidate, now_s, **how)
    assert visit is not None
    return visit


def fail(health: Health, kind: FailureClass, candidate: Candidate = ONE, *, times: int = 1, told_s: float | None = None,
         now_s: float = 0.0) -> None:  # fmt: skip
    """Calls that were under way together, and failed."""
    for visit in [entered(health, candidate, now_s) for _ in range(times)]:
        visit.failed(kind, told_s, now_s)


def rests_s(health: Health, candidate: Candidate = ONE, now_s: float = 0.0) -> float:
    resting = health.resting(candidate, now_s)
    return 0.0 if resting is None else resting.rests_s


HELD_BACK = {
    Effect.NEUTRAL: (0.0, 0.0),
    Effect.ENDPOINT: (OPEN_S, OPEN_S),
    Effect.AGAIN: (OPEN_S, OPEN_S),
    Effect.DEPLOYMENT: (OPEN_S, 0.0),
    Effect.SHAKY: (0.0, 0.0),
    Effect.CREDENTIAL: (LONG_S, LONG_S),
    Effect.MODEL: (LONG_S, 0.0),
}


@pytest.mark.parametrize("kind", list(FailureClass), ids=lambda kind: kind.name)
def test_many_failures_hold_back_those_that_they_speak_against(kind: FailureClass) -> None:
    effect, health = RULES[kind].health, Health()
    fail(health, kind, times=FAILURES_IN_A_ROW + 1)
    rests = (rests_s(health, ONE), rests_s(health, OTHER))
    assert rests == ((1.0, 0.0) if kind is F.LIMITED else HELD_BACK[effect])
    assert rests_s(health, ELSEWHERE) == 0.0


def test_a_few_failures_hold_nobody_back() -> None:
    health = Health()
    fail(health, F.SERVER_ERROR, times=FAILURES_IN_A_ROW - 1)
    fail(health, F.REFUSED, times=FAILURES_IN_A_ROW - 1)
    assert rests_s(health) == 0.0
    assert health.openings == {}


def test_a_connection_that_ends_without_an_answer_is_forgiven_once() -> None:
    health = Health()
    for _ in range(FAILURES_IN_A_ROW):
        fail(health, F.NO_ANSWER)
        entered(health).answered(0.0)
    fail(health, F.NO_ANSWER, times=FAILURES_IN_A_ROW)
    assert rests_s(health) == 0.0
    fail(health, F.NO_ANSWER)
    assert rests_s(health) == OPEN_S


def test_whoever_was_reached_clears_the_endpoint_even_by_failing() -> None:
    health = Health()
    fail(health, F.REFUSED, times=FAILURES_IN_A_ROW)
    entered(health, OTHER, OPEN_S).failed(F.SERVER_ERROR, None, OPEN_S)
    assert rests_s(health, ONE, OPEN_S) == 0.0


def test_one_of_many_callers_probes_and_its_answer_lets_all_in() -> None:
    health = Health()
    fail(health, F.SERVER_ERROR, times=FAILURES_IN_A_ROW)
    assert health.enter(ONE, OPEN_S - 0.1) is None
    visits = [visit for _ in range(50) if (visit := health.enter(ONE, OPEN_S)) is not None]
    assert len(visits) == 1
    assert rests_s(health, now_s=OPEN_S) > 0.0
    visits[0].answered(OPEN_S + 0.5)
    assert all(health.enter(ONE, OPEN_S + 0.5) for _ in range(50))
    assert health.held_back == 50


def test_a_probe_that_fails_in_any_way_that_speaks_against_the_endpoint_is_not_repeated() -> None:
    for kind in (F.NO_ANSWER, F.REFUSED):
        health = Health()
        fail(health, F.REFUSED, times=FAILURES_IN_A_ROW)
        entered(health, now_s=OPEN_S).failed(kind, None, OPEN_S)
        assert health.enter(ONE, OPEN_S, is_repeated=True) is None
        assert health.openings == {"openai": 2}


def test_a_fault_of_the_request_neither_closes_nor_opens() -> None:
    health = Health()
    fail(health, F.SERVER_ERROR, times=FAILURES_IN_A_ROW)
    entered(health, now_s=OPEN_S).failed(F.REQUEST, None, OPEN_S)
    assert rests_s(health, now_s=OPEN_S) == 0.0
    assert health.breakers(OPEN_S)["model", "half_open"] == 1


def test_a_limit_rests_as_long_as_was_told_and_ends_with_it() -> None:
    health = Health()
    fail(health, F.LIMITED, told_s=30.0)
    resting = health.resting(ONE, 10.0)
    assert resting is not None
    assert (resting.rests_s, resting.askable_in_s, resting.is_limit) == (20.0, 20.0, True)
    assert health.enter(ONE, 10.0, is_last=True) is None
    assert rests_s(health, now_s=30.0) == 0.0


def test_calls_under_way_together_are_one_limit_and_later_ones_another() -> None:
    health = Health()
    fail(health, F.LIMITED, times=50)
    assert rests_s(health) == 1.0
    fail(health, F.LIMITED, now_s=2.0)
    assert rests_s(health, now_s=2.0) == 2.0
    entered(health, now_s=5.0).answered(5.0)
    fail(health, F.LIMITED, now_s=6.0)
    assert rests_s(health, now_s=6.0) == 1.0


def test_whoever_waited_as_told_may_ask_the_same_again() -> None:
    health = Health()
    fail(health, F.LIMITED)
    assert health.enter(ONE, 0.2) is None
    assert health.enter(ONE, 0.2, is_repeated=True) is not None
    fail(health, F.LIMITED, now_s=1.0, told_s=9.0)
    assert health.enter(ONE, 1.0, is_repeated=True) is None


def test_an_answer_to_a_call_that_began_before_a_rest_does_not_end_it() -> None:
    health = Health()
    early = entered(health)
    fail(health, F.LIMITED, told_s=30.0, now_s=1.0)
    early.answered(2.0)
    assert rests_s(health, now_s=2.0) == 29.0


def test_a_refused_credential_is_tried_now_and_then_if_nobody_else_is_left() -> None:
    health = Health()
    fail(health, F.CREDENTIAL)
    assert health.enter(ONE, LOOK_AGAIN_S) is None
    assert health.enter(ONE, LOOK_AGAIN_S - 0.1, is_last=True) is None
    look = entered(health, now_s=LOOK_AGAIN_S, is_last=True)
    assert health.enter(ONE, LOOK_AGAIN_S, is_last=True) is None
    look.answered(LOOK_AGAIN_S + 1)
    assert rests_s(health, now_s=LOOK_AGAIN_S + 1) == 0.0


def test_a_model_that_is_not_served_is_asked_at_once_if_nobody_else_is_left() -> None:
    health = Health()
    fail(health, F.NO_MODEL)
    assert health.enter(ONE, 1.0) is None
    entered(health, now_s=1.0, is_last=True).failed(F.NO_MODEL, None, 1.0)
    entered(health, now_s=1.0, is_last=True).answered(1.0)
    assert rests_s(health, now_s=1.0) == 0.0


def test_an_open_breaker_is_not_broken_by_who_has_nobody_else() -> None:
    health = Health()
    fail(health, F.REFUSED, times=FAILURES_IN_A_ROW)
    assert health.enter(ONE, 1.0, is_last=True) is None


def test_streams_that_break_open_the_breaker_by_their_share() -> None:
    health = Health()
    health.broke(ONE, 0.0)
    for _ in range(20):
        entered(health).answered(0.0)
        health.broke(ONE, 0.0)
    assert rests_s(health) == OPEN_S
    assert health.openings == {"openai": 1}
    assert rests_s(health, OTHER) == 0.0


def test_nothing_is_held_against_a_new_credential() -> None:
    health = Health()
    fail(health, F.CREDENTIAL)
    assert rests_s(health, Candidate(replace(ENTRY, api_key="sk-new"), "one")) == 0.0


def test_rests_are_told_to_others_once_and_heard_from_them() -> None:
    told: list[tuple[str, str, FailureClass, float]] = []
    health = Health(
        lambda entry_id, model, rest: told.append((entry_id, model, rest.kind, rest.until_s - rest.since_s))
    )
    fail(health, F.LIMITED, told_s=0.3)
    fail(health, F.LIMITED, told_s=20.0, times=50, now_s=1.0)
    assert told == [("o", "one", F.LIMITED, 20.0)]
    entered(health, now_s=30.0)
    fail(health, F.QUOTA, now_s=30.0)
    entered(health, now_s=45.0, is_last=True).answered(46.0)
    assert told[1:] == [("o", "", F.QUOTA, LONG_S), ("o", "", F.QUOTA, 0.0)]

    health.heard("o", "", Rest(F.CREDENTIAL, 50.0, 60.0))
    health.heard("o", "", Rest(F.CREDENTIAL, 50.0, 55.0))
    assert rests_s(health, OTHER, now_s=50.0) == 10.0
    health.heard("o", "", Rest(F.CREDENTIAL, 50.0, 50.0))
    assert rests_s(health, now_s=50.0) == 0.0
    health.heard("o", "other", Rest(F.LIMITED, 50.0, 55.0))
    assert (rests_s(health, ONE, now_s=50.0), rests_s(health, OTHER, now_s=50.0)) == (0.0, 5.0)
    health.heard("x", "", Rest(F.QUOTA, 50.0, 60.0))
    assert rests_s(health, ELSEWHERE, now_s=50.0) == 10.0


def test_the_budget_counts_repeats_and_tells_which_has_no_room() -> None:
    health = Health()
    assert [health.may_repeat(ONE, 0.0) for _ in range(4)] == [True, True, True, False]
    assert health.repeats == 3
    assert health.refused_repeats == {Refusal.UPSTREAM: 1, Refusal.FLEET: 0}
    for number in range(20):
        for _ in range(3):
            health.may_repeat(Candidate(entry(f"p{number}", "openai"), "m"), 0.0)
    assert health.refused_repeats[Refusal.FLEET] == 33


def test_figures_tell_what_is_open_and_what_rests() -> None:
    health = Health()
    fail(health, F.REFUSED, times=FAILURES_IN_A_ROW)
    fail(health, F.SERVER_ERROR, ELSEWHERE, times=FAILURES_IN_A_ROW)
    fail(health, F.NO_MODEL, Candidate(entry("q", "openai"), "two"))
    fail(health, F.QUOTA, Candidate(entry("q", "openai"), "one"))
    open_now = {key: count for key, count in health.breakers(1.0).items() if count}
    assert open_now == {("endpoint", "open"): 1, ("model", "open"): 1}
    assert health.resting_now(1.0) == {"credential": 1, "model": 1}
    assert health.resting_now(LONG_S) == {"credential": 0, "model": 0}
    assert health.rests == {F.NO_MODEL: 1, F.QUOTA: 1}


def test_memory_is_bounded() -> None:
    records = Records(max_entries=10)
    health = Health(records=records)
    for number in range(1000):
        entered(health, Candidate(entry(f"p{number}", "openai"), f"m{number}")).answered(0.0)
    assert len(records) == 10


def test_models_of_an_entry_that_take_turns_are_told_apart() -> None:
    health = Health()
    for _ in range(FAILURES_IN_A_ROW):
        entered(health, ONE).failed(F.BAD_ANSWER, None, 0.0)
        entered(health, OTHER).answered(0.0)
    assert rests_s(health, ONE) == OPEN_S
    assert rests_s(health, OTHER) == 0.0


def test_the_model_that_was_asked_last_is_not_forgotten_for_others() -> None:
    health = Health()
    fail(health, F.LIMITED, ONE, told_s=50.0)
    for number in range(MAX_MODELS - 1):
        entered(health, Candidate(ENTRY, f"m{number}")).answered(0.0)
        assert rests_s(health, ONE) == 50.0
    entered(health, Candidate(ENTRY, "one too many")).answered(0.0)
    assert rests_s(health, ONE) == 0.0
    entered(health, ONE).answered(0.0)
    assert rests_s(health, ONE) == 0.0


def suspicious(health: Health) -> None:
    """From now on no answer is only noted: every one is judged when it comes."""
    for record in health._records.all():
        record.doubt()


def outcome_of_calls(seed: int, *, is_suspicious: bool) -> list[object]:
    """What becomes of an entry with two models whose calls go well or badly at random, step by step."""
    rng, health, now_s, told = random.Random(seed), Health(), 1000.0, list[object]()
    visits: list[Visit] = []
    for _ in range(400):
        now_s += rng.choice([0.0, 0.01, 0.2, 2.0])
        candidate = rng.choice([ONE, ONE, OTHER])
        if (visit := health.enter(candidate, now_s, is_last=rng.random() < 0.1)) is not None:
            visits.append(visit)
        if visits and rng.random() < 0.8:
            visit, chance = visits.pop(rng.randrange(len(visits))), rng.random()
            if chance < 0.7:
                visit.answered(now_s)
            elif chance < 0.97:
                visit.failed(rng.choice([F.SERVER_ERROR, F.NO_ANSWER, F.REFUSED, F.LIMITED]), None, now_s)
            else:
                visit.leave()
        if rng.random() < 0.05:
            health.broke(candidate, now_s)
        if rng.random() < 0.01:
            health.heard("o", "one", Rest(F.LIMITED, now_s, now_s + 1.0))
        if is_suspicious:
            suspicious(health)
        told.append((health.openings.copy(), health.held_back, health.breakers(now_s), health.resting_now(now_s)))
    return told


@pytest.mark.parametrize("seed", range(30))
def test_answers_that_are_only_noted_count_as_those_that_are_judged_at_once(seed: int) -> None:
    assert outcome_of_calls(seed, is_suspicious=False) == outcome_of_calls(seed, is_suspicious=True)


def test_many_answers_stand_against_a_few_failures_until_their_window_is_over() -> None:
    health = Health()
    for number in range(100):
        entered(health, now_s=number / 100).answered(number / 100)
    for _ in range(30):
        health.broke(ONE, 1.0)
    assert rests_s(health, now_s=1.0) == 0.0
    for _ in range(20):
        health.broke(ONE, 1.0)
    assert rests_s(health, now_s=1.0) == OPEN_S
