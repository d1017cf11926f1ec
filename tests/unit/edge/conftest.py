"""One core and one REST face over it, on loopback sockets, for all tests of the edge in a worker process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
import httpx2
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2_grpc
from perpetuo.v1 import errors_pb2

from edge.app import EdgeOptions, create_app
from edge.rest.health import health_pages
from edge.rest.slips import corrected
from edge.serve import serving
from edge.settings import EdgeSettings
from edge.standalone import channel_options
from server.inprocess import HandlerRegistry, InProcessChannel
from tests.unit.edge.echo import Core, service, serving_core

MAX_BODY_BYTES = 1024 * 1024
MAX_PARSED_BODY_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Face:
    """A REST face that serves, with a client for it and the core behind it."""

    core: Core
    client: httpx2.AsyncClient
    port: int


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def core() -> AsyncIterator[Core]:
    """The core."""
    async with serving_core() as running:
        yield running


@asynccontextmanager
async def channel_to(core: Core, way: str) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to the core, over a socket or in process."""
    if way == "apart":
        async with grpc.aio.insecure_channel(f"127.0.0.1:{core.port}", channel_options(MAX_BODY_BYTES)) as channel:
            yield channel
        return
    registry = HandlerRegistry()
    registry.add_generic_rpc_handlers((core.handler(),))
    health_pb2_grpc.add_HealthServicer_to_server(core.health, registry)
    async with InProcessChannel(registry, options=channel_options(MAX_BODY_BYTES)) as channel:
        yield channel


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=["apart", "in process"])
async def shared_face(core: Core, request: pytest.FixtureRequest) -> AsyncIterator[Face]:
    """The REST face: apart from its core, with all that stands before it, and beside its core, with nothing more."""
    async with channel_to(core, request.param) as channel:
        options = EdgeOptions(
            services=[service()],
            reasons=errors_pb2.ErrorReason.DESCRIPTOR,
            max_body_bytes=MAX_BODY_BYTES,
            max_parsed_body_bytes=MAX_PARSED_BODY_BYTES,
            cors_origins=("https://console.example",) if request.param == "apart" else (),
            heartbeat_s=0.05,
            pages=health_pages(channel),
            correct_path=corrected,
        )
        settings = EdgeSettings.from_environment(port=0, grace_s=1)
        async with (
            serving(create_app(channel, options), settings) as port,
            httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client,
        ):
            yield Face(core, client, port)


@pytest_asyncio.fixture(loop_scope="session")
async def face(shared_face: Face) -> Face:
    """The REST face, with a core that has forgotten earlier tests."""
    shared_face.core.reset()
    return shared_face
