"""Accounts from the outside: signing up, logging in, and what one may see."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import argon2
import pytest

from server.accounts.keys import NewKey
from server.accounts.people import AccountPolicy, NewUser, SignedIn, SignedUp, SignupMode
from server.accounts.secrets import Secrets
from server.accounts.service import Accounts
from server.chat.principal import Plan, Role
from server.errors import (
    AlreadyExists,
    KeyRevoked,
    LoginFailed,
    LoginThrottled,
    PasswordWeak,
    PermissionDenied,
    PerpetuoError,
    RequestInvalid,
    ResourceNotFound,
    SignupClosed,
    StoreUnavailable,
    TokenInvalid,
)
from server.storage.database import Database

MakeAccounts = Callable[[AccountPolicy], Accounts]


@pytest.fixture
async def make(database: Database, secrets: Secrets) -> AsyncIterator[MakeAccounts]:
    made: list[Accounts] = []

    def build(policy: AccountPolicy) -> Accounts:
        made.append(Accounts(database, secrets, policy))
        return made[-1]

    yield build
    for accounts in made:
        await accounts.close()


async def test_signing_up_makes_a_user_a_workspace_and_a_key_that_all_work(accounts: Accounts) -> None:
    made = await accounts.sign_up(" Ana@Example.com ", "secure-password-123", "Ana", "gw")
    assert (made.user.email, made.user.name, made.user.plan) == ("Ana@Example.com", "Ana", Plan.FREE)
    assert made.workspace.name == "My Workspace"
    assert made.api_key.startswith("gw_")
    by_token, by_key = await accounts.authenticate_token(made.token), await accounts.authenticate_key(made.api_key)
    assert {by_token.user_id, by_key.user_id, made.user.id} == {made.user.id}
    assert {by_token.workspace_id, by_key.workspace_id} == {made.workspace.id}
    assert (made.user.id[:4], made.workspace.id[:3], (by_key.key_id or "")[:4]) == ("usr_", "ws_", "key_")
    assert await accounts.get_user(made.user.id) == made.user
    assert await accounts.default_workspace(made.user.id) == made.workspace


@pytest.mark.parametrize(
    ("email", "password", "name", "error", "param"),
    [
        pytest.param(
            "ANA@example.COM", "secure123", "", AlreadyExists, "email", id="an e-mail that is taken, in capitals"
        ),
        pytest.param("ana", "secure123", "", RequestInvalid, "email", id="a malformed e-mail"),
        pytest.param("x@example.com", "short", "", PasswordWeak, "password", id="a short password"),
        pytest.param("x@example.com", "password", "", PasswordWeak, "password", id="a common password"),
        pytest.param("x@example.com", "secure123", "a\nb", RequestInvalid, "name", id="a name of two lines"),
    ],
)
async def test_a_bad_sign_up_names_the_parameter_and_makes_nothing(
    accounts: Accounts,
    database: Database,
    ana: SignedUp,
    email: str,
    password: str,
    name: str,
    error: type[PerpetuoError],
    param: str,
) -> None:
    with pytest.raises(error) as raised:
        await accounts.sign_up(email, password, name)
    assert raised.value.param == param
    async with database.read() as tx:
        assert await tx.users.count() == 1


async def test_of_ten_that_want_one_email_at_once_one_gets_it(accounts: Accounts, database: Database) -> None:
    outcomes = await asyncio.gather(
        *(accounts.sign_up("ana@example.com", "secure123") for _ in range(10)), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AlreadyExists"] * 9 + ["SignedUp"]
    async with database.read() as tx:
        assert await tx.users.count() == 1


async def test_a_gateway_for_its_first_user_alone_takes_one_even_of_ten_at_once(make: MakeAccounts) -> None:
    accounts = make(AccountPolicy(SignupMode.FIRST))
    outcomes = await asyncio.gather(
        *(accounts.sign_up(f"user{number}@example.com", "secure123") for number in range(10)), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["SignedUp"] + ["SignupClosed"] * 9
    with pytest.raises(SignupClosed):
        await accounts.sign_up("late@example.com", "secure123")


async def test_a_closed_gateway_takes_only_those_whom_the_operator_makes(make: MakeAccounts) -> None:
    accounts = make(AccountPolicy(SignupMode.CLOSED))
    with pytest.raises(SignupClosed):
        await accounts.sign_up("ana@example.com", "secure123")
    created = await accounts.create_user(NewUser("ana@example.com", "secure123", plan=Plan.ENTERPRISE))
    assert (await accounts.authenticate_key(created.api_key)).plan is Plan.ENTERPRISE


async def test_a_new_user_gets_the_plan_that_the_operator_set(make: MakeAccounts) -> None:
    made = await make(AccountPolicy(default_plan=Plan.PRO)).sign_up("ana@example.com", "secure123")
    assert made.user.plan is Plan.PRO


@pytest.mark.parametrize("email", ["ana@example.com", "ANA@EXAMPLE.COM", " ana@example.com "])
async def test_logging_in_takes_the_email_in_any_case(accounts: Accounts, ana: SignedUp, email: str) -> None:
    signed_in = await accounts.log_in(email, "secure123")
    assert signed_in.user == ana.user
    assert (await accounts.authenticate_token(signed_in.token)).user_id == ana.user.id


@pytest.mark.parametrize(
    ("email", "password"),
    [
        pytest.param("ana@example.com", "secure124", id="a wrong password"),
        pytest.param("ana@example.com", "", id="no password"),
        pytest.param("bob@example.com", "secure123", id="an unknown e-mail"),
        pytest.param("ana\x00@example.com", "secure123", id="a malformed e-mail"),
        pytest.param("\ud83d", "secure123", id="half a character"),
        pytest.param("' OR 1=1 --", "' OR 1=1 --", id="SQL"),
        pytest.param("%@example.com", "secure123", id="a pattern"),
        pytest.param("off@example.com", "secure123", id="a user who is shut out"),
    ],
)
async def test_every_failed_log_in_looks_the_same(accounts: Accounts, ana: SignedUp, email: str, password: str) -> None:
    off = await accounts.sign_up("off@example.com", "secure123")
    await accounts.set_disabled(off.user.id, is_disabled=True)
    with pytest.raises(LoginFailed) as raised:
        await accounts.log_in(email, password)
    assert (raised.value.message, raised.value.param) == ("The e-mail or the password is wrong.", None)


async def test_the_hash_itself_is_no_password(accounts: Accounts, ana: SignedUp) -> None:
    with pytest.raises(LoginFailed):
        await accounts.log_in("ana@example.com", ana.user.password_hash)


async def test_a_log_in_strengthens_an_old_hash_and_keeps_tokens(
    accounts: Accounts, database: Database, ana: SignedUp
) -> None:
    async with database.write() as tx:
        await tx.users.set_password_hash(
            ana.user.id, ana.user.password_hash, argon2.PasswordHasher(1, 8192, 1).hash("secure123")
        )
    await accounts.log_in("ana@example.com", "secure123")
    kept = (await accounts.get_user(ana.user.id)).password_hash
    assert argon2.extract_parameters(kept).memory_cost >= 19 * 1024
    assert (await accounts.authenticate_token(ana.token)).user_id == ana.user.id


async def test_a_refresh_gives_a_new_token_and_voids_the_old(accounts: Accounts, ana: SignedUp) -> None:
    refreshed = await accounts.refresh(ana.token)
    assert refreshed.user == ana.user
    assert (await accounts.authenticate_token(refreshed.token)).user_id == ana.user.id
    for use in (accounts.authenticate_token, accounts.refresh, accounts.log_out):
        with pytest.raises(TokenInvalid):
            await use(ana.token)


async def test_a_log_out_voids_its_own_token_alone(accounts: Accounts, ana: SignedUp) -> None:
    other = await accounts.log_in("ana@example.com", "secure123")
    await accounts.log_out(ana.token)
    with pytest.raises(TokenInvalid):
        await accounts.authenticate_token(ana.token)
    assert (await accounts.authenticate_token(other.token)).user_id == ana.user.id


async def test_a_user_who_is_shut_out_is_out_at_once(accounts: Accounts, ana: SignedUp) -> None:
    await accounts.authenticate_token(ana.token)
    await accounts.authenticate_key(ana.api_key)
    await accounts.set_disabled(ana.user.id, is_disabled=True)
    with pytest.raises(TokenInvalid):
        await accounts.authenticate_token(ana.token)
    with pytest.raises(KeyRevoked):
        await accounts.authenticate_key(ana.api_key)
    await accounts.set_disabled(ana.user.id, is_disabled=False)
    assert (await accounts.authenticate_key(ana.api_key)).user_id == ana.user.id
    with pytest.raises(TokenInvalid):
        await accounts.authenticate_token(ana.token)


async def test_a_plan_counts_from_the_moment_it_is_set(accounts: Accounts, ana: SignedUp) -> None:
    await accounts.authenticate_token(ana.token)
    await accounts.authenticate_key(ana.api_key)
    assert await accounts.set_plan("ANA@example.com", Plan.PRO) == replace(ana.user, plan=Plan.PRO)
    assert (await accounts.authenticate_token(ana.token)).plan is Plan.PRO
    assert (await accounts.authenticate_key(ana.api_key)).plan is Plan.PRO
    with pytest.raises(ResourceNotFound):
        await accounts.set_plan("nobody@example.com", Plan.PRO)


async def test_a_user_that_is_gone_is_no_user(accounts: Accounts) -> None:
    with pytest.raises(TokenInvalid):
        await accounts.get_user("usr_gone")


async def test_another_s_workspace_looks_exactly_like_one_that_is_not_there(accounts: Accounts, ana: SignedUp) -> None:
    bob = await accounts.sign_up("bob@example.com", "secure123")
    attempts: list[Callable[[str], Awaitable[object]]] = [
        lambda workspace_id: accounts.workspace(ana.user.id, workspace_id),
        lambda workspace_id: accounts.list_keys(ana.user.id, workspace_id),
        lambda workspace_id: accounts.create_key(ana.user.id, workspace_id, NewKey()),
        lambda workspace_id: accounts.revoke_key(ana.user.id, workspace_id, "key_1"),
    ]
    seen = set()
    for attempt in attempts:
        for workspace_id in (bob.workspace.id, "ws_nobody", "ws_\x00", "malformed", "x" * 1_000_000):
            with pytest.raises(ResourceNotFound) as raised:
                await attempt(workspace_id)
            seen.add((raised.value.message, raised.value.param))
    assert len(seen) == 1
    assert len(await accounts.list_keys(bob.user.id)) == 1


async def test_keys_without_a_workspace_are_those_of_the_default_one(accounts: Accounts, ana: SignedUp) -> None:
    created = await accounts.create_key(ana.user.id, "", NewKey("CI"))
    assert created.key.workspace_id == ana.workspace.id
    assert [key.name for key in await accounts.list_keys(ana.user.id, ana.workspace.id)] == ["CI", "Default key"]
    await accounts.revoke_key(ana.user.id, "", created.key.id)
    assert [key.name for key in await accounts.list_keys(ana.user.id)] == ["Default key"]


async def test_the_demo_key_can_be_installed(accounts: Accounts, ana: SignedUp) -> None:
    key = await accounts.install_demo_key(ana.workspace.id, ana.user.id)
    assert (await accounts.authenticate_key("pk_demo")).key_id == key.id


async def test_a_user_is_found_by_email(accounts: Accounts, ana: SignedUp) -> None:
    assert await accounts.find_user("Ana@Example.com") == ana.user
    assert await accounts.find_user("not an e-mail") is None


async def test_another_password_voids_every_token_at_once(accounts: Accounts, ana: SignedUp) -> None:
    other = await accounts.log_in("ana@example.com", "secure123")
    await accounts.authenticate_token(other.token)
    await accounts.change_password(ana.user.id, "secure123", "another-secure-1")
    for token in (ana.token, other.token):
        with pytest.raises(TokenInvalid):
            await accounts.authenticate_token(token)
        with pytest.raises(TokenInvalid):
            await accounts.refresh(token)
    with pytest.raises(LoginFailed):
        await accounts.log_in("ana@example.com", "secure123")
    again = await accounts.log_in("ana@example.com", "another-secure-1")
    assert (await accounts.authenticate_token(again.token)).user_id == ana.user.id
    assert (await accounts.authenticate_key(ana.api_key)).user_id == ana.user.id


@pytest.mark.parametrize(
    ("current", "new", "error", "param"),
    [
        pytest.param("secure124", "another-secure-1", LoginFailed, None, id="a wrong current password"),
        pytest.param("secure123", "short", PasswordWeak, "new_password", id="a short new password"),
        pytest.param("secure123", "password123", PasswordWeak, "new_password", id="a common new password"),
        pytest.param("secure123", "x" * 1025, PasswordWeak, "new_password", id="a new password that is too long"),
    ],
)
async def test_a_bad_change_of_password_changes_nothing(
    accounts: Accounts, ana: SignedUp, current: str, new: str, error: type[PerpetuoError], param: str | None
) -> None:
    with pytest.raises(error) as raised:
        await accounts.change_password(ana.user.id, current, new)
    assert raised.value.param == param
    assert (await accounts.authenticate_token(ana.token)).user_id == ana.user.id
    await accounts.log_in("ana@example.com", "secure123")


async def test_a_log_in_with_the_old_password_gives_no_token_that_outlives_the_change(
    accounts: Accounts, ana: SignedUp
) -> None:
    outcomes = await asyncio.gather(
        accounts.log_in("ana@example.com", "secure123"),
        accounts.change_password(ana.user.id, "secure123", "another-secure-1"),
        accounts.log_in("ana@example.com", "secure123"),
        accounts.refresh(ana.token),
        return_exceptions=True,
    )
    for outcome in outcomes:
        if isinstance(outcome, SignedIn):
            with pytest.raises(TokenInvalid):
                await accounts.authenticate_token(outcome.token)


async def test_the_operator_sets_a_password_and_lists_users(accounts: Accounts, ana: SignedUp) -> None:
    bob = await accounts.sign_up("bob@example.com", "secure123")
    await accounts.set_password("ANA@example.com", "another-secure-1")
    with pytest.raises(TokenInvalid):
        await accounts.authenticate_token(ana.token)
    assert (await accounts.log_in("ana@example.com", "another-secure-1")).user.id == ana.user.id
    with pytest.raises(ResourceNotFound):
        await accounts.set_password("nobody@example.com", "another-secure-1")
    assert [user.id for user in await accounts.list_users()] == [ana.user.id, bob.user.id]
    assert await accounts.list_users(ana.user.id, 1) == (bob.user,)


async def test_the_eleventh_guess_at_an_account_waits_even_with_the_right_password(
    accounts: Accounts, ana: SignedUp
) -> None:
    outcomes = await asyncio.gather(
        *(accounts.log_in("ana@example.com", f"wrong-{number}", f"203.0.113.{number}") for number in range(20)),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LoginFailed"] * 10 + ["LoginThrottled"] * 10
    with pytest.raises(LoginThrottled) as raised:
        await accounts.log_in("ana@example.com", "secure123", "198.51.100.7")
    assert raised.value.retry_after_s == 60


async def test_an_unknown_account_is_throttled_alike(accounts: Accounts) -> None:
    kinds = []
    for number in range(12):
        with pytest.raises(PerpetuoError) as raised:
            await accounts.log_in("nobody@example.com", "secure123", f"203.0.113.{number}")
        kinds.append(type(raised.value))
    assert kinds == [LoginFailed] * 10 + [LoginThrottled] * 2


async def test_a_guess_that_nobody_looked_at_is_not_counted(accounts: Accounts, database: Database) -> None:
    await database.close()
    for _ in range(30):
        with pytest.raises(StoreUnavailable):
            await accounts.log_in("ana@example.com", "secure123", "198.51.100.7")


async def test_one_who_looks_for_taken_emails_is_stopped(accounts: Accounts, ana: SignedUp) -> None:
    kinds = []
    for _ in range(52):
        with pytest.raises(PerpetuoError) as raised:
            await accounts.sign_up("ana@example.com", "secure123", address="198.51.100.7")
        kinds.append(type(raised.value))
    assert kinds == [AlreadyExists] * 50 + [LoginThrottled] * 2


async def test_a_member_changes_its_own_keys_and_an_admin_all(accounts: Accounts, ana: SignedUp) -> None:
    bob = await accounts.sign_up("bob@example.com", "secure123")
    await accounts.members.add(ana.user.id, ana.workspace.id, "bob@example.com", Role.MEMBER)
    hers = (await accounts.list_keys(ana.user.id))[0]
    own = await accounts.create_key(bob.user.id, ana.workspace.id, NewKey())
    changed = await accounts.change_key(bob.user.id, ana.workspace.id, own.key.id, {"name": "mine"})
    assert changed.name == "mine"
    attempts: list[Callable[[], Awaitable[object]]] = [
        lambda: accounts.change_key(bob.user.id, ana.workspace.id, hers.id, {"name": "mine"}),
        lambda: accounts.rotate_key(bob.user.id, ana.workspace.id, hers.id, 0),
        lambda: accounts.revoke_key(bob.user.id, ana.workspace.id, hers.id),
    ]
    for attempt in attempts:
        with pytest.raises(PermissionDenied):
            await attempt()
    rotated = await accounts.rotate_key(ana.user.id, ana.workspace.id, own.key.id, 0)
    assert rotated.key.created_by == ana.user.id
    await accounts.members.change(ana.user.id, ana.workspace.id, bob.user.id, Role.ADMIN)
    await accounts.revoke_key(bob.user.id, ana.workspace.id, rotated.key.id)
