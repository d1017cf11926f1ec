"""One Valkey server for the tests of a worker process."""

from collections.abc import Iterator

import pytest

from tests.unit.server.state.valkeys import Valkey, running_valkey


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """A server that no test stops."""
    with running_valkey() as server:
        yield server
