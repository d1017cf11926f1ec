"""What is kept is opened by the settings, and settings that contradict each other are refused by name."""

from pathlib import Path
from typing import Any

import pytest

from server.accounts.loading_cache import UNSHARED_S, Bounds
from server.accounts.people import NewUser, SignupMode
from server.errors import StoreUnavailable
from server.providers.registry import PROVIDERS
from server.settings import ServerSettings
from server.state.memory_notes import NoOthers
from server.stores import SettingsError, check, is_loopback, ledger_options, open_stores
from tests.unit.server.state.conftest import valkey
from tests.unit.server.state.valkeys import Valkey

__all__ = ["valkey"]

LOOPBACK = [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False),
            ("192.168.1.1", False), ("example.com", False), ("::", False)]  # fmt: skip


@pytest.mark.parametrize(("host", "expected"), LOOPBACK)
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("a demo that others can reach", {"demo": True, "host": "0.0.0.0"}, "--demo"),
    ("a state of an unknown kind", {"state_url": "memcached://127.0.0.1"}, "--state-url"),
    ("a state without a host", {"state_url": "valkey://"}, "--state-url"),
    ("a state at an impossible port", {"state_url": "valkey://127.0.0.1:99999"}, "--state-url"),
    ("replicas that share nothing", {"replicas": 2}, "--replicas"),
    ("a log that must be kept nowhere", {"require_log": True, "spool_max_mib": 0}, "--require-log"),
    ("a drain of nobody", {"drain_providers": "openai,acme"}, "--drain-providers"),
]


@pytest.mark.parametrize(("options", "names"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_settings_that_cannot_be_served(options: dict[str, Any], names: str) -> None:
    with pytest.raises(SettingsError, match=names):
        check(ServerSettings.from_environment(**options), PROVIDERS)


async def test_a_database_that_is_not_served_is_told_by_the_name_of_the_option(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--database-url cannot be served: no storage .* 'oracle'"):
        await open_stores(ServerSettings.from_environment(data_dir=tmp_path, database_url="oracle://host/db"))


async def test_a_database_that_does_not_answer_is_told_by_the_name_of_the_option(tmp_path: Path) -> None:
    settings = ServerSettings.from_environment(data_dir=tmp_path, database_url="postgresql://me:sesame@127.0.0.1:1/db")
    with pytest.raises(StoreUnavailable, match="Check --database-url") as raised:
        await open_stores(settings)
    assert "sesame" not in str(raised.value)
    assert "sesame" not in repr(settings)


def test_the_spool_is_in_the_data_directory(tmp_path: Path) -> None:
    options = ledger_options(ServerSettings.from_environment(data_dir=tmp_path, spool_sync="always", spool_max_mib=7))
    assert (options.root, options.sync.value, options.max_mib, options.requires_log) == (
        tmp_path / "spool",
        "always",
        7,
        False,
    )


@pytest.mark.parametrize(
    ("host", "signup", "expected"),
    [
        ("127.0.0.1", "auto", SignupMode.OPEN),
        ("0.0.0.0", "auto", SignupMode.FIRST),
        ("0.0.0.0", "open", SignupMode.OPEN),
        ("127.0.0.1", "closed", SignupMode.CLOSED),
    ],
)
async def test_who_may_sign_up_depends_on_who_can_reach_us(
    tmp_path: Path, host: str, signup: str, expected: SignupMode
) -> None:
    settings = ServerSettings.from_environment(data_dir=tmp_path, host=host, signup=signup)
    stores = await open_stores(settings)
    assert stores.accounts._policy.signup is expected
    await stores.close()


@pytest.mark.parametrize(
    "url",
    ["memory:", "valkey://h", "valkey://:secret@h:6379/3", "redis://h:1", "rediss://h", "unix:///run/valkey.sock"],
)
def test_states_that_can_be_served(url: str) -> None:
    check(ServerSettings.from_environment(state_url=url), PROVIDERS)


async def test_what_the_only_gateway_of_a_file_knows_is_fresh_for_longer(tmp_path: Path) -> None:
    stores = await open_stores(ServerSettings.from_environment(data_dir=tmp_path))
    assert stores.forgetting.bounds(Bounds(fresh_s=5.0)).fresh_s == UNSHARED_S
    await stores.close()


async def test_only_a_gateway_that_serves_has_a_part_in_the_shared_state(valkey: Valkey, tmp_path: Path) -> None:
    settings = ServerSettings.from_environment(data_dir=tmp_path, state_url=valkey.url, replicas=2)
    stores = await open_stores(settings)
    assert isinstance(stores.state.notices, NoOthers)
    await stores.accounts.create_user(NewUser("ana@example.com", "secure-password-123"))
    await stores.close()
    stores = await open_stores(settings, serves=True)
    assert stores.state.health().is_up
    assert (await stores.accounts.log_in("ana@example.com", "secure-password-123")).user.email == "ana@example.com"
    await stores.close()
