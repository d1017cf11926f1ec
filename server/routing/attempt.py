"""One upstream call while it runs, and the record that it leaves."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from server.chat.deployment import Candidate
from server.chat.records import AttemptRecord
from server.chat.usage import Usage
from server.errors import PerpetuoError

Price = Callable[[str, str, Usage], int | None]
"""Provider, model and usage to nano-dollars; None when the model has no known price."""


_MAX_VERSION_CHARS = 64

VersionOf = Callable[[str, str], str]
"""Provider and model to where the price comes from, with its version; empty for the usual source."""


class Prices(Protocol):
    """The prices that hold in a workspace."""

    def cost_nanousd(self, provider: str, model: str, usage: Usage) -> int | None:
        """The cost of a call; None when the price is not known."""

    def version_of(self, provider: str, model: str) -> str:
        """Where the price of a model comes from, with its version."""


PricesOf = Callable[[str], Awaitable[Prices]]
"""Workspace to its prices."""


def usual_version(provider: str, model: str) -> str:
    """Every price comes from the usual source."""
    return ""


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, as arguments: `now` is UTC, `monotonic` in seconds of the running loop's clock.

    `stopwatch` is in seconds too, finer than a loop's clock may be, and good only for differences.
    """

    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    stopwatch: Callable[[], float] | None = None

    def exact(self) -> float:
        """Seconds of the stopwatch, or of the loop's clock if there is none."""
        return (self.stopwatch or self.monotonic)()


@dataclass(slots=True)
class Attempt:
    """A call to `candidate` that runs, or has ended. It leaves exactly one record.

    `answered_s` is how long the upstream took for the whole answer, of a stream for the first content; None as long as
    there is neither. `was_in_vain`: what it took is only supposed, and nothing of it reached the caller. `watcher` is
    told once that it has ended.
    """

    number: int
    candidate: Candidate
    clock: Clock
    price: Price
    version_of: VersionOf = usual_version
    started_at: datetime = field(init=False)
    began: float = field(init=False)
    status: int | None = None
    first_token_ms: int | None = None
    answered_s: float | None = None
    usage: Usage | None = None
    was_in_vain: bool = False
    record: AttemptRecord | None = None
    is_stream: bool = False
    watcher: "Watcher | None" = None

    def __post_init__(self) -> None:
        self.started_at = self.clock.now()
        self.began = self.clock.exact()

    def elapsed_ms(self) -> int:
        """Whole milliseconds since the attempt began."""
        return round((self.clock.exact() - self.began) * 1000)

    def saw_content(self) -> None:
        """Notes the time of the first content."""
        if self.first_token_ms is None:
            self.first_token_ms = self.elapsed_ms()
            self.saw_answer()

    def saw_answer(self) -> None:
        """Notes that the upstream has done its part: what follows is ours."""
        if self.answered_s is None:
            self.answered_s = self.clock.exact() - self.began

    def heard(self, status: int, headers: Mapping[str, str]) -> None:
        """Notes the head of the answer."""
        self.status = status
        if self.watcher is not None:
            self.watcher.heard(self, headers)

    def cost_nanousd(self) -> int | None:
        """What the attempt's tokens cost; None without tokens or without a known price."""
        if self.usage is None:
            return None
        if self.record is not None and self.record.usage is self.usage:
            return self.record.cost_nanousd
        return self.price(self.candidate.deployment.provider, self.candidate.model, self.usage)

    def end(self, outcome: str = "ok", detail: str = "") -> AttemptRecord:
        """Writes the record; a second call changes nothing."""
        if self.record is None:
            self.saw_answer()
            deployment, cost_nanousd = self.candidate.deployment, self.cost_nanousd()
            is_priced = cost_nanousd is not None
            self.record = AttemptRecord(
                number=self.number,
                provider_id=deployment.provider_id,
                provider=deployment.provider,
                model=self.candidate.model,
                outcome=outcome,
                status=self.status,
                started_at=self.started_at,
                latency_ms=self.elapsed_ms(),
                first_token_ms=self.first_token_ms,
                usage=self.usage,
                cost_nanousd=cost_nanousd,
                detail=detail,
                price_version=self.version_of(deployment.provider, self.candidate.model) if is_priced else "",
            )
            if self.watcher is not None:
                self.watcher.ended(self)
        return self.record

    def fail(self, error: PerpetuoError, spent: Usage | None = None) -> AttemptRecord:
        """Writes the record of a failure; `spent` is what it is taken to have cost although nothing came of it."""
        if spent is not None and self.usage is None:
            self.usage = spent
            self.was_in_vain = True
        return self.end(error.reason, error.message[:500])


