"""One client request while it runs, and the record that it leaves when it is settled."""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import structs

from server.chat.answer import GatewayMetadata
from server.chat.content import Content, ContentPolicy
from server.chat.deployment import Candidate
from server.chat.policy import RoutingPolicy
from server.chat.principal import Call
from server.chat.rates import Grant
from server.chat.records import OperationRecord, OperationStart, bare_start
from server.chat.usage import Usage
from server.errors import ClientGone, DeadlineExceeded, PerpetuoError
from server.routing.ask import Weighed
from server.routing.attempt import Sums, Trace

_NANO = 1_000_000_000
_NO_SUMS = Sums()
_MODEL_CHARS: Final = 200
_ATTEMPTS: Final = "x-perpetuo-attempts"
_ONCE: Final = (_ATTEMPTS, "1")
_LATE: Final = DeadlineExceeded.reason
_LEFT: Final = ClientGone.reason


class Operation(Weighed):
    """What is known of a request so far.

    `is_committed` says that a stream's content has begun: what fails after that keeps the HTTP status 200.
    `is_cache_hit` says that the answer was made for another request. `is_settled` says that its record was left with
    the ledger. `began` is when it began and `answered_at` when there was something to send, on the stopwatch; the
    latter is None if that was not this request's work. `content` is what was said, if that is to be kept, and `grant`
    what limits have counted. `finish_reason` and `answered_model` are what the answer says of itself. `similar_to` is
    the id of the request for which the answer was made, if that was not the very same but only like it, by
    `similarity` from 0 to 1.

    It is no struct because it is written more often than it is made: to a struct that takes a call each time. What is
    mostly set or never read stands in the class until it is.
    """

    candidates: Sequence[Candidate] = ()
    is_committed: bool = False
    answered_at: float | None = None
    finish_reason: str = ""
    answered_model: str = ""
    similarity: float | None = None
    sums: Sums = _NO_SUMS

    def __init__(
        self, call: Call, trace: Trace, is_stream: bool, began: float = 0.0, content_policy: ContentPolicy = "metadata"
    ) -> None:
        self.call, self.trace, self.is_stream, self.began = call, trace, is_stream, began
        self.content_policy: ContentPolicy = content_policy
        self.notes: list[str] = []
        self.served: Candidate | None = None
        self.usage: Usage | None = None
        self.grant: Grant | None = None
        self.content: Content | None = None
        self.outcome, self.status, self.similar_to = "ok", 200, ""
        self.is_cache_hit = self.is_settled = False

    def follow(self, policy: RoutingPolicy) -> Call:
        """Goes by what the workspace has decided: what may be kept, and the time of a caller who has said none."""
        self.content_policy = policy.content
        call = self.call
        if policy.timeout_s is not None and not call.is_timed:
            deadline = min(call.deadline, call.received_at + policy.timeout_s)
            call = self.call = structs.replace(call, deadline=deadline)
        return call

    def note(self, notes: Iterable[str]) -> None:
        """Takes over notes, those that are there already not again."""
        for note in notes:
            if note not in self.notes:
                self.notes.append(note)

    def fail(self, error: PerpetuoError) -> None:
        """Notes why the operation ended."""
        self.outcome = error.reason
        if not self.is_committed:
            self.status = error.http_status

    def overhead_s(self) -> float | None:
        """What the gateway itself took until there was something to send, in seconds; None if there was nothing.

        Known once it has its record.
        """
        answered_at = self.answered_at
        if answered_at is None:
            return None
        overhead_s = answered_at - self.began - self.sums.upstream_s - self.trace.waited_s
        return overhead_s if overhead_s > 0.0 else 0.0

    def cost_nanousd(self) -> int | None:
        """What the request's own upstream calls cost; 0 for an answer that was made for another, None if not known."""
        if self.is_cache_hit and not self.trace.has_paid():
            return 0
        return self.trace.cost_nanousd()

    def saved_nanousd(self) -> int | None:
        """What an answer that was made for another request would have cost; None if this one was not."""
        if not self.is_cache_hit or self.served is None or self.usage is None:
            return None
        return self.trace.price_of(self.served.deployment.provider, self.served.model, self.usage)

    def headers(self) -> list[tuple[str, str]]:
        """How the answer was got, or was not, as metadata: the number of upstream calls, and the provider.

        The provider is the one that answered, or whose failure is told. Nothing if nobody was asked.
        """
        trace = self.trace
        attempts, told = trace.attempts, self.served or trace.told
        count = len(attempts)
        if told is None:
            if not count:
                return []
            told = attempts[-1].candidate
        return [_ONCE if count == 1 else (_ATTEMPTS, str(count)), ("x-perpetuo-provider", told.deployment.provider)]

    def metadata(self) -> GatewayMetadata:
        """How the answer was got, for the client. The operation must have been served."""
        served = self.served
        assert served is not None
        # Written out, because it runs for every request.
        trace, call = self.trace, self.call
        monotonic = trace.clock.monotonic
        cost_nanousd = self.cost_nanousd() if self.is_cache_hit else trace.cost_nanousd()
        metadata = GatewayMetadata(
            served.model,
            self.complexity._value_,
            None if cost_nanousd is None else cost_nanousd / _NANO,
            round((monotonic() - call.received_at) * 1000),
            self.is_cache_hit,
            served.deployment.provider,
            call.request_id,
            self.strategy,
            len(trace.attempts),
            self.notes,
        )
        if not self.similar_to:
            return metadata
        return structs.replace(
            metadata, cache="semantic", cache_similarity=self.similarity, cache_source=self.similar_to
        )

    def start(self) -> OperationStart:
        """What is known while the last attempt runs, or an answer that was made for another is sent."""
        attempts = self.trace.attempts
        last = attempts[-1] if attempts else None
        candidate = self.served if last is None else last.candidate
        deployment = None if candidate is None else candidate.deployment
        call, principal, asked = self.call, self.call.principal, self.model_requested
        start = OperationStart(
            call.request_id,
            principal.workspace_id,
            principal.user_id,
            principal.key_id,
            call.surface,
            call.client_request_id,
            asked if len(asked) <= _MODEL_CHARS else asked[:_MODEL_CHARS],
            self.strategy,
            self.complexity._value_,
            self.is_stream,
            self.is_cache_hit,
            self.trace.clock.now() if last is None else last.started_at,
            "" if deployment is None else deployment.provider_id,
            "" if deployment is None else deployment.provider,
            "" if candidate is None else candidate.model,
            0 if last is None else last.number,
        )
        if len(attempts) > 1:
            earlier = tuple([attempt.record for attempt in attempts[:-1] if attempt.record is not None])
            start = structs.replace(start, earlier=earlier)
        return bare_start(start) if self.content_policy == "off" else start

    def record(self) -> OperationRecord:
        """The record for the ledger; attempts that still run are recorded as left by the caller, or by its deadline.

        A caller who left before its answer came pays for what the answer took, and so it is recorded.
        """
        trace, outcome, is_cache_hit = self.trace, self.outcome, self.is_cache_hit
        sums = self.sums = trace.close(_LATE if outcome == _LATE else _LEFT)
        paid, served, usage = sums.paid, self.served, self.usage
        if paid is not None:
            served, usage = served or paid.candidate, usage or paid.usage
        deployment = None if served is None else served.deployment
        call, clock, asked = self.call, trace.clock, self.model_requested
        principal, now, monotonic = call.principal, clock.now, clock.monotonic
        # By place, because it runs for every request.
        return OperationRecord(
            call.request_id,
            principal.workspace_id,
            principal.user_id,
            principal.key_id,
            call.surface,
            call.client_request_id,
            asked if len(asked) <= _MODEL_CHARS else asked[:_MODEL_CHARS],
            "" if served is None else served.model,
            "" if deployment is None else deployment.provider,
            "" if deployment is None else deployment.provider_id,
            self.strategy,
            self.complexity._value_,
            self.is_stream,
            is_cache_hit,
            self.status,
            outcome,
            usage,
            0 if is_cache_hit and paid is None else sums.cost_nanousd,
            round((monotonic() - call.received_at) * 1000),
            sums.first_token_ms,
            now(),
            tuple(self.notes),
            sums.records,
            self.saved_nanousd() if is_cache_hit else None,
            sums.price_version,
        )
