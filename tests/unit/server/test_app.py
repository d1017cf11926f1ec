"""The composition root: what it refuses, and that a core can be opened, used, stopped and opened again."""

from dataclasses import replace
from pathlib import Path

import grpc.aio
import pytest
from perpetuo.v1 import models_pb2, models_pb2_grpc

from server.accounts.people import NewUser
from server.accounts.providers import NewProvider
from server.accounts.vault import WrongKeyError
from server.app import Core
from server.demo import make_demo
from server.errors import StoreUnavailable
from server.settings import ServerSettings


async def test_a_core_serves_on_a_free_port_and_keeps_its_data(tmp_path: Path) -> None:
    settings = ServerSettings.from_environment(data_dir=tmp_path, demo=True, grpc_port=0, grace_s=0)
    for _ in range(2):
        async with await Core.open(settings) as core:
            key = await make_demo(core.stores)
            port = await core.start()
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                answer = await models_pb2_grpc.ModelsServiceStub(channel).ListModels(
                    models_pb2.ListModelsRequest(), metadata=(("authorization", f"Bearer {key}"),)
                )
            assert answer.data
    assert [path.stat().st_mode & 0o077 for path in tmp_path.iterdir()] == [0] * len(list(tmp_path.iterdir()))


async def test_a_data_directory_has_one_owner(tmp_path: Path) -> None:
    settings = ServerSettings.from_environment(data_dir=tmp_path, grace_s=0)
    async with await Core.open(settings):
        with pytest.raises(StoreUnavailable):
            await Core.open(settings)


async def test_another_master_key_is_refused_at_the_start(tmp_path: Path) -> None:
    async with await Core.open(ServerSettings.from_environment(data_dir=tmp_path, grace_s=0)) as core:
        await make_demo(core.stores)
    (tmp_path / "master.key").unlink()
    with pytest.raises(WrongKeyError, match="master key"):
        await Core.open(ServerSettings.from_environment(data_dir=tmp_path, grace_s=0))


async def test_the_master_key_is_changed_while_requests_are_served(tmp_path: Path) -> None:
    first = ServerSettings.from_environment(data_dir=tmp_path, demo=True, grpc_port=0, grace_s=0)
    async with await Core.open(first) as core:
        key = await make_demo(core.stores)
        made = await core.stores.accounts.create_user(NewUser("ana@example.com", "secure123"))
        for number in range(300):
            new = NewProvider("openai", f"sk-canary-{number:010}", base_url="https://a.example/v1")
            await core.stores.entries.add(made.workspace.id, replace(new, priority=1 + number % 9))
            if number % 150 == 149:
                made = await core.stores.accounts.create_user(NewUser(f"ana{number}@example.com", "secure123"))
    (tmp_path / "master.key").rename(tmp_path / "old.key")
    with pytest.raises(WrongKeyError, match="--old-master-key-file"):
        await Core.open(first)
    second = replace(first, old_master_key_file=tmp_path / "old.key")
    async with await Core.open(second) as core:
        await make_demo(core.stores)
        await core.start()
        models = models_pb2_grpc.ModelsServiceStub(core.server.channel)
        answers = 0
        while core._rewrapping is not None and not core._rewrapping.done():
            for credential in (key, made.api_key):
                metadata = (("authorization", f"Bearer {credential}"),)
                await models.ListModels(models_pb2.ListModelsRequest(), metadata=metadata)
                answers += 1
        assert core._rewrapping is not None
        done = core._rewrapping.result()
        assert (done.anew, done.broken) == (302, 0)
        print(f"{answers} requests were answered while {done.anew} values were sealed anew")
        assert answers > 10
    (tmp_path / "old.key").unlink()
    async with await Core.open(first) as core:
        await core.start()
        assert (await core.stores.accounts.authenticate_key(made.api_key)).user_id == made.user.id
