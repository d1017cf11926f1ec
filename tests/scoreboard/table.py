"""Reports of several gateways as one table, and its place on the page. Pure."""

from collections.abc import Sequence
from typing import Any, Final

BEGIN: Final = "<!-- measured: make conformance-peers -->"
END: Final = "<!-- end of what was measured -->"
MARKS: Final = {"pass": "pass", "partial": "partial", "safe": "safe", "fail": "**fail**"}


def table(reports: Sequence[dict[str, Any]]) -> str:
    """A row for each fault, a column for each gateway: the verdict, attempts at primary and fallback, and seconds."""
    heads = [report["target"] for report in reports]
    lines = [f"| id | fault | {' | '.join(heads)} |", f"|---|---|{'---|' * len(heads)}"]
    for faults in zip(*(report["faults"] for report in reports), strict=True):
        cells = [_cell(fault) for fault in faults]
        lines.append(f"| {faults[0]['id']} | {faults[0]['title']} | {' | '.join(cells)} |")
    counts = [", ".join(f"{count} {name}" for name, count in report["counts"].items()) for report in reports]
    lines.append(f"| | **together** | {' | '.join(counts)} |")
    return "\n".join(lines)


def on_page(page: str, made: str, day: str) -> str:
    """The page with the table in its place. Raises ValueError when the marks of the place are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page has no place for the table")
    return f"{before}{begin}\n\nMeasured on {day}.\n\n{made}\n\n{end}{after}"


def _cell(fault: dict[str, Any]) -> str:
    calls = f"{fault['primary_attempts']}+{fault['fallback_attempts']}"
    return f"{MARKS[fault['verdict']]} ({calls}, {fault['took_s']:.1f} s)"
