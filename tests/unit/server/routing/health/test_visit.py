"""A visit ends once, in one way."""

import pytest

from server.routing.failure import FailureClass
from server.routing.health.breaker import FAILURES_IN_A_ROW, OPEN_S
from server.routing.health.records import EntryRecord
from server.routing.health.visit import Visit, visit
from tests.unit.server.routing.worlds import entry


class Noting:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def visited(self, visit: Visit, now_s: float) -> None:
        self.told.append("answered")

    def missed(self, visit: Visit, kind: FailureClass, told_s: float | None, now_s: float) -> None:
        self.told.append(kind.name)


def visit_of(noting: Noting, record: EntryRecord, now_s: float = 0.0) -> Visit:
    return visit(noting, "o", record, record.model("m"), now_s)


@pytest.mark.parametrize(
    ("ends", "told"),
    [("aal", ["answered"]), ("afl", ["answered"]), ("ffl", ["REFUSED"]), ("fal", ["REFUSED"]), ("laf", [])],
)
def test_it_ends_once(ends: str, told: list[str]) -> None:
    noting = Noting()
    visit = visit_of(noting, EntryRecord(entry("o", "openai"), 0.0))
    for end in ends:
        if end == "a":
            visit.answered(1.0)
        elif end == "f":
            visit.failed(FailureClass.REFUSED, None, 1.0)
        else:
            visit.leave()
    assert noting.told == told


def test_a_caller_who_leaves_gives_the_probes_back() -> None:
    record = EntryRecord(entry("o", "openai"), 0.0)
    breakers = (record.breaker, record.model("m").breaker)
    for breaker in breakers:
        for _ in range(FAILURES_IN_A_ROW):
            breaker.failed(0.0)
    visit = visit_of(Noting(), record, OPEN_S)
    assert (visit.endpoint_probe, visit.model_probe) == (1, 1)
    assert [breaker.wait_s(OPEN_S) > 0.0 for breaker in breakers] == [True, True]
    visit.leave()
    assert [breaker.wait_s(OPEN_S) for breaker in breakers] == [0.0, 0.0]
