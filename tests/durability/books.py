"""What is in the database, read past the gateway, and compared with what clients saw."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import psycopg

from tests.durability.load import Fate, Sent

_SUMS = {
    "requests": "COUNT(*)",
    "input_tokens": "COALESCE(SUM(input_tokens), 0)",
    "output_tokens": "COALESCE(SUM(output_tokens), 0)",
    "cost_nanousd": "COALESCE(SUM(cost_nanousd), 0)",
    "latency_sum_ms": "COALESCE(SUM(latency_ms), 0)",
}


class Query(Protocol):
    """Runs a statement."""

    def __call__(self, sql: str) -> Sequence[tuple[Any, ...]]:
        """All rows of the answer."""


@contextmanager
def reading(database: Path | str) -> Iterator[Query]:
    """A connection to the SQLite file or the PostgreSQL URL, which others may be writing to."""
    if isinstance(database, Path):
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)
        try:
            yield lambda sql: connection.execute(sql).fetchall()
        finally:
            connection.close()
        return
    with psycopg.connect(database, autocommit=True) as server:
        yield lambda sql: server.execute(sql).fetchall()


@dataclass(slots=True)
class Verdict:
    """How the books compare with what clients saw. All but the counts must be zero or empty."""

    complete: int = 0
    interrupted: int = 0
    rows: int = 0
    lost: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    integrity: str = ""

    @property
    def is_good(self) -> bool:
        """Whether nothing is lost, doubled or wrong."""
        return not (self.lost or self.untold or self.doubled or self.wrong) and self.integrity == "ok"

    def __str__(self) -> str:
        return (
            f"{self.complete} complete, {self.interrupted} interrupted, {self.rows} rows; lost {len(self.lost)}, "
            f"begun without a row {len(self.untold)}, doubled {len(self.doubled)}, "
            f"integrity {self.integrity}, {'; '.join(self.wrong) or 'rows = roll-ups'}"
        )


def judge(database: Path | str, sent: Sequence[Sent]) -> Verdict:
    """Compares once everything is written down."""
    verdict = Verdict()
    with reading(database) as query:
        _judge_rows(query, sent, verdict)
        _judge_sums(query, verdict)
        is_file = isinstance(database, Path)
        verdict.integrity = query("PRAGMA integrity_check")[0][0] if is_file else "ok"
    return verdict


def _judge_rows(query: Query, sent: Sequence[Sent], verdict: Verdict) -> None:
    found = query("SELECT client_request_id, request_id, outcome FROM operations WHERE client_request_id LIKE 'own-%'")
    verdict.rows = len(found)
    rows = {own_id: (request_id, outcome) for own_id, request_id, outcome in found}
    seen: set[str] = set()
    verdict.doubled = [own_id for own_id, _, _ in found if own_id in seen or seen.add(own_id)]  # type: ignore[func-returns-value]
    verdict.interrupted = sum(outcome == "interrupted" for _, outcome in rows.values())
    for each in sent:
        row = rows.get(each.own_id)
        if each.fate is Fate.COMPLETE:
            verdict.complete += 1
            if row != (each.request_id, "ok"):
                verdict.lost.append(f"{each.own_id}: {row}")
        elif each.fate is Fate.PARTIAL and row is None:
            verdict.untold.append(each.own_id)


def _judge_sums(query: Query, verdict: Verdict) -> None:
    expected = query(f"SELECT {', '.join(_SUMS.values())} FROM operations")[0]
    for table in ("usage_minutes", "usage_hours", "usage_days"):
        sums = ", ".join(f"COALESCE(SUM({name}), 0)" for name in _SUMS)
        got = query(f"SELECT {sums} FROM {table}")[0]
        if [int(value) for value in got] != [int(value) for value in expected]:
            verdict.wrong.append(f"{table} has {got} for {expected}")
    attempts = query("SELECT (SELECT COUNT(*) FROM attempts) + (SELECT COUNT(call_started_at) FROM operations)")[0][0]
    calls = query("SELECT COALESCE(SUM(calls), 0) FROM call_days")[0][0]
    if int(attempts) != int(calls):
        verdict.wrong.append(f"call_days has {calls} for {attempts} attempts")
