"""For every RPC that a user may call with ids in it: a request that is good but for who asks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from server.accounts.keys import NewKey
from server.accounts.providers import NewProvider
from server.chat.ids import new_id
from server.chat.principal import Role
from server.chat.records import OperationRecord
from tests.security.world import Person, World

LEAST_ROLE: Mapping[str, Role] = {
    "GetWorkspace": Role.VIEWER,
    "UpdateWorkspace": Role.ADMIN,
    "DeleteWorkspace": Role.OWNER,
    "ListMembers": Role.VIEWER,
    "AddMember": Role.ADMIN,
    "UpdateMember": Role.ADMIN,
    "RemoveMember": Role.ADMIN,
    "ListKeys": Role.VIEWER,
    "CreateKey": Role.MEMBER,
    "UpdateKey": Role.ADMIN,
    "RotateKey": Role.ADMIN,
    "DeleteKey": Role.ADMIN,
    "ListLogs": Role.VIEWER,
    "GetLog": Role.VIEWER,
    "GetUsage": Role.VIEWER,
    "GetUsageByProvider": Role.VIEWER,
    "GetLatency": Role.VIEWER,
    "GetErrorRates": Role.VIEWER,
    "GetOverview": Role.VIEWER,
    "GetCostBreakdown": Role.VIEWER,
    "GetModelDistribution": Role.VIEWER,
    "ListRequests": Role.VIEWER,
    "ExportRequests": Role.VIEWER,
    "ListPrices": Role.VIEWER,
    "ReplacePrices": Role.ADMIN,
    "ListProviders": Role.VIEWER,
    "CreateProvider": Role.ADMIN,
    "UpdateProvider": Role.ADMIN,
    "DeleteProvider": Role.ADMIN,
}
"""What each RPC on a workspace takes, for keys of somebody else. Those that are not here touch no workspace by id."""

EXTRA: Mapping[str, dict[str, Any]] = {
    "UpdateWorkspace": {"name": "Other"},
    "UpdateMember": {"role": 1},
    "AddMember": {"role": 1},
    "UpdateKey": {"name": "Other"},
    "CreateProvider": {"provider": "demo"},
    "UpdateProvider": {"name": "Other"},
}


@dataclass(frozen=True, slots=True)
class Lot:
    """A workspace that is nobody's default, with something of each kind in it."""

    workspace_id: str
    key_id: str
    provider_id: str
    user_id: str
    request_id: str

    def ids(self) -> dict[str, str]:
        """The ids by the names of their fields."""
        return {
            "workspace_id": self.workspace_id,
            "key_id": self.key_id,
            "provider_id": self.provider_id,
            "user_id": self.user_id,
            "request_id": self.request_id,
        }


async def make_lot(world: World, owner: Person, member: Person) -> Lot:
    """A lot of `owner` in which `member` is a viewer."""
    accounts = world.core.stores.accounts
    made = (await accounts.workspaces.create(owner.id, "Lot")).workspace
    key = await accounts.create_key(owner.id, made.id, NewKey())
    entry = await world.core.stores.entries.add(made.id, NewProvider("demo"))
    await accounts.members.add(owner.id, made.id, member.made.user.email, Role.VIEWER)
    record = OperationRecord(
        new_id("req_"), made.id, owner.id, key.key.id, "rest", None, "m", "m", "demo", entry.id, "default", "simple",
        False, False, 200, "ok", None, None, 1, None, datetime.now(UTC),
    )  # fmt: skip
    async with world.core.stores.database.write() as tx:
        await tx.operations.add_many([record], "prices/1")
    return Lot(made.id, key.key.id, entry.id, member.id, record.request_id)


def fields_for(name: str, known: Mapping[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a request of that RPC: its ids, and what else it needs. `known` are the fields that it has."""
    extra = dict(EXTRA.get(name, {}))
    return {**{field: value for field, value in ids.items() if field in known}, **extra}
