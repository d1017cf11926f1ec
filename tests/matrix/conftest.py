"""The stage, one for each test process; and how many cells of the matrix hold, told after all of them were tried."""

import re
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.matrix.stage import Stage, staged

CELL = re.compile(r"test_matrix\.py::[^\[]*\[(?P<face>[^>]+)>(?P<dialect>[^>]+)>(?P<mode>[^>]+)>(?P<scene>[^\]]+)\]")

EXAMPLE = re.compile(r"test_examples\.py::test_the_(?P<sdk>\w+)_sdk\[(?P<dialect>[^>]+)>")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """A gateway with an entry for each dialect, all of which lead to the fake upstream."""
    async with staged(tmp_path_factory.mktemp("matrix")) as made:
        yield made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Writes the table of the matrix."""
    if config.getoption("--cells") != "all":
        return
    counted: Counter[tuple[str, str, str]] = Counter()
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, ()):
            if (cell := _cell(report.nodeid)) and (outcome != "passed" or report.when == "call"):
                counted[(*cell, outcome)] += 1
    if not counted:
        return
    faces = sorted({face for face, _, _ in counted})
    dialects = sorted({dialect for _, dialect, _ in counted})
    width = max(map(len, dialects)) + 2
    terminalreporter.section("cells of the matrix that hold, of those that were tried")
    terminalreporter.write_line(f"{'':{width}}" + "".join(f"{face:>15}" for face in faces))
    for dialect in dialects:
        row = [_told(counted, face, dialect) for face in faces]
        terminalreporter.write_line(f"{dialect:{width}}" + "".join(f"{told:>15}" for told in row))
    passed = sum(count for (_, _, outcome), count in counted.items() if outcome == "passed")
    skipped = sum(count for (_, _, outcome), count in counted.items() if outcome == "skipped")
    terminalreporter.write_line(f"{passed} of {counted.total()} cells hold, {skipped} were left out")


def _cell(name: str) -> tuple[str, str] | None:
    """The face and the dialect of a test; the documented examples of an SDK have a column of their own."""
    if cell := CELL.search(name):
        return cell["face"], cell["dialect"]
    if example := EXAMPLE.search(name):
        return f"{example['sdk']} SDK", example["dialect"]
    return None


def _told(counted: Counter[tuple[str, str, str]], face: str, dialect: str) -> str:
    tried = sum(
        count for (of_face, of_dialect, _), count in counted.items() if (of_face, of_dialect) == (face, dialect)
    )
    return f"{counted[face, dialect, 'passed']}/{tried}"
