"""A change is forgotten here at once, and by other replicas when they hear of it."""

from collections.abc import Callable

import pytest

from server.accounts.forgetting import TOPICS, Forgetting, Topic
from server.accounts.loading_cache import UNSHARED_S, Bounds
from server.accounts.people import AccountPolicy, SignedUp
from server.accounts.secrets import Secrets
from server.accounts.service import Accounts
from server.chat.shared import Heard
from server.errors import KeyRevoked, TokenInvalid
from server.storage.database import Database


class Wire:
    """Joins several replicas: what one tells, all others hear."""

    def __init__(self) -> None:
        self.ends: list[End] = []
        self.told: list[tuple[str, str]] = []

    def end(self) -> "End":
        end = End(self)
        self.ends.append(end)
        return end


class End:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.listeners: dict[str, list[Heard]] = {}
        self.missed: list[Callable[[], None]] = []

    def tell(self, topic: str, text: str) -> None:
        self._wire.told.append((topic, text))
        for other in self._wire.ends:
            if other is not self:
                for heard in other.listeners.get(topic, ()):
                    heard(text)

    def hear(self, topic: str, heard: Heard) -> None:
        self.listeners.setdefault(topic, []).append(heard)

    def when_missed(self, callback: Callable[[], None]) -> None:
        self.missed.append(callback)


@pytest.mark.parametrize("topic", TOPICS)
def test_a_change_is_forgotten_everywhere_and_told_once(topic: Topic) -> None:
    wire = Wire()
    here, there = Forgetting(wire.end()), Forgetting(wire.end())
    forgotten: list[tuple[str, str]] = []
    for name, forgetting in (("here", here), ("there", there)):
        forgetting.on(topic, lambda changed, name=name: forgotten.append((name, changed)))  # type: ignore[misc]
    here.forget(topic, "id_1")
    assert forgotten == [("here", "id_1"), ("there", "id_1")]
    assert wire.told == [(topic, "id_1")]


def test_without_others_a_change_is_forgotten_here() -> None:
    forgotten: list[str] = []
    forgetting = Forgetting()
    forgetting.on("user", forgotten.append)
    forgetting.forget("user", "usr_1")
    forgetting.forget("key", "key_1")
    assert forgotten == ["usr_1"]


@pytest.mark.parametrize(
    ("hears_all", "fresh_s"),
    [
        pytest.param(True, UNSHARED_S, id="for longer where no change is missed"),
        pytest.param(False, 5.0, id="for a moment where others may change it"),
    ],
)
def test_how_long_what_may_change_is_kept(*, hears_all: bool, fresh_s: float) -> None:
    assert Forgetting(hears_all=hears_all).bounds(Bounds(5.0, 600.0)).fresh_s == fresh_s


async def test_what_one_replica_revokes_opens_nothing_at_another(
    database: Database, secrets: Secrets, ana: SignedUp
) -> None:
    wire = Wire()
    one, other = (Accounts(database, secrets, AccountPolicy(), forgetting=Forgetting(wire.end())) for _ in range(2))
    token = (await one.log_in("ana@example.com", "secure123")).token
    key = (await one.list_keys(ana.user.id))[0]
    for accounts in (one, other):
        await accounts.authenticate_token(token)
        await accounts.authenticate_token(ana.token)
        await accounts.authenticate_key(ana.api_key)
    await one.log_out(token)
    with pytest.raises(TokenInvalid):
        await other.authenticate_token(token)
    await one.revoke_key(ana.user.id, ana.workspace.id, key.id)
    with pytest.raises(KeyRevoked):
        await other.authenticate_key(ana.api_key)
    await one.set_disabled(ana.user.id, is_disabled=True)
    with pytest.raises(TokenInvalid):
        await other.authenticate_token(ana.token)
    await one.close()
    await other.close()


async def test_what_may_have_been_missed_is_looked_up_anew(database: Database, secrets: Secrets, ana: SignedUp) -> None:
    wire = Wire()
    end = wire.end()
    accounts = Accounts(database, secrets, AccountPolicy(), forgetting=Forgetting(end))
    principal = await accounts.authenticate_key(ana.api_key)
    await accounts.authenticate_token(ana.token)
    async with database.write() as tx:
        assert principal.key_id is not None
        await tx.keys.set_revoked(principal.key_id, is_revoked=True)
        await tx.users.set_disabled(ana.user.id, is_disabled=True)
    await accounts.authenticate_key(ana.api_key)
    for missed in end.missed:
        missed()
    with pytest.raises(KeyRevoked):
        await accounts.authenticate_key(ana.api_key)
    with pytest.raises(TokenInvalid):
        await accounts.authenticate_token(ana.token)
    await accounts.close()
