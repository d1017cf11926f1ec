"""Every RPC on a workspace by every role: what the table allows and nothing else."""

from perpetuo.rest.v1 import annotations_pb2 as options

from server.chat.principal import Role
from tests.security.requests import LEAST_ROLE, fields_for, make_lot
from tests.security.world import METHODS, World, access_of

# These act on the user alone, whatever workspaces there are.
OF_THE_USER = {
    "DeleteCurrentUser", "ChangePassword", "GetCurrentUser", "RefreshToken", "LogOut",
    "ListWorkspaces", "CreateWorkspace",
}  # fmt: skip


def test_every_rpc_of_a_user_has_a_least_role_or_touches_no_workspace() -> None:
    of_users = {method.name for method in METHODS if access_of(method) == options.ACCESS_USER}
    assert of_users == set(LEAST_ROLE) | OF_THE_USER


async def test_each_role_may_do_what_the_table_says(world: World) -> None:
    stores = world.core.stores
    owner, viewer, target = [await world.person(f"roles-{name}") for name in ("owner", "viewer", "target")]
    people = {role: await world.person(f"roles-as-{role.value}") for role in Role}
    stranger = await world.person("roles-stranger")
    wrong, cases = [], 0
    for method in (method for method in METHODS if method.name in LEAST_ROLE):
        for role in (*Role, None):
            lot = await make_lot(world, owner, viewer)
            caller = stranger if role is None else people[role]
            if role is not None:
                await stores.accounts.members.add(owner.id, lot.workspace_id, caller.made.user.email, role)
            fields = fields_for(method.name, method.input_type.fields_by_name, lot.ids())
            if method.name == "AddMember":
                fields["email"] = target.made.user.email
            headers = (("authorization", f"Bearer {caller.token}"),)
            outcome, _ = await world.call(method, fields, *headers)
            allowed = "OK" if role is not None and role.covers(LEAST_ROLE[method.name]) else "PERMISSION_DENIED"
            expected = "RESOURCE_NOT_FOUND" if role is None else allowed
            cases += 1
            if outcome != expected:
                wrong.append((method.name, role, outcome, expected))
            if method.name != "DeleteWorkspace" or outcome != "OK":
                await stores.accounts.workspaces.delete(owner.id, lot.workspace_id)
    print(f"{len(LEAST_ROLE)} RPCs x {len(Role) + 1} callers: {cases} calls as the table says")
    assert wrong == []
