"""Figures of a workspace, made from the sums that the ledger keeps. Who may see a workspace is for others to say.

Usage and cost are those of operations, under the provider that answered. How providers do is told by attempts: one that
failed is its provider's, even when the next one answered. Only failures that blame a provider speak against it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from msgspec import Struct

from server.chat.records import OperationRecord
from server.ledger.log_query import AskedLogs, read_page, since
from server.ledger.timeframes import first_day, read_timeframe
from server.storage.buckets import percentile_ms
from server.storage.columns import from_micros, to_micros
from server.storage.database import Database
from server.storage.figures import CallSums, UsageSums, mean
from server.storage.rollups import CALL_FIRST_TOKEN_MS, CALL_MS, REQUEST_MS
from server.storage.spans import ALL_TIME, Stretch

MINUTES_KEPT = timedelta(hours=48)
"""For how long sums by minute are there to be read."""

_NOTHING = UsageSums()


def minutes_from(now: datetime) -> datetime:
    """From when on sums by minute are there."""
    return now - MINUTES_KEPT


_OK = "ok"


class Usage(Struct, frozen=True):
    """Tokens and cost: all of it, what came from the cache, and by the provider that answered."""

    total: UsageSums
    cached: UsageSums
    by_provider: Mapping[str, UsageSums]


class Times(Struct, frozen=True):
    """Times in whole milliseconds: the exact mean, and percentiles within 5 %."""

    mean_ms: int
    p50_ms: int
    p95_ms: int
    p99_ms: int


class Latency(Struct, frozen=True):
    """How long a provider's answered calls took, and those with content to the first of it; None if none had any."""

    calls: int
    whole: Times
    first_token: Times | None


