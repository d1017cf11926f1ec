"""Judgements as a table for people, and as JSON for programs. Pure."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from cli.conformance.rows import Row
from cli.conformance.verdict import Judgement, Verdict

_WIDTH: Final = 48


def line(judgement: Judgement) -> str:
    """One fault: id, title, verdict, attempts at the primary and the fallback, seconds, reasons."""
    row, seen = judgement.row, judgement.seen
    calls = f"{len(seen.primary_s)}+{len(seen.fallback_s)}"
    why = "; ".join(judgement.reasons)
    return (
        f"{row.id}  {row.title:<{_WIDTH}} {judgement.verdict.value:<8} {calls:>7} {_took_s(judgement):>6.1f} s  {why}"
    ).rstrip()


def heading() -> str:
    """What stands above the lines."""
    return f"{'id':<5}{'fault':<{_WIDTH}} {'verdict':<8} {'calls':>7} {'took':>8}  why not better"


def summary(judgements: Sequence[Judgement]) -> str:
    """How often each verdict was given."""
    counts = Counter(judgement.verdict for judgement in judgements)
    return ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict)


def as_json(label: str, profile: str, judgements: Sequence[Judgement]) -> dict[str, Any]:
    """The same for programs."""
    counts = Counter(judgement.verdict for judgement in judgements)
    return {
        "target": label,
        "profile": profile,
        "counts": {verdict.value: counts[verdict] for verdict in Verdict},
        "faults": [_fault(judgement) for judgement in judgements],
    }


def chosen(rows: Sequence[Row], only: str) -> tuple[Row, ...]:
    """The faults of those ids, all for no ids. Raises ValueError for an id that there is not."""
    ids = [each.strip().upper() for each in only.split(",") if each.strip()]
    unknown = set(ids) - {row.id for row in rows}
    if unknown:
        raise ValueError(f"there is no fault {', '.join(sorted(unknown))}; there are {', '.join(r.id for r in rows)}")
    return tuple(row for row in rows if not ids or row.id in ids)


def _fault(judgement: Judgement) -> dict[str, Any]:
    seen = judgement.seen
    return {
        "id": judgement.row.id,
        "title": judgement.row.title,
        "verdict": judgement.verdict.value,
        "reasons": list(judgement.reasons),
        "primary_attempts": len(seen.primary_s),
        "fallback_attempts": len(seen.fallback_s),
        "took_s": round(_took_s(judgement), 3),
    }


def _took_s(judgement: Judgement) -> float:
    return max(outcome.took_s for outcome in judgement.seen.outcomes)
