"""How judgements are shown."""

import pytest

from cli.conformance.caller import Outcome
from cli.conformance.evidence import Evidence
from cli.conformance.report import as_json, chosen, heading, line, summary
from cli.conformance.rows import QUICK, TEXT, rows
from cli.conformance.verdict import Judgement, judge

ROWS = rows(QUICK)
GOOD = Outcome(0.0, 1.25, 200, TEXT, has_usage=True, model="mock-fallback")


def judged(number: int, outcome: Outcome = GOOD) -> Judgement:
    return judge(ROWS[number], Evidence([outcome], [0.0], [0.5], fallback_models={"mock-fallback"}))


def test_a_line_tells_the_verdict_and_why_it_is_no_better() -> None:
    assert line(judged(3)).split() == ["S04", "503", "for", "ever", "pass", "1+1", "1.2", "s"]
    assert line(judged(2)).endswith("1 attempts at the primary")
    assert len(heading()) > len("S04  ")


def test_all_verdicts_are_counted() -> None:
    found = [judged(3), judged(2), judged(3, Outcome(0.0, 1.0, 503, error="status 503"))]
    assert summary(found) == "1 pass, 1 partial, 1 safe, 0 fail"
    made = as_json("A gateway", "quick", found)
    assert made["counts"] == {"pass": 1, "partial": 1, "safe": 1, "fail": 0}
    assert made["faults"][1] == {
        "id": "S03",
        "title": "500 once",
        "verdict": "partial",
        "reasons": ["1 attempts at the primary"],
        "primary_attempts": 1,
        "fallback_attempts": 1,
        "took_s": 1.25,
    }


def test_some_faults_can_be_chosen() -> None:
    assert [row.id for row in chosen(ROWS, "s04, S01")] == ["S01", "S04"]
    assert len(chosen(ROWS, "")) == len(ROWS)
    with pytest.raises(ValueError, match="no fault S99"):
        chosen(ROWS, "S99")
