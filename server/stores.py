"""What is kept and shared, opened by settings: the database, the accounts over it, and the state of the replicas."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from options.secret import Secret
from server.accounts.forgetting import Forgetting
from server.accounts.people import AccountPolicy, SignupMode
from server.accounts.pepper import kept_pepper
from server.accounts.providers import ProviderEntries
from server.accounts.secrets import Secrets, secret_from_file
from server.accounts.service import Accounts
from server.accounts.throttle import LoginThrottle
from server.accounts.vault import Vault
from server.chat.principal import Plan
from server.chat.rates import CountOf, Used
from server.errors import StoreUnavailable
from server.ledger.opening import LedgerOptions
from server.ledger.spool.sync import SyncPolicy
from server.plugins import Providers, load_providers
from server.routing.health import BreakerRules
from server.settings import ServerSettings
from server.state.state import MEMORY, State, check_url, open_state
from server.storage.backend import StoreBounds
from server.storage.database import Database
from server.upstream.egress import check_base_url


class SettingsError(Exception):
    """Settings that cannot be served. The message names the option and says what to do."""


@dataclass(slots=True)
class Stores:
    """What is kept, and who knows it. `has_older_keys` is whether there is a master key to be left behind.

    `known` are the providers that entries may name, those of other packages among them.
    """

    database: Database
    accounts: Accounts
    entries: ProviderEntries
    vault: Vault
    state: State
    forgetting: Forgetting
    known: Providers
    has_older_keys: bool = False

    async def close(self) -> None:
        """Writes what is still in memory, and closes everything."""
        await self.accounts.close()
        await self.state.close()
        await self.database.close()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check(settings: ServerSettings, providers: Iterable[str]) -> None:
    """Refuses settings that contradict each other or are not served. Raises SettingsError.

    `providers` are the names of all that there are.
    """
    if settings.demo and not is_loopback(settings.host):
        raise SettingsError(
            f"--demo listens on loopback only, because everybody knows its key; --host is {settings.host}. "
            "Leave out --demo, or use --host 127.0.0.1."
        )
    try:
        check_url(settings.state_url)
    except ValueError as error:
        raise SettingsError(f"--state-url cannot be served: {error}.") from None
    if settings.replicas > 1 and settings.state_url == MEMORY:
        raise SettingsError("--replicas is for gateways that share their state: name it with --state-url.")
    if unknown := sorted(set(settings.drain_providers) - set(providers)):
        raise SettingsError(
            f"--drain-providers names {', '.join(unknown)}, which is no provider; docs/providers.md lists them."
        )
    if settings.require_log and not settings.spool_max_mib:
        raise SettingsError("--require-log needs a spool; --spool-max-mib is 0. Leave out one of them.")


async def open_stores(settings: ServerSettings, known: Providers | None = None, *, serves: bool = False) -> Stores:
    """Opens the database at its newest schema, and the accounts in it. Raises what its parts raise.

    Only a gateway that `serves` has a part in the shared state. Without `known` the providers are those installed.
    """
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    secrets = Secrets.load(
        settings.data_dir,
        _given(settings.master_key, settings.master_key_file),
        _given(settings.jwt_secret, settings.jwt_secret_file),
        _given(settings.old_master_key, settings.old_master_key_file),
    )
    known = known or load_providers()
    vault = Vault(secrets.vault_key, secrets.older_vault_keys)
    database = await _open_database(settings)
    state: State | None = None
    try:
        state = await _open_state(settings if serves else replace(settings, state_url=MEMORY), database)
        forgetting = Forgetting(state.notices, hears_all=not database.is_shared)
        allows = partial(check_base_url, allow_private=settings.allow_private_upstreams)
        entries = ProviderEntries(database, vault, known.rows, allows, forgetting=forgetting)
        await entries.check_vault()
        secrets = replace(secrets, key_pepper=await kept_pepper(database, vault, secrets.key_pepper))
    except BaseException:
        if state is not None:
            await state.close()
        await database.close()
        raise
    throttle = LoginThrottle(state.throttles, state.notes)
    accounts = Accounts(database, secrets, _policy(settings), throttle, forgetting)
    return Stores(database, accounts, entries, vault, state, forgetting, known, bool(secrets.older_vault_keys))


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


async def _open_state(settings: ServerSettings, database: Database) -> State:
    try:
        return await open_state(settings.state_url, settings.replicas, _books(database))
    except ValueError as error:
        raise SettingsError(f"--state-url cannot be served: {error}.") from error


def breaker_rules(settings: ServerSettings) -> BreakerRules:
    """When breakers open and close."""
    return BreakerRules(
        settings.breaker_failures,
        settings.breaker_share,
        settings.breaker_window_s,
        settings.breaker_open_s,
        settings.breaker_probes,
    )


def ledger_options(settings: ServerSettings) -> LedgerOptions:
    """Where and how request records are kept until the database has them."""
    root = settings.data_dir.absolute() / "spool"
    return LedgerOptions(root, settings.spool_max_mib, SyncPolicy(settings.spool_sync), settings.require_log)


def _books(database: Database) -> CountOf:
    """What the ledger has of a user, or of a key as `USER/KEY`."""

    async def used(subject: str, start: datetime, end: datetime) -> Used:
        user_id, _, key_id = subject.partition("/")
        async with database.read() as tx:
            return await tx.operations.used(user_id, key_id or None, start, end)

    return used


def _database_url(settings: ServerSettings) -> str:
    return settings.database_url or f"sqlite:///{settings.data_dir.absolute() / 'perpetuo.db'}"


def _given(secret: Secret, path: Path | None) -> str | None:
    if path is not None:
        return secret_from_file(path)
    return secret.text or None


def _policy(settings: ServerSettings) -> AccountPolicy:
    mode = settings.signup
    if mode == "auto":
        mode = "open" if is_loopback(settings.host) else "first"
    return AccountPolicy(SignupMode(mode), Plan(settings.default_plan))
