"""The page about the mock shows the tables as they are."""

from pathlib import Path

import pytest

from cli.mock.catalogue import FAULTS
from cli.mock.pages import tables, with_tables
from cli.mock.parts import PARTS

PAGE = Path(__file__).parents[4] / "docs" / "mock.md"


def test_the_page_shows_every_fault_and_every_part(request: pytest.FixtureRequest) -> None:
    page = PAGE.read_text(encoding="utf-8")
    made = with_tables(page)
    if request.config.getoption("--update-golden"):
        PAGE.write_text(made, encoding="utf-8")
        page = made
    assert page == made


def test_the_tables_hold_a_row_for_each() -> None:
    rows = [line for line in tables().splitlines() if line.startswith("| `")]
    assert len(rows) == len(FAULTS) + len(PARTS)
    assert all(line.count("|") in (4, 6) for line in rows)


def test_a_page_without_a_place_for_the_tables_is_refused() -> None:
    with pytest.raises(ValueError, match="no place"):
        with_tables("# Nothing here")
