"""Options of the whole test run, and the servers that several folders of tests share."""

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.stores.postgres import PostgresServer, postgres_server


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` writes what the code makes into the golden files; the difference is reviewed as code.

    `--faults all` tries every fault in every way, `--cells all` every face to every dialect in every scene.
    `--cuts` says how many streams are cut at a random byte, `--leavers` how many clients leave in each state,
    `--rounds` how often a gateway under load is stopped.
    """
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files from what the code makes")
    parser.addoption("--cells", choices=("some", "all"), default="some", help="how many cells of the providers' matrix")
    parser.addoption("--faults", choices=("some", "all"), default="some", help="how many cells of the faults' matrix")
    parser.addoption("--cuts", type=int, default=300, help="how many streams are cut at a random byte")
    parser.addoption("--leavers", type=int, default=20, help="how many clients leave in each state of a request")
    parser.addoption("--rounds", type=int, default=1, help="how often a gateway is stopped under load")


def pytest_configure(config: pytest.Config) -> None:
    """Lets gateways of tests and made-up examples be late: on a busy machine that says nothing about them.

    Options, and the settings of a test, still go before this.
    """
    os.environ.setdefault("PERPETUO_MAX_LAG_MS", "0")
    settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("busy")


def pytest_collection_finish() -> None:
    """Has the collector leave alone what is there before the first test.

    It would go through all the modules of the tests now and then: half a second in which everything stands still, and
    what a test waits for or measures is late.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server, one for each test process that asks for it."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """An empty database of one's own."""
    name = postgres.new_database()
    yield postgres.url(name)
    postgres.drop_database(name)
