"""One client request while it runs, and the record that it leaves when it is settled."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import Struct, structs

from server.chat.answer import AnswerFacts, GatewayMetadata
from server.chat.content import Content, ContentPolicy
from server.chat.deployment import Candidate, Deployment
from server.chat.principal import Call
from server.chat.rates import Grant
from server.chat.records import OperationRecord, OperationStart, bare_start
from server.chat.usage import Usage
from server.errors import DeadlineExceeded, PerpetuoError
from server.routing.ask import UNREAD
from server.routing.attempt import Attempt, Means, Trace

_NANO = 1_000_000_000
MOST_MODEL_CHARS: Final = 200
"""Of the model's name that is asked for, as it is written down."""

_ATTEMPTS: Final = "x-perpetuo-attempts"
_PROVIDER: Final = "x-perpetuo-provider"
_ONCE: Final = (_ATTEMPTS, "1")
_NOBODY: Final = Candidate(Deployment("", "", "", "", ""), "")


class Said(Struct, frozen=True):
    """What an answer says of itself: why it ended, and the model that wrote it; empty where it does not."""

    finish_reason: str | None = None
    model: str | None = None


class Similar(Struct, frozen=True):
    """A request that is like another, by `similarity` from 0 to 1."""

    request_id: str
    similarity: float


