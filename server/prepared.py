"""A request that was read, between its reading and its settling: what the steps of the pipeline hand on."""

from typing import Protocol

from msgspec import Struct

from server.chat.policy import RoutingPolicy
from server.chat.request import ChatRequest
from server.chat.view import StreamMode
from server.limits.admission import USUAL_OUTPUT_TOKENS
from server.routing.dispatch import Errand
from server.routing.dispatch.errand import Measure
from server.routing.features import output_bound_of
from server.routing.operation import Operation
from server.sharing import Share


class Read(Protocol):
    """Reads the JSON of a face into a request. Raises RequestInvalid."""

    def __call__(self, body: bytes, *, stream: bool) -> ChatRequest:
        """The request; `stream` is what the method that was called says."""


class Prepared(Struct, frozen=True):
    """A request that was read: its operation, its text, its workspace's policy, its share if any, and its mode.

    `hedges`: a second candidate may be asked beside a slow one.
    """

    operation: Operation
    request: ChatRequest
    policy: RoutingPolicy
    share: Share | None
    mode: StreamMode = "direct"
    hedges: bool = False

    @property
    def deadline(self) -> float:
        """Until when providers may be asked, in seconds of the loop's clock: longer while others may wait with it."""
        return self.operation.call.deadline if self.share is None else self.share.call_deadline

    def needed_tokens(self) -> int:
        """How many tokens the call may take of what is allowed; none where its answer is here already."""
        if self.share is not None and self.share.has_kept():
            return 0
        output_tokens = output_bound_of(self.request.view) or USUAL_OUTPUT_TOKENS
        return int(self.operation.ask.prompt_tokens) + output_tokens * self.request.choices

    def errand(self, measure: Measure) -> Errand:
        """What the dispatcher is to do for it, once its candidates are known."""
        operation, share = self.operation, self.share
        return Errand(
            self.request,
            operation.candidates,
            operation.call.deadline if share is None else share.call_deadline,
            operation,
            operation.ask.prompt_tokens,
            self.mode,
            measure,
            self.hedges,
        )
