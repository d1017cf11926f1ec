"""Members: nobody gives more than he has, and keys go with those who made them."""

import pytest

from server.accounts.keys import NewKey
from server.accounts.people import SignedUp
from server.accounts.service import Accounts
from server.chat.principal import Role
from server.errors import AlreadyExists, Conflict, KeyRevoked, PermissionDenied, PerpetuoError, ResourceNotFound


@pytest.fixture
async def people(accounts: Accounts, ana: SignedUp) -> dict[str, SignedUp]:
    """Ana's workspace has a member of every role, and there is a stranger."""
    made = {"founder": ana}
    for role in Role:
        made[role.value] = await accounts.sign_up(f"{role.value}@example.com", "secure123")
        await accounts.members.add(ana.user.id, ana.workspace.id, f"{role.value}@example.com", role)
    made["stranger"] = await accounts.sign_up("stranger@example.com", "secure123")
    return made


async def test_the_members_are_listed_for_members(accounts: Accounts, people: dict[str, SignedUp]) -> None:
    workspace_id = people["founder"].workspace.id
    seen = await accounts.members.of_workspace(people["viewer"].user.id, workspace_id)
    assert [(member.email, member.role.value) for member in seen] == [
        ("ana@example.com", "owner"),
        *((f"{role.value}@example.com", role.value) for role in Role),
    ]
    with pytest.raises(ResourceNotFound):
        await accounts.members.of_workspace(people["stranger"].user.id, workspace_id)


RANKS = {"viewer": 0, "member": 1, "admin": 2, "owner": 3, "founder": 3}


@pytest.mark.parametrize("given", Role)
@pytest.mark.parametrize("whom", ["viewer", "member", "admin", "owner", "founder", "stranger"])
@pytest.mark.parametrize("who", ["viewer", "member", "admin", "owner", "founder", "stranger"])
async def test_a_role_is_given_by_those_alone_who_have_it(
    accounts: Accounts, people: dict[str, SignedUp], who: str, whom: str, given: Role
) -> None:
    founder = people["founder"]
    arguments = people[who].user.id, founder.workspace.id, people[whom].user.id, given
    error: type[PerpetuoError] | None = None
    if who == "stranger":
        error = ResourceNotFound
    elif RANKS[who] < RANKS["admin"]:
        error = PermissionDenied
    elif whom == "stranger":
        error = ResourceNotFound
    elif RANKS[who] < RANKS[whom]:
        error = PermissionDenied
    elif whom == "founder":
        error = Conflict
    elif RANKS[who] < RANKS[given.value]:
        error = PermissionDenied
    if error is None:
        assert (await accounts.members.change(*arguments)).role is given
        return
    before = await accounts.members.of_workspace(founder.user.id, founder.workspace.id)
    with pytest.raises(error):
        await accounts.members.change(*arguments)
    assert await accounts.members.of_workspace(founder.user.id, founder.workspace.id) == before


@pytest.mark.parametrize(
    ("who", "email", "role", "error"),
    [
        pytest.param("founder", "member@example.com", Role.VIEWER, AlreadyExists, id="one who is a member already"),
        pytest.param("founder", "nobody@example.com", Role.VIEWER, ResourceNotFound, id="one without an account"),
        pytest.param("admin", "stranger@example.com", Role.OWNER, PermissionDenied, id="more than one has"),
        pytest.param("member", "stranger@example.com", Role.VIEWER, PermissionDenied, id="by a mere member"),
        pytest.param("stranger", "stranger@example.com", Role.OWNER, ResourceNotFound, id="by a stranger"),
    ],
)
async def test_an_addition_that_is_refused(
    accounts: Accounts,
    people: dict[str, SignedUp],
    who: str,
    email: str,
    role: Role,
    error: type[PerpetuoError],
) -> None:
    with pytest.raises(error):
        await accounts.members.add(people[who].user.id, people["founder"].workspace.id, email, role)


async def test_one_who_is_taken_out_sees_nothing_and_its_keys_open_nothing_for_ever(
    accounts: Accounts, people: dict[str, SignedUp]
) -> None:
    founder, member = people["founder"], people["member"]
    made = await accounts.create_key(member.user.id, founder.workspace.id, NewKey())
    assert (await accounts.authenticate_key(made.secret)).workspace_id == founder.workspace.id
    assert await accounts.members.remove(founder.user.id, founder.workspace.id, member.user.id) == member.user.id
    with pytest.raises(KeyRevoked):
        await accounts.authenticate_key(made.secret)
    with pytest.raises(ResourceNotFound):
        await accounts.workspace(member.user.id, founder.workspace.id)
    await accounts.members.add(founder.user.id, founder.workspace.id, "member@example.com", Role.OWNER)
    with pytest.raises(KeyRevoked):
        await accounts.authenticate_key(made.secret)
    assert (await accounts.authenticate_key(member.api_key)).workspace_id == member.workspace.id


async def test_keys_open_nothing_while_their_maker_is_a_viewer(accounts: Accounts, people: dict[str, SignedUp]) -> None:
    founder, member = people["founder"], people["member"]
    made = await accounts.create_key(member.user.id, founder.workspace.id, NewKey())
    await accounts.authenticate_key(made.secret)
    await accounts.members.change(founder.user.id, founder.workspace.id, member.user.id, Role.VIEWER)
    with pytest.raises(KeyRevoked):
        await accounts.authenticate_key(made.secret)
    await accounts.members.change(founder.user.id, founder.workspace.id, member.user.id, Role.MEMBER)
    assert (await accounts.authenticate_key(made.secret)).user_id == member.user.id


async def test_everybody_may_leave_but_the_founder(accounts: Accounts, people: dict[str, SignedUp]) -> None:
    workspace_id = people["founder"].workspace.id
    for role in Role:
        user_id = people[role.value].user.id
        assert await accounts.members.remove(user_id, workspace_id, user_id) == user_id
    founder_id = people["founder"].user.id
    with pytest.raises(Conflict):
        await accounts.members.remove(founder_id, workspace_id, founder_id)


@pytest.mark.parametrize("member_id", ["", "usr_nobody", "usr_\x00", "key_1", "x" * 1_000_000])
async def test_who_is_no_member_looks_alike(accounts: Accounts, people: dict[str, SignedUp], member_id: str) -> None:
    founder = people["founder"]
    messages = set()
    for whom in (member_id, people["stranger"].user.id):
        with pytest.raises(ResourceNotFound) as raised:
            await accounts.members.remove(founder.user.id, founder.workspace.id, whom)
        messages.add((raised.value.message, raised.value.param))
    assert messages == {("The workspace has no member of that id.", "user_id")}
