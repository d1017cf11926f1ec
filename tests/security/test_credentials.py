"""Every RPC and every REST binding with every kind of credential: whoever is not asked for is refused."""

import base64
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import jwt
import pytest_asyncio
from perpetuo.rest.v1 import annotations_pb2 as options

from server.accounts.gateway_keys import new_secret
from server.accounts.keys import NewKey
from server.accounts.secrets import Secrets
from server.accounts.tokens import Tokens
from tests.security.world import BINDINGS, METHODS, Person, World, access_of, path_of, rest, together, without_ids

REFUSALS = {"KEY_MISSING", "KEY_INVALID", "KEY_EXPIRED", "KEY_REVOKED", "TOKEN_INVALID"}
ENDS_THE_USER = {"DeleteCurrentUser", "LogOut", "RefreshToken", "ChangePassword"}


def bearer(credential: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {credential}"),)


def forged(token: str, key: bytes, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """The token with other claims, properly signed, or under another header without a signature."""
    payload = jwt.decode(token, options={"verify_signature": False}) | claims
    if header is None:
        return jwt.encode(payload, key, algorithm="HS256")
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, payload))
    return ".".join(parts) + "."


async def users_gone_wrong(world: World) -> dict[str, Person]:
    accounts = world.core.stores.accounts
    people = {name: await world.person(f"cred-{name}") for name in ("disabled", "deleted", "out", "changed")}
    await accounts.set_disabled(people["disabled"].id, is_disabled=True)
    await accounts.delete_user(people["deleted"].id)
    await accounts.log_out(people["out"].token)
    await accounts.change_password(people["changed"].id, "secure-password-123", "another-password-1")
    return people


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def wrong(world: World) -> dict[str, tuple[tuple[str, str], ...]]:
    """Every kind of credential that opens nothing, as headers."""
    ann = await world.person("cred-ann")
    accounts, key = world.core.stores.accounts, Secrets.load(world.data_dir).jwt_key
    revoked = await accounts.create_key(ann.id, "", NewKey())
    await accounts.revoke_key(ann.id, "", revoked.key.id)
    expired = await accounts.create_key(ann.id, "", NewKey(expires_at=datetime.now(UTC) + timedelta(hours=1)))
    async with world.core.stores.database.write() as tx:
        await tx.keys.change(expired.key.id, expires_at=datetime(2026, 1, 1, tzinfo=UTC))
    gone = await users_gone_wrong(world)
    long_ago = int(time.time()) - 200_000
    past: dict[str, Any] = {"iat": long_ago, "iat_us": long_ago * 1_000_000, "exp": long_ago + 86_400}
    credentials = {
        "garbage": "garbage",
        "an empty key": "pk_",
        "a key with a wrong checksum": ann.made.api_key[:-1] + ("a" if ann.made.api_key[-1] != "a" else "b"),
        "a key cut short": ann.made.api_key[:-6],
        "a key that nobody has": new_secret("pk"),
        "another that nobody has": new_secret("gw"),
        "a revoked key": revoked.secret,
        "an expired key": expired.secret,
        "the key of a disabled user": gone["disabled"].made.api_key,
        "the key of a deleted user": gone["deleted"].made.api_key,
        "the token of a disabled user": gone["disabled"].token,
        "the token of a deleted user": gone["deleted"].token,
        "a token that was logged out": gone["out"].token,
        "a token from before another password": gone["changed"].token,
        "a token of another gateway": Tokens(b"x" * 32).issue(ann.id),
        "a token without a signature": forged(ann.token, key, {"alg": "none", "typ": "JWT"}),
        "a token of another kind": forged(ann.token, key, typ="refresh"),
        "a token for another party": forged(ann.token, key, aud="other"),
        "a token of another user's id": forged(ann.token, key, sub="usr_nobody"),
        "an expired token": forged(ann.token, key, None, **past),
        "a token that never ends": forged(ann.token, key, exp=2**40),
        "a token cut short": ann.token[:-4],
    }
    headers: dict[str, tuple[tuple[str, str], ...]] = {name: bearer(secret) for name, secret in credentials.items()}
    headers |= {f"{name}, as x-api-key": (("x-api-key", secret),) for name, secret in credentials.items()}
    return headers | {
        "nothing": (),
        "an empty header": (("authorization", ""),),
        "basic credentials": (("authorization", "Basic YW5uOnNlY3JldA=="),),
        "two words": (("authorization", "Bearer a b"),),
        "an owner's word": (("x-perpetuo-user", ann.id), ("x-workspace-id", ann.workspace_id)),
    }


async def test_no_rpc_takes_a_credential_that_is_no_good(
    world: World, wrong: dict[str, tuple[tuple[str, str], ...]]
) -> None:
    before = world.snapshot()
    guarded = [method for method in METHODS if access_of(method) != options.ACCESS_PUBLIC]
    cases = [(method, name) for method in guarded for name in wrong]
    outcomes = await together([world.call(method, {}, *wrong[name]) for method, name in cases])
    let_in = [
        (method.full_name, name, outcome)
        for (method, name), (outcome, _) in zip(cases, outcomes, strict=True)
        if outcome not in REFUSALS
    ]
    print(f"{len(guarded)} guarded RPCs x {len(wrong)} bad credentials: {len(cases)} calls, all refused")
    assert let_in == []
    assert world.snapshot() == before
    assert len(cases) > 500


async def test_no_rpc_takes_the_other_kind_of_credential(world: World) -> None:
    ben = await world.person("cred-ben")
    other: dict[int, str] = {options.ACCESS_USER: ben.made.api_key, options.ACCESS_KEY: ben.token}
    for method in METHODS:
        if access_of(method) in other:
            assert (await world.call(method, {}, *bearer(other[access_of(method)])))[0] in REFUSALS, method.full_name


async def test_every_rpc_takes_the_credential_that_it_asks_for(world: World) -> None:
    cleo = await world.person("cred-cleo")
    right: dict[int, tuple[tuple[str, str], ...]] = {
        options.ACCESS_PUBLIC: (),
        options.ACCESS_USER: bearer(cleo.token),
        options.ACCESS_KEY: bearer(cleo.made.api_key),
    }
    for method in METHODS:
        if method.name not in ENDS_THE_USER:
            outcome, _ = await world.call(method, {}, *right[access_of(method)])
            assert outcome not in REFUSALS, method.full_name


async def test_every_binding_refuses_alike(world: World, wrong: dict[str, tuple[tuple[str, str], ...]]) -> None:
    guarded = [binding for binding in BINDINGS if binding.access != options.ACCESS_PUBLIC]
    cases = [(binding, name) for binding in guarded for name in wrong]
    async with httpx2.AsyncClient(base_url=world.url, timeout=20) as client:
        answers = await together(
            [rest(client, binding, path_of(binding, {}), headers=list(wrong[name])) for binding, name in cases]
        )
    let_in = [
        (binding.source, name, answer.status_code)
        for (binding, name), answer in zip(cases, answers, strict=True)
        if answer.status_code != 401
    ]
    print(f"{len(guarded)} guarded bindings x {len(wrong)} bad credentials: {len(cases)} requests, all 401")
    assert let_in == []
    assert {without_ids(answer)["error"]["type"] for answer in answers} == {"authentication_error"}
    for (binding, _), answer in zip(cases, answers, strict=True):
        assert (answer.json().get("success") is False) is binding.is_wrapped
