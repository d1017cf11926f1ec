"""The gateways that the faults are tried on, and which of the cells are run."""

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from tests.faults.cells import cells, some_cells
from tests.faults.lab import Lab, fixed_names, open_lab
from tests.faults.pending import ABSENT


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All cells with `--faults all`, else some of each row that the gateway meets."""
    if "cell" in metafunc.fixturenames:
        is_all = metafunc.config.getoption("--faults") == "all"
        chosen = list(cells()) if is_all else [cell for cell in some_cells() if cell.row.fault not in ABSENT]
        metafunc.parametrize("cell", chosen, ids=str)


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Keeps a line for the end of the run, where figures stand."""
    return lambda line: record_property("figure", line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures of the tests that told some."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    lines = [value for report in reports for name, value in report.user_properties if name == "figure"]
    if lines:
        terminalreporter.section("figures")
    for line in lines:
        terminalreporter.write_line(str(line))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def patient(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    """A gateway with time limits that nothing reaches but what never ends."""
    limits = {"connect_timeout_s": 5.0, "first_token_timeout_s": 20.0, "answer_timeout_s": 20.0, "idle_timeout_s": 20.0}
    with fixed_names():
        async with open_lab(tmp_path_factory.mktemp("patient"), timeout_s=30.0, **limits) as lab:
            yield lab


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def brisk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    """A gateway with time limits of a second."""
    limits = {"connect_timeout_s": 1.0, "first_token_timeout_s": 1.0, "answer_timeout_s": 1.0, "idle_timeout_s": 1.0}
    async with open_lab(tmp_path_factory.mktemp("brisk"), timeout_s=15.0, **limits) as lab:
        yield lab


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def narrow(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    """A patient gateway that opens one connection to each upstream."""
    limits = {"connect_timeout_s": 25.0, "first_token_timeout_s": 25.0, "upstream_connections": 1}
    async with open_lab(tmp_path_factory.mktemp("narrow"), timeout_s=30.0, **limits) as lab:
        yield lab


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def crowded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    """A patient gateway that makes ten calls of upstreams at the same time."""
    limits = {"connect_timeout_s": 25.0, "first_token_timeout_s": 25.0, "max_upstream_calls": 10, "queue_wait_s": 25.0}
    async with open_lab(tmp_path_factory.mktemp("crowded"), timeout_s=30.0, **limits) as lab:
        yield lab
