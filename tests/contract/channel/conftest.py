"""Runs every behaviour of this directory over each transport."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.contract.channel.stage import TRANSPORTS, Script, Stage, open_stage


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def play(transport: str, tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Stage]]]:
    """Starts stages: of handlers by their method names, or of a script."""
    async with AsyncExitStack() as stack:

        async def start(script: Script | None = None, **handlers: Any) -> Stage:
            return await stack.enter_async_context(open_stage(transport, script or Script(handlers), tmp_path))

        yield start
