"""What a gateway's behaviour is called."""

import pytest

from cli.conformance import evidence as see
from cli.conformance.caller import Outcome
from cli.conformance.evidence import Evidence, advice
from cli.conformance.rows import TEXT, Row
from cli.conformance.verdict import Verdict, judge

WHOLE = Outcome(0.0, 1.0, 200, TEXT)
HALF = Outcome(0.0, 1.0, 200, TEXT[:49])
ERROR = Outcome(0.0, 1.0, 200, TEXT[:50], error="it broke")
HUNG = Outcome(0.0, 9.0, error="nothing for 9 s", has_hung=True)
PLAIN = Row("S00", "A fault", "status-500", (see.attempts(most=1), advice(see.usage())))
REFUSAL = Row("S00", "A refusal", "status-400", (), wants_error=True)
LASTING = Row("S00", "An outage", "status-503", (), requests=2)


def with_usage(outcome: Outcome) -> Outcome:
    return Outcome(outcome.began_s, outcome.took_s, outcome.status, outcome.text, has_usage=True)


CASES = [
    ("the whole answer", PLAIN, Evidence([with_usage(WHOLE)]), Verdict.PASS, ()),
    ("advice not followed", PLAIN, Evidence([WHOLE]), Verdict.PARTIAL, ("no usage is reported",)),
    ("an error in time", PLAIN, Evidence([ERROR]), Verdict.SAFE, ("it broke",)),
    ("a check not met", PLAIN, Evidence([with_usage(WHOLE)], [0.0, 0.1]), Verdict.FAIL, ("2 attempts at the primary",)),
    ("half an answer", PLAIN, Evidence([HALF]), Verdict.FAIL, ("7 of 60 tokens presented as a whole answer",)),
    ("a hang", PLAIN, Evidence([HUNG]), Verdict.FAIL, ("hung: nothing for 9 s",)),
    ("a refusal that is told", REFUSAL, Evidence([ERROR]), Verdict.PASS, ()),
    ("a refusal that is got round", REFUSAL, Evidence([WHOLE]), Verdict.PARTIAL, ("answered in spite of the refusal",)),
    ("an outage without a loss", LASTING, Evidence([WHOLE, WHOLE]), Verdict.PASS, ()),
    ("an outage with a loss", LASTING, Evidence([WHOLE, ERROR]), Verdict.SAFE, ("it broke",)),
    ("an outage with a hang", LASTING, Evidence([HUNG, WHOLE]), Verdict.FAIL, ("1 requests hung",)),
]


@pytest.mark.parametrize(
    ("row", "seen", "verdict", "reasons"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_verdict(row: Row, seen: Evidence, verdict: Verdict, reasons: tuple[str, ...]) -> None:
    judgement = judge(row, seen)
    assert (judgement.verdict, judgement.reasons) == (verdict, reasons)
