"""The operator reaches the accounts whether the gateway serves or not."""

import socket
from pathlib import Path

import pytest
from perpetuo.admin.v1 import admin_pb2, admin_pb2_grpc

from cli.operator import NoDataError, operator_channel
from server.app import Core
from server.errors import StoreUnavailable
from server.operator_socket import FILE_NAME
from server.settings import ServerSettings


async def emails(settings: ServerSettings) -> list[str]:
    async with operator_channel(settings, makes_data=False) as channel:
        answer = await admin_pb2_grpc.AdminServiceStub(channel).ListUsers(admin_pb2.ListUsersRequest())
    return [account.user.email for account in answer.accounts]


async def make(settings: ServerSettings, email: str) -> None:
    async with operator_channel(settings, makes_data=True) as channel:
        request = admin_pb2.CreateUserRequest(email=email, password="secure-password-123")
        await admin_pb2_grpc.AdminServiceStub(channel).CreateUser(request)


async def test_both_ways_lead_to_the_same_users(tmp_path: Path) -> None:
    settings = ServerSettings.from_environment(data_dir=tmp_path / "new", grpc_port=0, grace_s=0)
    with pytest.raises(NoDataError):
        await emails(settings)
    assert not (tmp_path / "new").exists()
    await make(settings, "one@example.com")
    async with await Core.open(settings) as core:
        await core.start()
        await make(settings, "two@example.com")
        assert await emails(settings) == ["one@example.com", "two@example.com"]
    assert await emails(settings) == ["one@example.com", "two@example.com"]


async def test_a_socket_that_a_crash_left_behind_does_not_count(tmp_path: Path) -> None:
    settings = ServerSettings.from_environment(data_dir=tmp_path, grpc_port=0, grace_s=0)
    await make(settings, "one@example.com")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / FILE_NAME))
    assert await emails(settings) == ["one@example.com"]


async def test_a_gateway_that_has_the_database_but_no_socket_is_told(tmp_path: Path) -> None:
    settings = ServerSettings.from_environment(data_dir=tmp_path, grpc_port=0, grace_s=0)
    async with await Core.open(settings):
        with pytest.raises(StoreUnavailable):
            await emails(settings)
