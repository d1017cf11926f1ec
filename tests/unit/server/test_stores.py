"""What the gateway opens first: refused where it cannot be served, and closed again when a part fails."""

from pathlib import Path

import pytest

from server.accounts.people import SignupMode
from server.accounts.vault import WrongKeyError
from server.errors import StoreUnavailable
from server.settings import ServerSettings
from server.stores import SettingsError, is_loopback, open_stores

LOOPBACK = [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False),
            ("192.168.1.1", False), ("example.com", False), ("::", False)]  # fmt: skip


@pytest.mark.parametrize(("host", "expected"), LOOPBACK)
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


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


@pytest.mark.parametrize("url", ["oracle://host/db", "sqlite://", "not a url"])
async def test_a_database_that_cannot_be_served_is_told_by_its_option(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="--database-url"):
        await open_stores(ServerSettings(data_dir=tmp_path, database_url=url))


async def test_a_database_that_nobody_answers_for_is_told_by_its_option(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="Check --database-url"):
        await open_stores(ServerSettings(data_dir=tmp_path, database_url="sqlite:////proc/nowhere/perpetuo.db"))


async def test_a_database_is_closed_when_the_key_does_not_fit(tmp_path: Path) -> None:
    settings = ServerSettings(data_dir=tmp_path)
    stores = await open_stores(settings)
    assert not stores.has_older_keys
    await stores.accounts.close()
    await stores.database.close()
    (tmp_path / "master.key").unlink()
    for _ in range(2):
        with pytest.raises(WrongKeyError):
            await open_stores(settings)
