"""Opens what is kept, by the settings: secrets, the database, the accounts in it. Refuses settings that contradict."""

import ipaddress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from server.accounts.people import AccountPolicy, SignupMode
from server.accounts.pepper import kept_pepper
from server.accounts.providers import ProviderEntries
from server.accounts.secrets import Secrets, secret_from_file
from server.accounts.service import Accounts
from server.accounts.vault import Vault
from server.chat.principal import Plan
from server.errors import StoreUnavailable
from server.ledger.opening import LedgerOptions
from server.ledger.spool.sync import SyncPolicy
from server.providers.registry import PROVIDERS
from server.settings import ServerSettings
from server.storage.backend import StoreBounds
from server.storage.database import Database
from server.upstream.egress import check_base_url


class SettingsError(Exception):
    """Settings that cannot be served. The message names the option and says what to do."""


@dataclass(slots=True)
class Stores:
    """What is kept, and who knows it. `has_older_keys` is whether there is a master key to be left behind."""

    database: Database
    accounts: Accounts
    entries: ProviderEntries
    vault: Vault
    has_older_keys: bool = False


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check(settings: ServerSettings) -> None:
    """Refuses settings that contradict each other or are not served. Raises SettingsError."""
    if settings.demo and not is_loopback(settings.host):
        raise SettingsError(
            f"--demo listens on loopback only, because everybody knows its key; --host is {settings.host}. "
            "Leave out --demo, or use --host 127.0.0.1."
        )
    if settings.state_url != "memory:":
        raise SettingsError(f"--state-url {settings.state_url} is not served; the only one is memory:.")
    if settings.require_log and not settings.spool_max_mib:
        raise SettingsError("--require-log needs a spool; --spool-max-mib is 0. Leave out one of them.")


def _database_url(settings: ServerSettings) -> str:
    return settings.database_url or f"sqlite:///{settings.data_dir.absolute() / 'perpetuo.db'}"


def _given(secret: SecretStr, path: Path | None) -> str | None:
    if path is not None:
        return secret_from_file(path)
    return secret.get_secret_value() or None


def _policy(settings: ServerSettings) -> AccountPolicy:
    mode = settings.signup
    if mode == "auto":
        mode = "open" if is_loopback(settings.host) else "first"
    return AccountPolicy(SignupMode(mode), Plan(settings.default_plan))


async def _open_database(settings: ServerSettings) -> Database:
    """Raises SettingsError for a URL that cannot be served, StoreUnavailable when nobody answers there."""
    bounds = StoreBounds(settings.database_pool_size, settings.database_answer_s)
    try:
        return await Database.open(_database_url(settings), bounds)
    except ValueError as error:
        raise SettingsError(f"--database-url cannot be served: {error}.") from error
    except StoreUnavailable as error:
        if not settings.database_url:
            raise
        raise StoreUnavailable(f"{error.message} Check --database-url.") from error


async def open_stores(settings: ServerSettings) -> Stores:
    """Opens the database at its newest schema, and the accounts in it. Raises what its parts raise."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    secrets = Secrets.load(
        settings.data_dir,
        _given(settings.master_key, settings.master_key_file),
        _given(settings.jwt_secret, settings.jwt_secret_file),
        _given(settings.old_master_key, settings.old_master_key_file),
    )
    vault = Vault(secrets.vault_key, secrets.older_vault_keys)
    database = await _open_database(settings)
    try:
        allows = partial(check_base_url, allow_private=settings.allow_private_upstreams)
        entries = ProviderEntries(database, vault, PROVIDERS, allows)
        await entries.check_vault()
        pepper = await kept_pepper(database, vault, secrets.key_pepper)
    except BaseException:
        await database.close()
        raise
    accounts = Accounts(database, replace(secrets, key_pepper=pepper), _policy(settings))
    return Stores(database, accounts, entries, vault, has_older_keys=bool(secrets.older_vault_keys))


def ledger_options(settings: ServerSettings) -> LedgerOptions:
    """Where and how request records are kept until the database has them."""
    root = settings.data_dir.absolute() / "spool"
    return LedgerOptions(root, settings.spool_max_mib, SyncPolicy(settings.spool_sync), settings.require_log)
