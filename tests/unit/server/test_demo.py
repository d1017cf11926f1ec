"""Demo mode: what it makes is made once, and its user is on the enterprise plan."""

from pathlib import Path

import pytest

from server.app import Core
from server.chat.principal import Plan
from server.demo import EMAIL, KEY, make_demo
from server.errors import KeyInvalid
from server.settings import ServerSettings


async def test_the_demo_is_made_once(tmp_path: Path) -> None:
    async with await Core.open(ServerSettings.from_environment(data_dir=tmp_path, demo=True, grace_s=0)) as core:
        for _ in range(2):
            assert await make_demo(core.stores) == KEY
        principal = await core.stores.accounts.authenticate_key(KEY)
        entries = await core.stores.entries.of_workspace(principal.workspace_id)
        user = await core.stores.accounts.find_user(EMAIL)
    assert principal.plan is Plan.ENTERPRISE
    assert [entry.provider for entry in entries] == ["demo"]
    assert user is not None
    assert user.id == principal.user_id


async def test_without_the_demo_its_key_opens_nothing(tmp_path: Path) -> None:
    async with await Core.open(ServerSettings.from_environment(data_dir=tmp_path, grace_s=0)) as core:
        with pytest.raises(KeyInvalid):
            await core.stores.accounts.authenticate_key(KEY)
