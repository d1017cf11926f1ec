"""Each check says why it is not met, and nothing when it is."""

import pytest

from cli.conformance import evidence as see
from cli.conformance.caller import Outcome
from cli.conformance.evidence import Check, Evidence, advice


def outcome(began_s: float = 0.0, took_s: float = 1.0, error: str = "", **more: object) -> Outcome:
    made = Outcome(100.0 + began_s, took_s, 200, error=error)
    for name, value in more.items():
        setattr(made, name, value)
    return made


def seen(*outcomes: Outcome, **more: object) -> Evidence:
    made = Evidence(list(outcomes or [outcome()]))
    for name, value in more.items():
        setattr(made, name, value)
    return made


ONE_A_SECOND = [outcome(began_s=float(number), took_s=0.5) for number in range(6)]
CASES: list[tuple[str, Check, Evidence, str]] = [
    ("as many attempts as allowed", see.attempts(1, 2), seen(primary_s=[0.0, 1.0]), ""),
    ("too many attempts", see.attempts(most=1), seen(primary_s=[0.0, 1.0]), "2 attempts"),
    ("too few attempts", see.attempts(least=1), seen(), "0 attempts"),
    ("a long enough wait", see.waits(1.8), seen(primary_s=[0.1, 2.0]), ""),
    ("a short wait", see.waits(1.8), seen(primary_s=[0.1, 0.6]), "after 0.5 s"),
    ("no second attempt", see.waits(1.8), seen(primary_s=[0.1]), "not asked again"),
    ("attempts far apart", see.calm(1.5, 2), seen(primary_s=[0.0, 0.5, 3.0]), ""),
    ("a storm", see.calm(1.5, 2), seen(primary_s=[0.0, 0.1, 0.2]), "3 attempts within 1.5 s"),
    ("no attempt at all", see.calm(1.5, 2), seen(), ""),
    ("an end in time", see.ends_within(2.0), seen(), ""),
    ("a late end", see.ends_within(0.5), seen(), "took 1.0 s"),
    ("the whole text", see.whole("a"), seen(outcome(text="a")), ""),
    ("half of the text", see.whole("ab"), seen(outcome(text="a")), "not whole"),
    ("life afterwards", see.alive(), seen(), ""),
    ("no life afterwards", see.alive(), seen(is_alive=False), "not served"),
    ("usage", see.usage(), seen(outcome(has_usage=True)), ""),
    ("no usage", see.usage(), seen(), "no usage"),
    (
        "the fallback's name",
        see.names_the_fallback(),
        seen(outcome(model="b"), fallback_s=[0.5], fallback_models={"b"}, primary_models={"a"}),
        "",
    ),
    ("a name where no fallback was asked", see.names_the_fallback(), seen(outcome(model="a")), ""),
    (
        "the primary named for the fallback",
        see.names_the_fallback(),
        seen(outcome(model="a"), fallback_s=[0.5], fallback_models={"a", "b"}, primary_models={"a"}),
        "said to be of a",
    ),
    ("a continuation that was refused and not told", see.no_prefill_error(), seen(prefills=1), ""),
    ("one that was told", see.no_prefill_error(), seen(outcome(error="no"), prefills=1), "hides"),
    ("an outage without a loss", see.served_while_down(), seen(*ONE_A_SECOND, down_s=3.0), ""),
    (
        "an outage with a loss",
        see.served_while_down(),
        seen(outcome(error="x"), *ONE_A_SECOND[1:], down_s=3.0),
        "1 of 3 requests",
    ),
    (
        "a primary that is back",
        see.back_within(1.0),
        seen(*ONE_A_SECOND, down_s=3.0, fallback_s=[0.1, 1.1]),
        "",
    ),
    (
        "a primary that is back late",
        see.back_within(1.0),
        seen(*ONE_A_SECOND, down_s=3.0, fallback_s=[0.1, 1.1, 2.1, 3.1, 4.1]),
        "serves 2 s after",
    ),
    (
        "a primary that is never back",
        see.back_within(1.0),
        seen(*ONE_A_SECOND, down_s=3.0, fallback_s=[0.1, 1.1, 2.1, 3.1, 4.1, 5.1]),
        "no more",
    ),
    ("few probes", see.probes_seldom(2), seen(primary_s=[0.0, 1.0, 5.0], down_s=3.0), ""),
    ("many probes", see.probes_seldom(2), seen(primary_s=[0.0, 1.0, 2.0], down_s=3.0), "3 attempts"),
]


@pytest.mark.parametrize(("check", "evidence", "why"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_check(check: Check, evidence: Evidence, why: str) -> None:
    found = check.unmet(evidence)
    assert why in found
    assert bool(why) == bool(found)


def test_advice_is_the_same_check_with_less_weight() -> None:
    check = see.usage()
    assert (advice(check).name, advice(check).is_advice) == (check.name, True)
    assert advice(check).unmet(seen()) == check.unmet(seen())
