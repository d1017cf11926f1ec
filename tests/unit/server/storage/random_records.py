"""Request records of every kind, by chance that can be repeated."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from server.chat.records import AttemptRecord, OperationRecord
from server.chat.usage import Usage

END = datetime(2026, 1, 28, 14, 33, 7, 123456, tzinfo=UTC)
"""All of them are before then."""

SERVED = (("openai", "prov_1", "gpt-4o"), ("openai", "prov_2", "gpt-4o-mini"), ("groq", "prov_3", "llama"))
ASKED = ("gpt-4o", "llama", "nobody-knows", "", "x" * 200)
FAILURES = (("RATE_LIMITED", 429), ("UPSTREAM_TIMEOUT", 504), ("REQUEST_INVALID", 400), ("CLIENT_GONE", 499))


def records(
    seed: int, count: int, *, days: float = 3, workspaces: Sequence[str] = ("ws_1", "ws_2")
) -> list[OperationRecord]:
    """So many records of the last `days` days, most of them of the last hours."""
    chance = random.Random(seed)
    return [_record(chance, f"req_{seed}_{number:06}", days, workspaces) for number in range(count)]


def shown_model(operation: OperationRecord) -> str:
    """The model that the logs show: the one that answered, else the one asked for."""
    return (operation.model or operation.model_requested.replace("\x00", "\ufffd"))[:200]


def _record(chance: random.Random, request_id: str, days: float, workspaces: Sequence[str]) -> OperationRecord:
    moment = END - timedelta(days=days * chance.random() ** 3, microseconds=1)
    provider, provider_id, model = chance.choice(SERVED)
    is_served, is_stream = chance.random() < 0.8, chance.random() < 0.5
    outcome, status = ("ok", 200) if chance.random() < 0.8 else ("UPSTREAM_STREAM_INTERRUPTED", 200)
    is_hit = is_served and chance.random() < 0.2
    if not is_served:
        provider, provider_id, model = "", "", ""
        outcome, status = chance.choice(FAILURES)
    usage = _usage(chance) if is_served else None
    cost = None if usage is None or chance.random() < 0.2 else chance.randrange(10**9)
    attempts = () if is_hit else tuple(_attempt(chance, number + 1, moment) for number in range(chance.randrange(3)))
    record = OperationRecord(
        request_id=request_id,
        workspace_id=chance.choice(workspaces),
        user_id="usr_1",
        key_id=chance.choice((None, "key_1", "key_2")),
        surface=chance.choice(("rest", "grpc")),
        client_request_id=None,
        model_requested=chance.choice(ASKED),
        model=model,
        provider=provider,
        provider_id=provider_id,
        strategy="default",
        complexity="simple",
        is_stream=is_stream,
        is_cache_hit=is_hit,
        status=status,
        outcome=outcome,
        usage=usage,
        cost_nanousd=0 if is_hit else cost,
        latency_ms=int(chance.lognormvariate(5, 2)),
        first_token_ms=chance.randrange(500) if is_served and is_stream else None,
        created_at=moment,
        attempts=attempts,
        saved_nanousd=cost if is_hit else None,
    )
    is_alone = is_served and len(attempts) == 1 and chance.random() < 0.8
    return replace(record, attempts=(only_of(record),)) if is_alone else record


def only_of(record: OperationRecord) -> AttemptRecord:
    """The attempt of a record that was answered, or failed, at once."""
    started_at, first_token_ms = record.created_at - timedelta(milliseconds=record.latency_ms), record.first_token_ms
    return AttemptRecord(
        1, record.provider_id, record.provider, record.model, record.outcome, record.status, started_at,
        max(0, record.latency_ms - 1), first_token_ms, record.usage, record.cost_nanousd,
    )  # fmt: skip


def _usage(chance: random.Random) -> Usage:
    uncached, read, written, out, reasoning = (chance.randrange(2000) for _ in range(5))
    return Usage(uncached, read, written, out, reasoning, chance.random() < 0.3)


def _attempt(chance: random.Random, number: int, moment: datetime) -> AttemptRecord:
    provider, provider_id, model = chance.choice(SERVED)
    outcome = chance.choice(("ok", "ok", "ok", "UPSTREAM_TIMEOUT", "REQUEST_INVALID", "CLIENT_GONE"))
    first_token_ms = chance.choice((None, chance.randrange(300)))
    latency_ms = int(chance.lognormvariate(5, 2))
    return AttemptRecord(number, provider_id, provider, model, outcome, 200, moment, latency_ms, first_token_ms)
