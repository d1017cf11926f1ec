"""What is changed while a request runs changes nothing about that request."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from server.accounts.providers import ProviderChanges
from tests.faults.lab import Lab, Room

Change = Callable[[Room], Awaitable[object]]
WHOLE = "".join(f"token{index} " for index in range(40))


async def other_address(room: Room) -> None:
    entries = room.lab.core.stores.entries
    changes = ProviderChanges(base_url="http://127.0.0.1:9/v1", api_key="sk-another-1")
    await entries.change(room.workspace_id, room.targets[0].entry_id, changes)


async def other_credential(room: Room) -> None:
    await room.lab.core.stores.entries.change(room.workspace_id, room.targets[0].entry_id, {"api_key": "sk-another-1"})


async def entry_off(room: Room) -> None:
    await room.lab.core.stores.entries.change(room.workspace_id, room.targets[0].entry_id, {"is_enabled": False})


async def entry_gone(room: Room) -> None:
    await room.lab.core.stores.entries.remove(room.workspace_id, room.targets[0].entry_id)


async def key_revoked(room: Room) -> None:
    accounts = room.lab.core.stores.accounts
    [key] = await accounts.list_keys(room.lab.user_id, room.workspace_id)
    await accounts.revoke_key(room.lab.user_id, room.workspace_id, key.id)


@pytest.mark.parametrize(
    ("change", "then"),
    [
        pytest.param(other_address, "UPSTREAM_UNAVAILABLE", id="the provider's address"),
        pytest.param(other_credential, "", id="the provider's credential"),
        pytest.param(entry_off, "MODEL_UNKNOWN", id="the entry is off"),
        pytest.param(entry_gone, "MODEL_UNKNOWN", id="the entry is gone"),
        pytest.param(key_revoked, "KEY_REVOKED", id="the gateway key is revoked"),
    ],
)
@pytest.mark.parametrize("is_grpc", [False, True], ids=["rest", "grpc"])
async def test_a_running_stream_ends_as_it_began(change: Change, then: str, is_grpc: bool, patient: Lab) -> None:
    async with patient.room("slow?n=40&ms=20") as room:
        running = asyncio.ensure_future(room.ask(is_stream=True, is_grpc=is_grpc, prompt="Before."))
        mock = room.targets[0].mock
        assert mock is not None
        await mock.arrived()
        await change(room)
        after = await room.ask(is_stream=False, is_grpc=is_grpc, prompt="After.")
        seen = await running
        assert (seen.is_complete, seen.text, seen.finish_reasons) == (True, WHOLE, ["stop"])
        assert after.reason == then
        if not then:
            assert [each.header("authorization") for each in mock.requests][-1] == "Bearer sk-another-1"
