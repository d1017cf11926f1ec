"""The operator's socket file: for its owner alone, taken over from a crash, and gone at the end."""

import logging
import stat
from pathlib import Path

import grpc.aio
import pytest
from perpetuo.admin.v1 import admin_pb2, admin_pb2_grpc

from server.app import Core
from server.operator_socket import FILE_NAME
from server.settings import ServerSettings


async def test_the_file_is_for_its_owner_and_serves_the_operator(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.touch()
    path.unlink()
    async with await Core.open(ServerSettings.from_environment(data_dir=tmp_path, grpc_port=0, grace_s=0)) as core:
        await core.start()
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
        assert stat.S_ISSOCK(path.stat().st_mode)
        async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
            stub = admin_pb2_grpc.AdminServiceStub(channel)
            assert not (await stub.ListUsers(admin_pb2.ListUsersRequest())).accounts


async def test_a_file_that_a_crash_left_behind_is_taken_over(tmp_path: Path) -> None:
    settings = ServerSettings.from_environment(data_dir=tmp_path, grpc_port=0, grace_s=0)
    for _ in range(2):
        async with await Core.open(settings) as core:
            await core.start()
        leftover = tmp_path / FILE_NAME
        if not leftover.exists():
            import socket

            with socket.socket(socket.AF_UNIX) as left:
                left.bind(str(leftover))


async def test_a_path_that_is_too_long_is_told_and_left(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    directory = tmp_path / ("d" * 100)
    with caplog.at_level(logging.WARNING):
        async with await Core.open(ServerSettings.from_environment(data_dir=directory, grpc_port=0, grace_s=0)) as core:
            await core.start()
    assert "too long" in caplog.text
    assert not (directory / FILE_NAME).exists()