class Operation(Trace):
    """What is known of a request so far, and its attempts.

    `model_requested` is the model that is asked for, cut to what is written down, and `ask` what is asked of routing,
    once that was read. `is_committed` says that a stream's content has begun: what
    fails after that keeps the HTTP status 200. `is_cache_hit` says that the answer was made for another request.
    `is_settled` says that its record was left with the ledger. `began` is when it began and `answered_at` when there
    was something to send, on the stopwatch; the latter is None if that was not this request's work. `content` is what
    was said, if that is to be kept, and `grant` what limits have counted. `said` is the answer, as far as it speaks of
    itself. `similar` is the request for which the answer was made, if that was not the very same but only like it.
    `ended` is the record that it leaves, once there is one, and `upstream_s` how long its upstreams took.

    It is no struct because it is written more often than it is made: to a struct that takes a call each time. What is
    mostly set or never read stands in the class until it is. That must be a value of a built-in type, and it must not
    have more than 29 members in all: CPython 3.11 reads and writes none of them fast otherwise.
    """

    model_requested: str = ""
    candidates: Sequence[Candidate] = ()
    served: Candidate | None = None
    usage: Usage | None = None
    said: Said | AnswerFacts | None = None
    content_policy: ContentPolicy = "off"
    """Until the workspace's policy is known, nothing is recorded that it may not want."""
    is_committed: bool = False
    answered_at: float | None = None
    similar: Similar | None = None
    upstream_s: float = 0.0
    ended: OperationRecord | None = None

    def __init__(self, call: Call, means: Means, is_stream: bool, began: float = 0.0) -> None:
        # What the base does is written out, because it runs for every request.
        self.means = means
        self.clock = means.clock
        self.prices = means.prices
        self.is_stream = is_stream
        self.attempts = []
        self.waited_s = 0.0
        self.call = call
        self.began = began
        self.ask = UNREAD
        self.notes: list[str] = []
        self.grant: Grant | None = None
        self.content: Content | None = None
        self.outcome = "ok"
        self.status = 200
        self.is_cache_hit = self.is_settled = False

    def end_within(self, timeout_s: float) -> None:
        """Goes by the time that the workspace gives callers who have said none."""
        call = self.call
        if not call.is_timed:
            self.call = structs.replace(call, deadline=min(call.deadline, call.received_at + timeout_s))

    def note(self, notes: Iterable[str]) -> None:
        """Takes over notes, those that are there already not again."""
        for note in notes:
            if note not in self.notes:
                self.notes.append(note)

    def fail(self, error: PerpetuoError) -> None:
        """Notes why the operation ended."""
        self.outcome, self.ended = error.reason, None
        if not self.is_committed:
            self.status = error.http_status

    @property
    def left_for(self) -> str:
        """See `Trace`: its deadline ends what still runs too."""
        return self.outcome if self.outcome == DeadlineExceeded.reason else super().left_for

    def overhead_s(self) -> float | None:
        """What the gateway itself took until there was something to send, in seconds; None if there was nothing.

        Known once there is its record.
        """
        answered_at = self.answered_at
        if answered_at is None:
            return None
        overhead_s = answered_at - self.began - self.upstream_s - self.waited_s
        return overhead_s if overhead_s > 0.0 else 0.0

    def saved_nanousd(self) -> int | None:
        """What an answer that was made for another request would have cost; None if this one was not."""
        if not self.is_cache_hit or self.served is None or self.usage is None:
            return None
        return self.prices.cost_nanousd(self.served.deployment.provider, self.served.model, self.usage)

    def headers(self) -> Sequence[tuple[str, str]]:
        """How the answer was got, or was not, as metadata: the number of upstream calls, and the provider.

        The provider is the one that answered, or whose failure is told. Nothing if nobody was asked.
        """
        attempts, told = self.attempts, self.served or self.told
        if told is None:
            if not attempts:
                return ()
            told = attempts[-1].candidate
        count = _ONCE if len(attempts) == 1 else (_ATTEMPTS, str(len(attempts)))
        return count, (_PROVIDER, told.deployment.provider)

    def metadata(self) -> GatewayMetadata:
        """How the answer was got, for the client. The operation must have been served."""
        served, call = self.served, self.call
        ended, is_cache_hit, ask = self.ended, self.is_cache_hit, self.ask
        assert served is not None
        if ended is not None:
            cost_nanousd, latency_ms = ended.cost_nanousd, ended.latency_ms
        else:
            cost_nanousd = 0 if is_cache_hit and not self.has_paid() else self.cost_nanousd()
            latency_ms = round((self.clock.monotonic() - call.received_at) * 1000)
        metadata = GatewayMetadata(
            served.model,
            ask.complexity._value_,
            None if cost_nanousd is None else cost_nanousd / _NANO,
            latency_ms,
            is_cache_hit,
            served.deployment.provider,
            call.request_id,
            ask.strategy,
            len(self.attempts),
            self.notes,
        )
        if not is_cache_hit or (similar := self.similar) is None:
            return metadata
        return structs.replace(
            metadata, cache="semantic", cache_similarity=similar.similarity, cache_source=similar.request_id
        )

    def start(self, attempt: Attempt | None = None) -> OperationStart:
        """What is known while an attempt runs, or an answer that was made for another is sent."""
        if attempt is None:
            candidate, at, number = self.served or _NOBODY, self.clock.now(), 0
        else:
            candidate, at, number = attempt.candidate, attempt.started_at, attempt.number
        deployment, call, ask = candidate.deployment, self.call, self.ask
        principal = call.principal
        start = OperationStart(
            call.request_id,
            principal.workspace_id,
            principal.user_id,
            principal.key_id,
            call.surface,
            call.client_request_id,
            self.model_requested,
            ask.strategy,
            ask.complexity._value_,
            self.is_stream,
            self.is_cache_hit,
            at,
            deployment.provider_id,
            deployment.provider,
            candidate.model,
            number,
        )
        if number > 1:
            earlier = tuple([before.record for before in self.attempts[: number - 1] if before.record is not None])
            start = structs.replace(start, earlier=earlier)
        return bare_start(start) if self.content_policy == "off" else start

    def record(self) -> OperationRecord:
        """The record for the ledger, of what it came to by now; attempts that still run end for it.

        A caller who left before its answer came pays for what the answer took, and so it is recorded.
        """
        records, paid, cost_nanousd, self.upstream_s, first_token_ms, price_version = self.close()
        served, usage, is_cache_hit = self.served, self.usage, self.is_cache_hit
        if paid is not None:
            served, usage = served or paid.candidate, usage or paid.usage
        answering, clock = served or _NOBODY, self.clock
        deployment, now, monotonic = answering.deployment, clock.now, clock.monotonic
        call, ask = self.call, self.ask
        principal = call.principal
        # By place, because it runs for every request.
        record = self.ended = OperationRecord(
            call.request_id,
            principal.workspace_id,
            principal.user_id,
            principal.key_id,
            call.surface,
            call.client_request_id,
            self.model_requested,
            answering.model,
            deployment.provider,
            deployment.provider_id,
            ask.strategy,
            ask.complexity._value_,
            self.is_stream,
            is_cache_hit,
            self.status,
            self.outcome,
            usage,
            0 if is_cache_hit and paid is None else cost_nanousd,
            round((monotonic() - call.received_at) * 1000.0),
            first_token_ms,
            now(),
            tuple(self.notes),
            records,
            self.saved_nanousd() if is_cache_hit else None,
            price_version,
        )
        return record


def _lay_out() -> None:
    """Sets every member of a first operation: CPython keeps in place what the first objects of a class have, no more.

    Those of a process may be of requests that were refused before they were read.
    """
    nothing: Any = None
    first = Operation(nothing, Means(nothing, nothing), False)
    for name in (*Trace.__annotations__, *Operation.__annotations__):
        setattr(first, name, None)


_lay_out()
