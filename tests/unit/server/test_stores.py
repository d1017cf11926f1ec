"""What is kept is opened by the settings, and settings that contradict each other are refused by name."""

from pathlib import Path
from typing import Any

import pytest

from server.accounts.people import SignupMode
from server.errors import StoreUnavailable
from server.settings import ServerSettings
from server.stores import SettingsError, check, is_loopback, ledger_options, open_stores

LOOPBACK = [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False),
            ("192.168.1.1", False), ("example.com", False), ("::", False)]  # fmt: skip


@pytest.mark.parametrize(("host", "expected"), LOOPBACK)
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("a demo that others can reach", {"demo": True, "host": "0.0.0.0"}, "--demo"),
    ("a state that is not served", {"state_url": "redis://127.0.0.1"}, "--state-url"),
    ("a log that must be kept nowhere", {"require_log": True, "spool_max_mib": 0}, "--require-log"),
]


@pytest.mark.parametrize(("options", "names"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_settings_that_cannot_be_served(options: dict[str, Any], names: str) -> None:
    with pytest.raises(SettingsError, match=names):
        check(ServerSettings(**options))


async def test_a_database_that_is_not_served_is_told_by_the_name_of_the_option(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--database-url cannot be served: no storage .* 'oracle'"):
        await open_stores(ServerSettings(data_dir=tmp_path, database_url="oracle://host/db"))


async def test_a_database_that_does_not_answer_is_told_by_the_name_of_the_option(tmp_path: Path) -> None:
    settings = ServerSettings(data_dir=tmp_path, database_url="postgresql://me:sesame@127.0.0.1:1/db")
    with pytest.raises(StoreUnavailable, match="Check --database-url") as raised:
        await open_stores(settings)
    assert "sesame" not in str(raised.value)
    assert "sesame" not in repr(settings)


def test_the_spool_is_in_the_data_directory(tmp_path: Path) -> None:
    options = ledger_options(ServerSettings(data_dir=tmp_path, spool_sync="always", spool_max_mib=7))
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
    settings = ServerSettings.model_validate({"data_dir": tmp_path, "host": host, "signup": signup})
    stores = await open_stores(settings)
    assert stores.accounts._policy.signup is expected
    await stores.accounts.close()
    await stores.database.close()
