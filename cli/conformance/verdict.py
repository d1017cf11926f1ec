"""From what was seen to a verdict. Pure.

`pass`: the caller got the whole answer (or the refusal that it should get), and every check is met. `partial`: the
same, but advice was not followed. `safe`: no answer, but an error in time, and every check that is no advice is met.
`fail`: it hung, half an answer was given for a whole one, or a check was not met.
"""

from collections.abc import Iterator
from enum import Enum

from msgspec import Struct

from cli.conformance.evidence import Evidence
from cli.conformance.rows import TEXT, Row


class Verdict(Enum):
    """From the best to the worst."""

    PASS = "pass"
    PARTIAL = "partial"
    SAFE = "safe"
    FAIL = "fail"


class Judgement(Struct, frozen=True):
    """The verdict on one fault, and what speaks against a better one."""

    row: Row
    verdict: Verdict
    reasons: tuple[str, ...]
    seen: Evidence


def judge(row: Row, seen: Evidence) -> Judgement:
    """The verdict on what was seen of a fault."""
    lies = tuple(_lies(seen))
    unmet = tuple(reason for check in row.checks if not check.is_advice and (reason := check.unmet(seen)))
    ignored = tuple(reason for check in row.checks if check.is_advice and (reason := check.unmet(seen)))
    if lies or unmet:
        return Judgement(row, Verdict.FAIL, (*lies, *unmet), seen)
    if not _is_rescued(row, seen):
        if row.wants_error:
            return Judgement(row, Verdict.PARTIAL, ("answered in spite of the refusal",), seen)
        return Judgement(row, Verdict.SAFE, (next(each.error for each in seen.outcomes if each.error),), seen)
    return Judgement(row, Verdict.PARTIAL if ignored else Verdict.PASS, ignored, seen)


def _lies(seen: Evidence) -> Iterator[str]:
    """What no gateway may do, whatever the fault."""
    hung = sum(outcome.has_hung for outcome in seen.outcomes)
    if hung:
        yield f"hung: {seen.outcome.error}" if len(seen.outcomes) == 1 else f"{hung} requests hung"
    for outcome in seen.outcomes:
        if not outcome.error and outcome.text != TEXT:
            yield f"{len(outcome.text.split())} of {len(TEXT.split())} tokens presented as a whole answer"
            return


def _is_rescued(row: Row, seen: Evidence) -> bool:
    """Whether the caller got the best that there was to get."""
    failed = [bool(outcome.error) for outcome in seen.outcomes]
    return all(failed) if row.wants_error else not any(failed)
