"""One upstream call while it runs, and the record that it leaves."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol, TypeAlias

from msgspec import Struct

from server.chat.deployment import Candidate
from server.chat.records import AttemptRecord, OperationStart
from server.chat.usage import Usage
from server.errors import ClientGone, PerpetuoError
from server.providers.remaining import TOLD_BY
from server.upstream.head import Head

Price = Callable[[str, str, Usage], int | None]
"""Provider, model and usage to nano-dollars; None when the model has no known price."""


_MAX_VERSION_CHARS = 64


class Prices(Protocol):
    """The prices that hold in a workspace."""

    def cost_nanousd(self, provider: str, model: str, usage: Usage) -> int | None:
        """The cost of a call; None when the price is not known."""

    def version_of(self, provider: str, model: str) -> str:
        """Where the price of a model comes from, with its version; empty if from where most do."""


class UsualPrices:
    """The prices where no workspace has others."""

    def __init__(self, price: Price) -> None:
        self._price = price

    def cost_nanousd(self, provider: str, model: str, usage: Usage) -> int | None:
        """See `Prices`."""
        price = self._price  # loaded first: a call of what a member holds is slow otherwise
        return price(provider, model, usage)

    def version_of(self, provider: str, model: str) -> str:
        """See `Prices`."""
        return ""


PricesOf = Callable[[str], Awaitable[Prices]]
"""Workspace to its prices."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, as arguments: `now` is UTC, `monotonic` in seconds of the running loop's clock.

    `stopwatch` is in seconds too, finer than a loop's clock may be, and good only for differences. `exact` is the
    stopwatch, or the loop's clock if there is none.
    """

    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    stopwatch: Callable[[], float] | None = None
    exact: Callable[[], float] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "exact", self.stopwatch or self.monotonic)


class Attempt(Struct, eq=False, gc=False):
    """A call to `candidate` that runs, or has ended. It leaves exactly one record.

    `began` is the stopwatch's time. `answered_s` is how long the upstream took for the whole answer, of a stream for
    the first content; None as long as there is neither. `was_in_vain`: what it took is only supposed, and nothing of it
    reached the caller. `watcher` is told once that it has ended; `place` is the call's among those that it has seen
    begin, and `entered_s` when it began on the loop's clock.
    """

    number: int
    candidate: Candidate
    clock: Clock
    prices: Prices
    started_at: datetime
    began: float
    is_stream: bool
    watcher: "Watcher"
    place: int
    entered_s: float
    status: int | None = None
    first_token_ms: int | None = None
    answered_s: float | None = None
    usage: Usage | None = None
    was_in_vain: bool = False
    record: AttemptRecord | None = None

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
            exact = self.clock.exact  # loaded first: a call of what a member holds is slow otherwise
            self.answered_s = exact() - self.began

    def heard(self, status: int, headers: Mapping[str, str], is_whole: bool = False) -> None:
        """Notes the head of the answer, which has come with all of it where it `is_whole`."""
        self.status = status
        if is_whole:
            exact = self.clock.exact
            self.answered_s = exact() - self.began
        if not (headers.lacks(TOLD_BY) if isinstance(headers, Head) else TOLD_BY.isdisjoint(headers)):
            self.watcher.heard(self, headers)

    def cost_nanousd(self) -> int | None:
        """What the attempt's tokens cost; None without tokens or without a known price."""
        usage, record = self.usage, self.record
        if usage is None:
            return None
        if record is not None and record.usage is usage:
            return record.cost_nanousd
        return self.prices.cost_nanousd(self.candidate.deployment.provider, self.candidate.model, usage)

    def end(self, outcome: str = "ok", detail: str = "") -> AttemptRecord:
        """Writes the record; a second call changes nothing."""
        record = self.record
        if record is not None:
            return record
        exact = self.clock.exact
        took_s = exact() - self.began
        if self.answered_s is None:
            self.answered_s = took_s
        candidate, usage = self.candidate, self.usage
        deployment, model = candidate.deployment, candidate.model
        provider = deployment.provider
        cost_nanousd, version = None, ""
        if usage is not None:
            prices = self.prices
            if (cost_nanousd := prices.cost_nanousd(provider, model, usage)) is not None:
                version = prices.version_of(provider, model)
        # By place, because it runs for every request.
        record = self.record = AttemptRecord(
            self.number,
            deployment.provider_id,
            provider,
            model,
            outcome,
            self.status,
            self.started_at,
            round(took_s * 1000.0),
            self.first_token_ms,
            usage,
            cost_nanousd,
            detail,
            version,
        )
        self.watcher.ended(self)
        return record

    def fail(self, error: PerpetuoError, spent: Usage | None = None) -> AttemptRecord:
        """Writes the record of a failure; `spent` is what it is taken to have cost although nothing came of it."""
        if spent is not None and self.usage is None:
            self.usage = spent
            self.was_in_vain = True
        return self.end(error.reason, error.message[:500])


class Watcher(Protocol):
    """Watches attempts; `begun` is how many have begun."""

    begun: int

    def heard(self, attempt: Attempt, headers: Mapping[str, str]) -> None:
        """The head of the answer has come, and says something of what the provider allows."""

    def ended(self, attempt: Attempt) -> None:
        """The attempt has ended, and left its record; told once."""


Watch = Callable[[Candidate], Watcher]
"""Told who is asked of every attempt that begins, to who watches it."""


