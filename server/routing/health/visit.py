"""One call to an upstream as its health sees it: begun, and ended in exactly one way. Pure."""

from typing import Protocol

from msgspec import Struct

from server.routing.failure import FailureClass
from server.routing.health.records import EntryRecord, ModelRecord


class Judge(Protocol):
    """Who takes what visits come to."""

    def visited(self, visit: "Visit", now_s: float) -> None:
        """A visit was answered."""

    def missed(self, visit: "Visit", kind: FailureClass, told_s: float | None, now_s: float) -> None:
        """A visit failed. `told_s` is the wait that the provider told."""


class Visit(Struct, eq=False):
    """A call that is under way. Tell it once how it ended; whatever is told after that is not heard.

    The probes are those that the breakers of the entry and of its model have counted it as, 0 for none.
    """

    judge: Judge
    entry_id: str
    entry: EntryRecord
    model: ModelRecord
    began_s: float
    endpoint_probe: int = 0
    model_probe: int = 0
    is_over: bool = False

    def answered(self, now_s: float) -> None:
        """The upstream gave an answer, or the first content of one."""
        if self.is_over:
            return
        self.is_over = True
        entry, model = self.entry, self.model
        of_entry, of_model = entry.breaker, model.breaker
        one, other = of_entry.window, of_model.window
        is_well = entry.rest is None and model.rest is None and of_entry.is_closed and of_model.is_closed
        if not is_well or now_s >= one.last_ends_s or now_s >= other.last_ends_s:
            self.judge.visited(self, now_s)
            return
        # As nearly always: what the judge would do, in few steps.
        entry.had_reset = False
        model.limits = of_entry.row = of_model.row = 0
        one.last[1] += 1
        other.last[1] += 1

    def failed(self, kind: FailureClass, told_s: float | None, now_s: float) -> None:
        """The upstream failed. `told_s` is the wait in seconds that it told, None for none."""
        if not self.is_over:
            self.judge.missed(self, kind, told_s, now_s)
            self.leave()

    def leave(self) -> None:
        """The call ended and says nothing about the upstream: the caller left. Safe to call after anything."""
        if not self.is_over:
            self.is_over = True
            self.entry.breaker.left(self.endpoint_probe)
            self.model.breaker.left(self.model_probe)


def visit(judge: Judge, entry_id: str, entry: EntryRecord, model: ModelRecord, now_s: float) -> Visit:
    """A visit that begins; a breaker that is not closed counts it as a probe."""
    endpoint_probe = 0 if entry.breaker.is_closed else entry.breaker.enter(now_s)
    model_probe = 0 if model.breaker.is_closed else model.breaker.enter(now_s)
    return Visit(judge, entry_id, entry, model, now_s, endpoint_probe, model_probe)
