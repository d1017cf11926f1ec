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
        model = self.model
        if model.is_trusted and now_s < model.counted_until_s:
            model.answers += 1  # as nearly always
        else:
            self.judge.visited(self, now_s)

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