class Watcher(Protocol):
    """Watches one attempt."""

    def heard(self, attempt: Attempt, headers: Mapping[str, str]) -> None:
        """The head of the answer has come."""

    def ended(self, attempt: Attempt) -> None:
        """The attempt has ended, and left its record; told once."""


Watch = Callable[[Attempt], Watcher]
"""Told of every attempt that begins, to who watches it."""


@dataclass(slots=True)
class Trace:
    """The attempts of one operation, in order.

    `waited_s` is what it was held back on purpose, in seconds. `told` is whose failure the caller was told of, if all
    failed. `on_begin` is called when an attempt has begun, after `watch`.
    """

    clock: Clock
    price: Price
    attempts: list[Attempt] = field(default_factory=list)
    waited_s: float = 0.0
    told: Candidate | None = None
    version_of: VersionOf = usual_version
    on_begin: Callable[[], None] | None = None
    is_stream: bool = False
    watch: Watch | None = None

    def use(self, prices: Prices) -> None:
        """Prices the attempts that begin from now on."""
        self.price = prices.cost_nanousd
        self.version_of = prices.version_of

    def begin(self, candidate: Candidate) -> Attempt:
        """A new attempt, which is counted even if it never connects."""
        attempt = Attempt(len(self.attempts) + 1, candidate, self.clock, self.price, self.version_of)
        attempt.is_stream = self.is_stream
        self.attempts.append(attempt)
        if self.watch is not None:
            attempt.watcher = self.watch(attempt)
        if self.on_begin is not None:
            self.on_begin()
        return attempt

    def cost_nanousd(self) -> int | None:
        """What the attempts that used tokens cost together; None when one of them has no known price.

        What is only supposed of attempts in vain stands in their own records.
        """
        total, is_known = 0, False
        for attempt in self.attempts:
            if attempt.usage is not None and not attempt.was_in_vain:
                cost = attempt.cost_nanousd()
                if cost is None:
                    return None
                total += cost
                is_known = True
        return total if is_known else None

    def used_tokens(self) -> int:
        """How many tokens are known of the attempts together."""
        return sum(attempt.usage.total_tokens for attempt in self.paid() if attempt.usage is not None)

    def paid(self) -> list[Attempt]:
        """The attempts whose tokens are known, or reached the caller."""
        return [attempt for attempt in self.attempts if attempt.usage is not None and not attempt.was_in_vain]

    def upstream_s(self) -> float:
        """How long upstreams took until they had answered or failed, in seconds."""
        total_s = 0.0
        for attempt in self.attempts:
            total_s += attempt.answered_s or 0.0
        return total_s

    def price_version(self) -> str:
        """Where the prices behind the cost come from; several by commas, cut short."""
        versions = [attempt.record.price_version for attempt in self.attempts if attempt.record is not None]
        return ", ".join(dict.fromkeys(filter(None, versions)))[:_MAX_VERSION_CHARS]

    def records(self, left_for: str = "CLIENT_GONE") -> tuple[AttemptRecord, ...]:
        """A record for each attempt; one that still runs was given up for the reason `left_for`."""
        return tuple([attempt.end(left_for) for attempt in self.attempts])
