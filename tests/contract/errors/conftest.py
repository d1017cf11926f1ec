"""The failing services, and every way to them."""

from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import AsyncExitStack
from typing import Any

import grpc
import httpx2
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from edge.serve import serving
from edge.settings import EdgeSettings
from edge.standalone import channel_options, gateway_app
from tests.contract.errors.stage import serving_core
from tests.contract.errors.ways import GrpcWay, RestWay, Way

WAYS = ("REST over the channel in process", "REST over TCP", "gRPC over TCP", "gRPC in process")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def ways() -> AsyncIterator[dict[str, Way]]:
    """Every way by its name; HTTP is real on both REST ones."""
    settings = EdgeSettings.from_environment(port=0, grace_s=1)
    async with AsyncExitStack() as stack:
        core = await stack.enter_async_context(serving_core())

        async def rest(channel: grpc.aio.Channel) -> RestWay:
            port = await stack.enter_async_context(serving(gateway_app(channel, settings), settings))
            client = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20)
            return RestWay(await stack.enter_async_context(client))

        async def dial(options: list[tuple[str, int]] | None = None) -> grpc.aio.Channel:
            return await stack.enter_async_context(grpc.aio.insecure_channel(core.target, options))

        made: tuple[Way, ...] = (
            await rest(core.inside),
            await rest(await dial(channel_options(32 * 1024 * 1024))),
            GrpcWay(await dial()),
            GrpcWay(core.inside),
        )
        yield dict(zip(WAYS, made, strict=True))


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, ways: dict[str, Way]) -> Way:
    """Each way in turn."""
    return ways[request.param]


@pytest.fixture(autouse=True)
def log() -> Iterator[list[MutableMapping[str, Any]]]:
    """What the core logs, instead of its being printed."""
    with capture_logs() as lines:
        yield lines