@dataclass(slots=True)
class ErrorRate:
    """How many calls of a provider counted, and how many of them failed, by reason."""

    calls: int = 0
    errors: int = 0
    by_reason: dict[str, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """0 to 1; 0 without calls."""
        return self.errors / self.calls if self.calls else 0.0


class Overview(Struct, frozen=True):
    """A workspace since `start`: all requests, those answered in full, those from the cache, and their latencies."""

    start: datetime
    total: UsageSums
    ok: UsageSums
    cached: UsageSums
    times: Times

    @property
    def cache_hit_rate(self) -> float:
        """0 to 100."""
        return percentage(self.cached.requests, self.total.requests)


class RequestPage(Struct, frozen=True):
    """Records without their attempts, newest first, and how many there are in all."""

    records: tuple[OperationRecord, ...]
    page: int
    limit: int
    total: int

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return -(-self.total // self.limit)


def percentage(part: int, whole: int) -> float:
    """0 to 100; 0 of nothing."""
    return 100 * part / whole if whole else 0.0


class Analytics:
    """Reads figures. `providers` are the names that can be asked for; `blames` is whether an outcome blames one.

    `kept_from` is the moment from which on logs are kept: the rows of `requests`, but not the sums of all else.
    """

    def __init__(
        self,
        database: Database,
        providers: Collection[str],
        blames: Callable[[str], bool],
        kept_from: Callable[[], datetime | None] = lambda: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._providers = providers
        self._blames = blames
        self._kept_from = kept_from
        self._now = now

    async def usage(self, workspace_id: str, days: int | None) -> Usage:
        """What was used in the last days, None being all time. Raises RequestInvalid, StoreUnavailable."""
        stretch = ALL_TIME if days is None else Stretch(first_day(days, self._now()))
        found = await self._sums(workspace_id, ("provider", "is_cache_hit"), stretch)
        by_provider: dict[str, UsageSums] = {}
        for (provider, _), sums in found.items():
            if provider:
                by_provider[provider] = by_provider.get(provider, _NOTHING) + sums
        return Usage(_total(found.values()), _total(found[key] for key in found if key[1]), by_provider)

    async def usage_by_provider(self, workspace_id: str, days: int | None) -> Mapping[str, UsageSums]:
        """What was used in the last days by provider. Raises RequestInvalid, StoreUnavailable."""
        stretch = Stretch(first_day(days, self._now()))
        found = await self._sums(workspace_id, ("provider",), stretch)
        return {provider: sums for (provider,), sums in found.items() if provider}

    async def latency(self, workspace_id: str, days: int | None) -> Mapping[str, Latency]:
        """How long providers took in the last days. Raises RequestInvalid, StoreUnavailable."""
        from_us = to_micros(first_day(days, self._now()))
        async with self._database.read() as tx:
            calls = await tx.figures.calls(workspace_id, ("provider", "outcome"), from_us)
            whole = await tx.figures.latencies(workspace_id, CALL_MS, from_us)
            first = await tx.figures.latencies(workspace_id, CALL_FIRST_TOKEN_MS, from_us)
        answered = {provider: sums for (provider, outcome), sums in calls.items() if outcome == _OK}
        return {
            provider: _latency(sums, whole.get(provider, {}), first.get(provider, {}))
            for provider, sums in answered.items()
        }

    async def error_rates(self, workspace_id: str, days: int | None) -> Mapping[str, ErrorRate]:
        """How often providers failed in the last days. Raises RequestInvalid, StoreUnavailable."""
        from_us = to_micros(first_day(days, self._now()))
        async with self._database.read() as tx:
            calls = await tx.figures.calls(workspace_id, ("provider", "outcome"), from_us)
        rates: dict[str, ErrorRate] = {}
        for (provider, outcome), sums in calls.items():
            is_failure = self._blames(outcome)
            if not is_failure and outcome != _OK:
                continue
            rate = rates.setdefault(provider, ErrorRate())
            rate.calls += sums.calls
            if is_failure:
                rate.errors += sums.calls
                rate.by_reason[outcome] = sums.calls
        return rates

    async def overview(self, workspace_id: str, timeframe: str) -> Overview:
        """The workspace at a glance. Raises RequestInvalid, StoreUnavailable."""
        now = self._now()
        frame = read_timeframe(timeframe, now)
        group_by = ("is_cache_hit", "outcome")
        async with self._database.read() as tx:
            found = await tx.figures.usage(workspace_id, group_by, Stretch(frame.start), minutes_from=minutes_from(now))
            times = await tx.figures.latencies(
                workspace_id, REQUEST_MS, to_micros(frame.times_start), grain=frame.grain
            )
        total = _total(found.values())
        return Overview(
            start=frame.start,
            total=total,
            ok=_total(found[key] for key in found if key[1] == _OK),
            cached=_total(found[key] for key in found if key[0]),
            times=_times(total.latency_ms, times.get("", {})),
        )

    async def by_day(self, workspace_id: str, days: int | None) -> list[tuple[date, UsageSums]]:
        """What was used on each of the last days, oldest first. Raises RequestInvalid, StoreUnavailable."""
        now = self._now()
        day = first_day(days, now)
        found = await self._sums(workspace_id, ("start_us",), Stretch(day))
        by_date = {from_micros(key[0]).date(): sums for key, sums in found.items()}
        count = (now.astimezone(UTC).date() - day.date()).days + 1
        dates = [day.date() + timedelta(days=number) for number in range(count)]
        return [(each, by_date.get(each, _NOTHING)) for each in dates]

    async def by_model(self, workspace_id: str, days: int | None) -> list[tuple[str, UsageSums]]:
        """What the models that answered were used for in the last days. Raises RequestInvalid, StoreUnavailable."""
        stretch = Stretch(first_day(days, self._now()))
        found = await self._sums(workspace_id, ("model", "provider"), stretch)
        models: dict[str, UsageSums] = {}
        for (model, provider), sums in found.items():
            if provider:
                models[model] = models.get(model, _NOTHING) + sums
        return sorted(models.items(), key=lambda item: (-item[1].requests, item[0]))

    async def requests(self, workspace_id: str, asked: AskedLogs) -> RequestPage:
        """A page of records by number, and how many there are. Raises RequestInvalid, StoreUnavailable."""
        query = read_page(asked, self._providers)
        skip, only = (query.page - 1) * query.limit, since(query.only, self._kept_from())
        records: tuple[OperationRecord, ...] = ()
        async with self._database.read() as tx:
            minutes = minutes_from(self._now())
            total = await tx.figures.count(workspace_id, only, minutes_from=minutes)
            if skip < total:
                records = await tx.operations.recent(
                    workspace_id, query.limit, only=only, skip=skip, minutes_from=minutes
                )
        return RequestPage(records, query.page, query.limit, total)

    async def _sums(
        self, workspace_id: str, group_by: tuple[str, ...], stretch: Stretch
    ) -> dict[tuple[Any, ...], UsageSums]:
        async with self._database.read() as tx:
            return await tx.figures.usage(workspace_id, group_by, stretch, minutes_from=minutes_from(self._now()))


def _total(sums: Iterable[UsageSums]) -> UsageSums:
    return sum(sums, _NOTHING)


def _latency(sums: CallSums, whole: Mapping[int, int], first: Mapping[int, int]) -> Latency:
    first_token = _times(mean(sums.first_token_sum_ms, sums.first_tokens), first) if sums.first_tokens else None
    return Latency(sums.calls, _times(mean(sums.latency_sum_ms, sums.calls), whole), first_token)


def _times(mean_ms: int, times: Mapping[int, int]) -> Times:
    return Times(mean_ms, percentile_ms(times, 0.5), percentile_ms(times, 0.95), percentile_ms(times, 0.99))
