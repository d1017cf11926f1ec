"""A whole core on a fresh database, reached by stubs over the in-process channel."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import pytest_asyncio
from perpetuo.v1 import auth_pb2, auth_pb2_grpc

from server.app import Core
from server.demo import make_demo
from server.settings import ServerSettings


@pytest_asyncio.fixture(loop_scope="session")
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    """A core with the demo user, which listens nowhere."""
    settings = ServerSettings.from_environment(data_dir=tmp_path, allow_private_upstreams=True, demo=True, grace_s=0)
    async with await Core.open(settings) as opened:
        await make_demo(opened.stores)
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def channel(core: Core) -> grpc.aio.Channel:
    return core.server.channel


@pytest_asyncio.fixture(loop_scope="session")
async def signed_up(channel: grpc.aio.Channel) -> auth_pb2.SignUpResponse:
    """A user of its own."""
    request = auth_pb2.SignUpRequest(email="ann@example.com", password="secure-password-123", name="Ann")
    answer: auth_pb2.SignUpResponse = await auth_pb2_grpc.AuthServiceStub(channel).SignUp(request)
    return answer
