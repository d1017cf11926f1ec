"""The table of several gateways and its place on the page."""

from pathlib import Path
from typing import Any

import pytest

from tests.scoreboard.systems import SYSTEMS
from tests.scoreboard.table import BEGIN, END, on_page, table

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"


def report(name: str, verdict: str) -> dict[str, Any]:
    fault = {"id": "S01", "title": "A fault", "verdict": verdict, "primary_attempts": 1, "fallback_attempts": 2}
    counts = {"pass": 0, "partial": 0, "safe": 0, "fail": 0} | {verdict: 1}
    return {"target": name, "counts": counts, "faults": [fault | {"took_s": 1.04}]}


def test_a_table_has_a_column_for_each_gateway() -> None:
    lines = table([report("One 1.0", "pass"), report("Two 2.0", "fail")]).splitlines()
    assert lines[0] == "| id | fault | One 1.0 | Two 2.0 |"
    assert lines[2] == "| S01 | A fault | pass (1+2, 1.0 s) | **fail** (1+2, 1.0 s) |"
    assert lines[3].endswith("| 1 pass, 0 partial, 0 safe, 0 fail | 0 pass, 0 partial, 0 safe, 1 fail |")


def test_the_table_has_a_place_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    made = on_page(page, "| a table |", "1 May 2026")
    assert f"{BEGIN}\n\nMeasured on 1 May 2026.\n\n| a table |\n\n{END}" in made
    assert on_page(made, "| a table |", "1 May 2026") == made
    with pytest.raises(ValueError, match="no place"):
        on_page("nothing", "", "")


def test_perpetuo_is_the_first_of_those_judged() -> None:
    assert next(iter(SYSTEMS)) == "perpetuo"
