"""One client request while it runs, and the record that it leaves when it is settled."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from msgspec import structs

from server.chat.answer import GatewayMetadata
from server.chat.content import Content, ContentPolicy
from server.chat.deployment import Candidate
from server.chat.policy import RoutingPolicy
from server.chat.principal import Call
from server.chat.prompt_tokens import Tokens
from server.chat.rates import Grant
from server.chat.records import OperationRecord, OperationStart, bare_start
from server.chat.usage import Usage
from server.errors import ClientGone, DeadlineExceeded, PerpetuoError
from server.routing.attempt import Attempt, Trace
from server.routing.complexity import Complexity
from server.routing.sticky import Bond

_NANO = 1_000_000_000


@dataclass(slots=True)
class Operation:
    """What is known of a request so far.

    `prompt_tokens` is an estimate of the prompt's size, `bond` what the conversation is known by. `is_committed` says
    that a stream's content has begun: what fails after that keeps the HTTP status 200. `is_cache_hit` says that the
    answer was made for another request. `is_settled` says that its record was left with the ledger. `began` is when it
    began and `answered_at` when there was something to send, on the stopwatch; the latter is None if that was not this
    request's work. `content` is what was said, if that is to be kept, and `grant` what limits have counted.
    `finish_reason` and `answered_model` are what the answer says of itself. `similar_to` is the id of the request for
    which the answer was made, if that was not the very same but only like it, by `similarity` from 0 to 1.
    """

    call: Call
    trace: Trace
    is_stream: bool
    model_requested: str = ""
    strategy: str = "default"
    complexity: Complexity = Complexity.SIMPLE
    prompt_tokens: Tokens = 0
    bond: Bond | None = None
    candidates: Sequence[Candidate] = ()
    served: Candidate | None = None
    usage: Usage | None = None
    notes: list[str] = field(default_factory=list)
    outcome: str = "ok"
    status: int = 200
    is_committed: bool = False
    is_cache_hit: bool = False
    grant: Grant | None = None
    content_policy: ContentPolicy = "metadata"
    content: Content | None = None
    is_settled: bool = False
    began: float = field(init=False)
    answered_at: float | None = None
    finish_reason: str = ""
    answered_model: str = ""
    similar_to: str = ""
    similarity: float | None = None

    def __post_init__(self) -> None:
        self.began = self.trace.clock.exact()

    def follow(self, policy: RoutingPolicy) -> None:
        """Goes by what the workspace has decided: what may be kept, and the time of a caller who has said none."""
        self.content_policy = policy.content
        call = self.call
        if policy.timeout_s is not None and not call.is_timed:
            deadline = min(call.deadline, call.received_at + policy.timeout_s)
            self.call = structs.replace(call, deadline=deadline)

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

    def latency_ms(self) -> int:
        """Whole milliseconds since the request arrived."""
        return round((self.trace.clock.monotonic() - self.call.received_at) * 1000)

    def overhead_s(self) -> float | None:
        """What the gateway itself took until there was something to send, in seconds; None if there was nothing."""
        if self.answered_at is None:
            return None
        ours_s = self.answered_at - self.began - self.trace.upstream_s() - self.trace.waited_s
        return max(ours_s, 0.0)

    def cost_nanousd(self) -> int | None:
        """What the request's own upstream calls cost; 0 for an answer that was made for another, None if not known."""
        if self.is_cache_hit and self._paid() is None:
            return 0
        return self.trace.cost_nanousd()

    def saved_nanousd(self) -> int | None:
        """What an answer that was made for another request would have cost; None if this one was not."""
        if not self.is_cache_hit or self.served is None or self.usage is None:
            return None
        return self.trace.price(self.served.deployment.provider, self.served.model, self.usage)

    def _paid(self) -> Attempt | None:
        """The last upstream call that took tokens."""
        return next(reversed(self.trace.paid()), None)

    def headers(self) -> list[tuple[str, str]]:
        """How the answer was got, or was not, as metadata: the number of upstream calls, and the provider.

        The provider is the one that answered, or whose failure is told. Nothing if nobody was asked.
        """
        attempts, told = self.trace.attempts, self.served or self.trace.told
        if told is None and not attempts:
            return []
        provider = (told or attempts[-1].candidate).deployment.provider
        return [("x-perpetuo-attempts", str(len(attempts))), ("x-perpetuo-provider", provider)]

    def metadata(self) -> GatewayMetadata:
        """How the answer was got, for the client. The operation must have been served."""
        served = self.served
        assert served is not None
        cost = self.cost_nanousd()
        metadata = GatewayMetadata(
            routed_to=served.model,
            complexity=self.complexity.value,
            cost_usd=None if cost is None else cost / _NANO,
            latency_ms=self.latency_ms(),
            cache_hit=self.is_cache_hit,
            provider=served.deployment.provider,
            request_id=self.call.request_id,
            strategy=self.strategy,
            attempts=len(self.trace.attempts),
            notes=list(self.notes),
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
        call, principal = self.call, self.call.principal
        start = OperationStart(
            request_id=call.request_id,
            workspace_id=principal.workspace_id,
            user_id=principal.user_id,
            key_id=principal.key_id,
            surface=call.surface,
            client_request_id=call.client_request_id,
            model_requested=self.model_requested[:200],
            strategy=self.strategy,
            complexity=self.complexity.value,
            is_stream=self.is_stream,
            is_cache_hit=self.is_cache_hit,
            at=self.trace.clock.now() if last is None else last.started_at,
            provider_id=candidate.deployment.provider_id if candidate else "",
            provider=candidate.deployment.provider if candidate else "",
            model=candidate.model if candidate else "",
            number=0 if last is None else last.number,
            earlier=tuple(attempt.record for attempt in attempts[:-1] if attempt.record is not None),
        )
        return bare_start(start) if self.content_policy == "off" else start

    def record(self) -> OperationRecord:
        """The record for the ledger; attempts that still run are recorded as left by the caller, or by its deadline.

        A caller who left before its answer came pays for what the answer took, and so it is recorded.
        """
        is_late = self.outcome == DeadlineExceeded.reason
        attempts = self.trace.records(self.outcome if is_late else ClientGone.reason)
        paid = self._paid()
        served = self.served or (paid.candidate if paid is not None else None)
        call, principal = self.call, self.call.principal
        return OperationRecord(
            request_id=call.request_id,
            workspace_id=principal.workspace_id,
            user_id=principal.user_id,
            key_id=principal.key_id,
            surface=call.surface,
            client_request_id=call.client_request_id,
            model_requested=self.model_requested[:200],
            model=served.model if served else "",
            provider=served.deployment.provider if served else "",
            provider_id=served.deployment.provider_id if served else "",
            strategy=self.strategy,
            complexity=self.complexity.value,
            is_stream=self.is_stream,
            is_cache_hit=self.is_cache_hit,
            status=self.status,
            outcome=self.outcome,
            usage=self.usage or (paid.usage if paid is not None else None),
            cost_nanousd=self.cost_nanousd(),
            latency_ms=self.latency_ms(),
            first_token_ms=next(
                (each.first_token_ms for each in reversed(attempts) if each.first_token_ms is not None), None
            ),
            created_at=self.trace.clock.now(),
            notes=tuple(self.notes),
            attempts=attempts,
            saved_nanousd=self.saved_nanousd(),
            price_version=self.trace.price_version(),
        )