class _Nobody:
    """Watches nothing."""

    begun = 0

    def heard(self, attempt: Attempt, headers: Mapping[str, str]) -> None:
        """See `Watcher`."""

    def ended(self, attempt: Attempt) -> None:
        """See `Watcher`."""


_NOBODY: Final = _Nobody()


def unwatched(candidate: Candidate) -> Watcher:
    """Where nobody watches."""
    return _NOBODY


class Means(Struct, frozen=True):
    """What the attempts of all operations have in common.

    `prices` hold until those of the workspace are known. `keep` takes what is known of an operation when an attempt has
    begun, before anybody is asked, should the process end before the request does.
    """

    clock: Clock
    prices: Prices
    watch: Watch = unwatched
    keep: Callable[[OperationStart], None] | None = None


Sums: TypeAlias = tuple[tuple[AttemptRecord, ...], Attempt | None, int | None, float, int | None, str]
"""What the attempts of an operation came to, once all have ended; a tuple, because it is taken apart at once.

Their records. The last whose tokens are known, or reached the caller. What all such cost together, None when there are
none or one has no known price. How long upstreams took until they had answered or failed, in seconds. How long the last
to which content came took to that, in milliseconds. Where the prices come from, several by commas, cut short.
"""


class Trace:
    """The attempts of one operation, in order.

    `waited_s` is what it was held back on purpose, in seconds. `told` is whose failure the caller was told of, if all
    failed. `prices` are those of the attempts that begin from now on. Of what begins once it `is_settled` nothing is
    kept. An attempt that still runs when all are added up was given up for the reason `left_for`.
    """

    told: Candidate | None = None
    is_settled: bool = False

    def __init__(self, means: Means, is_stream: bool = False) -> None:
        self.means = means
        self.clock = means.clock
        self.prices = means.prices
        self.is_stream = is_stream
        self.attempts: list[Attempt] = []
        self.waited_s = 0.0

    @property
    def left_for(self) -> str:
        """See above."""
        return ClientGone.reason

    def start(self, attempt: Attempt) -> OperationStart:
        """What is known of the operation while an attempt runs. Who has something to keep tells it."""
        raise NotImplementedError

    def begin(self, candidate: Candidate, entered_s: float | None = None) -> Attempt:
        """A new attempt, which is counted even if it never connects.

        `entered_s` is now on the loop's clock, for who has looked at it.
        """
        clock, attempts = self.clock, self.attempts
        means = self.means
        watch, keep = means.watch, means.keep
        now, exact = clock.now, clock.exact
        watcher = watch(candidate)
        attempt = Attempt(
            len(attempts) + 1,
            candidate,
            clock,
            self.prices,
            now(),
            exact(),
            self.is_stream,
            watcher,
            watcher.begun,
            clock.monotonic() if entered_s is None else entered_s,
        )
        attempts.append(attempt)
        if keep is not None and not self.is_settled:
            keep(self.start(attempt))
        return attempt

    def cost_nanousd(self) -> int | None:
        """What the attempts that used tokens cost together; None when one of them has no known price.

        What is only supposed of attempts in vain stands in their own records.
        """
        total = None
        for attempt in self.attempts:
            usage, record = attempt.usage, attempt.record
            if usage is not None and not attempt.was_in_vain:
                is_known = record is not None and record.usage is usage
                cost_nanousd = record.cost_nanousd if is_known and record is not None else attempt.cost_nanousd()
                if cost_nanousd is None:
                    return None
                total = cost_nanousd if total is None else total + cost_nanousd
        return total

    def has_paid(self) -> bool:
        """Whether there are tokens that are known of an attempt, or reached the caller."""
        return any(attempt.usage is not None and not attempt.was_in_vain for attempt in self.attempts)

    def used_tokens(self) -> int:
        """The tokens of all such attempts."""
        usages = [attempt.usage for attempt in self.attempts if not attempt.was_in_vain]
        return sum(usage.total_tokens for usage in usages if usage is not None)

    def close(self) -> Sums:
        """Adds all attempts up, in one go, and ends those that still run."""
        attempts = self.attempts
        if len(attempts) == 1:
            # Written out, because it is so of most operations.
            attempt = attempts[0]
            record, usage = attempt.record or attempt.end(self.left_for), attempt.usage
            if usage is not None and record.usage is usage and not attempt.was_in_vain:
                cost_nanousd, upstream_s = record.cost_nanousd, attempt.answered_s or 0.0
                return (record,), attempt, cost_nanousd, upstream_s, record.first_token_ms, record.price_version
        records, upstream_s, paid, first_token_ms, versions = [], 0.0, None, None, ""
        for attempt in attempts:
            record = attempt.record or attempt.end(self.left_for)
            records.append(record)
            upstream_s += attempt.answered_s or 0.0
            if attempt.usage is not None and not attempt.was_in_vain:
                paid = attempt
            if record.first_token_ms is not None:
                first_token_ms = record.first_token_ms
            if record.price_version:
                versions = _with_version(versions, record.price_version)
        cost_nanousd = None if paid is None else self.cost_nanousd()
        return tuple(records), paid, cost_nanousd, upstream_s, first_token_ms, versions[:_MAX_VERSION_CHARS]


def _with_version(versions: str, version: str) -> str:
    """Sources of prices by commas, none of them twice."""
    if not versions or version in versions.split(", "):
        return versions or version
    return f"{versions}, {version}"
