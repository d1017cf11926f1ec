"""What the calls of one request have in common, and what is each one's own where two race."""

from typing import Final

from msgspec import Struct, structs

from server.errors import ClientGone
from server.routing.attempt import Attempt
from server.routing.course import Course, Step
from server.routing.dispatch.errand import Errand
from server.routing.health.visit import Visit
from server.routing.plan import Rejected

FASTER: Final = "Another candidate was faster."


class Call(Struct, frozen=True):
    """A call that was made: what is told when it failed."""

    errand: Errand
    step: Step
    attempt: Attempt
    visit: Visit


class Run:
    """A call that is made. `resting` are candidates that were passed over; `attempt` is there once it has begun."""

    __slots__ = ("attempt", "course", "errand", "resting")

    def __init__(self, errand: Errand, course: Course, resting: list[Rejected]) -> None:
        self.errand = errand
        self.course = course
        self.resting = resting
        self.attempt: Attempt | None = None

    def apart(self) -> "Run":
        """A call beside others: what is noted for its candidate's sake stays with it."""
        request = self.errand.request
        own = structs.replace(request, notes=[*request.notes], told=[])
        return Run(structs.replace(self.errand, request=own), self.course, self.resting)

    def take_over(self, winner: "Run") -> None:
        """Takes over what was noted for the candidate that answers."""
        for note in winner.errand.request.told:
            self.errand.request.tell(note)

    def lose(self, winner: "Run | None") -> None:
        """Writes down a call that was given up because another won.

        The prompt may have been read, which is shown and not charged. It held the request up until the other began.
        """
        attempt = self.attempt
        if attempt is None or attempt.record is not None:
            return
        began = attempt.began if winner is None or winner.attempt is None else winner.attempt.began
        attempt.answered_s = max(began - attempt.began, 0.0)
        attempt.fail(ClientGone(FASTER), self.errand.prompt_usage())
