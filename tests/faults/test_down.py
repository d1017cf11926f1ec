"""All upstreams down, in short: breakers that are open for a second, a fault of three."""

from pathlib import Path

import pytest

from tests.faults.down import REFUSED, Outcome, Plan, Shot, all_down


@pytest.mark.parametrize("fault", [REFUSED, "error-500"])
async def test_when_all_are_down_few_calls_are_made_and_all_are_served_after(fault: str, tmp_path: Path) -> None:
    outcome = await all_down(tmp_path, Plan(rate=40.0, before_s=0.5, down_s=3.0, fault=fault, open_s=1.0))
    assert outcome.problems(is_timed=False) == [], "\n".join(outcome.figures())


def shot(at_s: float, status: int = 503, code: str = "no_healthy_route", calls: int = 0) -> Shot:
    return Shot(at_s, 0.001, status, code, calls, f"req_{at_s}")


def outcome(*shots: Shot, **calls: tuple[int, ...]) -> Outcome:
    return Outcome(Plan(down_s=10.0, open_s=5.0), list(shots), calls, down_at_s=0.0, up_at_s=10.0)


GOOD = (shot(1, calls=2, code="upstream_unavailable"), shot(2), shot(11, 503), shot(12, 200, ""))


@pytest.mark.parametrize(
    ("seen", "problem"),
    [
        (outcome(*GOOD[:1], GOOD[3]), "the breakers did not open"),
        (outcome(*GOOD, shot(3, 200, "")), "a request was answered while all were down"),
        (outcome(*GOOD, shot(3, 504, "x")), "a caller was told something else than 503"),
        (outcome(shot(-1, 503), *GOOD), "a request failed before the fault"),
        (outcome(*GOOD, req_1=(9, 1)), "a target was called more than 1.1 times a request"),
        (outcome(*GOOD, req_2=(1, 9)), "a target was called more often than breakers let through"),
        (outcome(*GOOD[:3]), "not all were served again"),
        (outcome(*GOOD[:3], shot(18), shot(19, 200, "")), "it took longer than the time a breaker is open"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_good_is_seen(seen: Outcome, problem: str) -> None:
    assert [found for found in seen.problems(is_timed=True) if found.startswith(problem)]


def test_what_is_good_is_seen() -> None:
    assert outcome(*GOOD, req_1=(1, 1)).problems(is_timed=True) == []
