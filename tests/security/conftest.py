"""One world for the tests of a process."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.security.world import World, open_world


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with open_world(tmp_path_factory.mktemp("world")) as opened:
        yield opened
