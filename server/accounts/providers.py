"""Provider entries as their owners see them, and the deployments that they are to the pipeline.

API keys come in once, are sealed before they reach storage, and are opened only into the `Deployment`s that are held in
memory for a moment. They never go back to a caller.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol, TypedDict

from server.accounts.forgetting import Forgetting
from server.accounts.loading_cache import Bounds, LoadingCache
from server.accounts.validation import checked_models, checked_range, checked_text, is_id
from server.accounts.vault import WRONG_MASTER_KEY, Place, SealBrokenError, Vault, WrongKeyError, masked
from server.chat.deployment import Deployment
from server.chat.ids import new_id
from server.errors import Conflict, RequestInvalid, ResourceNotFound, UpstreamAuth, UpstreamForbidden
from server.storage.database import Database
from server.storage.providers import ProviderEntry

FRESH_S = 30.0
STALE_S = 600.0
MAX_API_KEY_CHARS = 4096
MAX_MODELS = 500
MAX_PRIORITY = 1000
MAX_WEIGHT = 1000
MAX_ENTRIES = 200

_PURPOSE = "provider-key"
_FLAGGED_AGAIN_AFTER_S = 60.0
_SAMPLE = 20
_REFUSALS = frozenset({UpstreamAuth.reason, UpstreamForbidden.reason})

_log = logging.getLogger(__name__)


class CredentialRules(Protocol):
    """What a credential must be, where it is more than a key."""

    def check(self, base_url: str, api_key: str) -> None:
        """Raises RequestInvalid, whose message says what is missing and never repeats a value."""

    def shown(self, api_key: str) -> str:
        """The part that may be shown once its middle is left out."""


class ProviderRow(Protocol):
    """What must be known of a provider here: a row of the registry."""

    @property
    def default_base_url(self) -> str:
        """Where its API is, empty when every entry must say so itself."""

    @property
    def key_env(self) -> str:
        """The environment variable that usually holds its key, empty if it needs no key."""

    @property
    def is_builtin(self) -> bool:
        """Whether it is part of the gateway: it has no address and needs no key."""

    @property
    def credential(self) -> CredentialRules | None:
        """The rules of a credential that is more than a key; None where it is just that."""

    @property
    def base_url_form(self) -> str:
        """How an address is written where every entry must name its own; empty if any will do."""

    @property
    def is_ready(self) -> bool:
        """Whether nothing that its entries need is still to be imported."""

    def prepare(self) -> None:
        """Imports what its entries need. Takes a while; may be called in any thread."""


@dataclass(frozen=True, slots=True)
class NewProvider:
    """A provider entry to be added; nothing is checked yet."""

    provider: str
    api_key: str = field(default="", repr=False)
    priority: int = 1
    base_url: str = ""
    models: tuple[str, ...] = ()
    weight: int = 1
    name: str = ""
    is_enabled: bool = True


class ProviderChanges(TypedDict, total=False):
    """What to change of an entry; what is not there stays. An empty `base_url` is the provider's own address."""

    api_key: str
    priority: int
    base_url: str
    models: tuple[str, ...]
    weight: int
    name: str
    is_enabled: bool


Check = Callable[[Deployment], Awaitable[str | None]]
"""Asks a provider whether it takes a credential: None if so, else the reason why not."""


class ProviderEntries:
    """Upstream accounts of workspaces. `known` are the registry's rows by name, `check_base_url` the egress guard's."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        known: Mapping[str, ProviderRow],
        check_base_url: Callable[[str], str],
        clock_s: Callable[[], float] = time.monotonic,
        forgetting: Forgetting | None = None,
    ) -> None:
        self._database = database
        self._forgetting = forgetting or Forgetting()
        self._vault = vault
        self._known = known
        self._check_base_url = check_base_url
        self._clock_s = clock_s
        bounds = self._forgetting.bounds(Bounds(FRESH_S, STALE_S, max_entries=5_000))
        self.cache: LoadingCache[str, tuple[Deployment, ...]] = LoadingCache(self._load, bounds, clock_s)
        self._forgetting.on("workspace", self.cache.discard)
        self._flagged_at_s: dict[tuple[str, str], float] = {}

    async def add(self, workspace_id: str, new: NewProvider) -> ProviderEntry:
        """Checks, seals and keeps an entry. Raises RequestInvalid naming the parameter, BaseUrlRefused, Conflict."""
        entry = self._checked(workspace_id, new)
        await self._prepare((entry.provider,))
        async with self._database.write() as tx:
            if await tx.providers.count(workspace_id) >= MAX_ENTRIES:
                raise Conflict(f"The workspace has {MAX_ENTRIES} provider entries, which is the most.")
            await tx.providers.add(entry)
        self._forgetting.forget("workspace", workspace_id)
        return self._shown(entry)

    async def of_workspace(self, workspace_id: str) -> tuple[ProviderEntry, ...]:
        """The entries by priority, then oldest first, each with the address that it is called at."""
        async with self._database.read() as tx:
            entries = await tx.providers.of_workspace(workspace_id)
        return tuple(self._shown(entry) for entry in entries)

    async def change(self, workspace_id: str, entry_id: str, changes: ProviderChanges) -> ProviderEntry:
        """Changes what is named, at once.

        Another address demands the API key again, so that a key never goes to a host that it was not given for. Raises
        ResourceNotFound, RequestInvalid naming the parameter, BaseUrlRefused.
        """
        async with self._database.write() as tx:
            entry = await tx.providers.get(workspace_id, entry_id) if is_id(entry_id, "prov_") else None
            if entry is None:
                raise _absent()
            values = self._checked_changes(entry, changes)
            await tx.providers.change(entry.id, **values)
        self._forgetting.forget("workspace", workspace_id)
        return self._shown(replace(entry, **values))

    async def verify(self, entry: ProviderEntry, check: Check) -> str | None:
        """Asks the provider whether it takes the entry's credential, and notes it: None if so, else the reason."""
        reason = "NOT_CHECKED"
        await self._prepare((entry.provider,))
        for deployment in self._opened(self._shown(entry)):
            reason = await check(deployment) or ""
        if reason in _REFUSALS:
            await self.flag(entry.id, reason)
        if reason:
            return reason
        await self.mark_verified(entry.id)
        return None

    async def get(self, workspace_id: str, entry_id: str) -> ProviderEntry:
        """The entry of that id. Raises ResourceNotFound."""
        async with self._database.read() as tx:
            entry = await tx.providers.get(workspace_id, entry_id)
        if entry is None:
            raise _absent()
        return self._shown(entry)

    def forget_workspace(self, workspace_id: str) -> None:
        """Drops what is in memory of a workspace that was deleted."""
        self._forgetting.forget("workspace", workspace_id)

    async def remove(self, workspace_id: str, id_or_name: str) -> str:
        """Removes an entry by its id, or by the provider's name where only one entry has it; answers its id.

        Raises ResourceNotFound, Conflict when several entries have the name.
        """
        async with self._database.write() as tx:
            entries = await tx.providers.of_workspace(workspace_id)
            if is_id(id_or_name, "prov_"):
                meant = [entry.id for entry in entries if entry.id == id_or_name]
            else:
                meant = [entry.id for entry in entries if entry.provider == id_or_name.lower()]
            if not meant:
                raise _absent()
            if len(meant) > 1:
                raise Conflict(f"{len(meant)} entries have that name; name one by its id.", param="provider_id")
            await tx.providers.remove(workspace_id, meant[0])
        self._forgetting.forget("workspace", workspace_id)
        return meant[0]

    async def deployments(self, workspace_id: str) -> tuple[Deployment, ...]:
        """Where the workspace's requests can go, by priority, from memory if it was asked lately.

        Raises StoreUnavailable for a workspace not seen lately while the database is away.
        """
        return self.cache.fresh(workspace_id) or await self.cache.get(workspace_id) or ()

    async def flag(self, entry_id: str, reason: str) -> None:
        """Notes that the provider refuses an entry's credential. Saying it again within a minute costs nothing."""
        now_s = self._clock_s()
        if now_s - self._flagged_at_s.get((entry_id, reason), float("-inf")) < _FLAGGED_AGAIN_AFTER_S:
            return
        self._flagged_at_s = {
            key: at_s for key, at_s in self._flagged_at_s.items() if now_s - at_s < _FLAGGED_AGAIN_AFTER_S
        }
        self._flagged_at_s[entry_id, reason] = now_s
        async with self._database.write() as tx:
            await tx.providers.set_flagged(entry_id, reason)

    async def mark_verified(self, entry_id: str) -> None:
        """Notes that an entry's credential works, which takes a flag away."""
        self._flagged_at_s = {key: at_s for key, at_s in self._flagged_at_s.items() if key[0] != entry_id}
        async with self._database.write() as tx:
            await tx.providers.set_verified(entry_id, datetime.now(UTC))

    async def check_vault(self) -> None:
        """Looks at the newest entries, for the start. Raises WrongKeyError when the master key opens none of them."""
        async with self._database.read() as tx:
            entries = await tx.providers.newest(_SAMPLE)
        failure: WrongKeyError | None = None
        for entry in entries:
            try:
                self._vault.open(entry.sealed_api_key, place_of(entry.workspace_id, entry.id))
            except WrongKeyError as error:
                failure = error
            except SealBrokenError:
                continue
            else:
                return
        if failure is not None:
            raise WrongKeyError(WRONG_MASTER_KEY) from failure

    def _checked(self, workspace_id: str, new: NewProvider) -> ProviderEntry:
        provider = new.provider.strip().lower()
        row = self._known.get(provider)
        if row is None:
            names = ", ".join(sorted(self._known))
            raise RequestInvalid(f"The provider is unknown; the known ones are {names}.", param="provider")
        entry_id = new_id("prov_")
        base_url = self._checked_base_url(row, new.base_url.strip())
        api_key = _checked_api_key(new.api_key, row, base_url or row.default_base_url)
        return ProviderEntry(
            id=entry_id,
            workspace_id=workspace_id,
            provider=provider,
            name=checked_text(new.name, "name"),
            sealed_api_key=self._vault.seal(api_key, place_of(workspace_id, entry_id)),
            masked_key=_masked(api_key, row),
            base_url=base_url,
            priority=checked_range(new.priority, "priority", 1, MAX_PRIORITY),
            weight=checked_range(new.weight, "weight", 1, MAX_WEIGHT),
            models=checked_models(new.models, "models", MAX_MODELS),
            is_enabled=new.is_enabled,
            created_at=datetime.now(UTC),
        )

    def _checked_changes(self, entry: ProviderEntry, changes: ProviderChanges) -> dict[str, Any]:
        """The columns to set."""
        values: dict[str, Any] = {}
        if "name" in changes:
            values["name"] = checked_text(changes["name"], "name")
        if "priority" in changes:
            values["priority"] = checked_range(changes["priority"], "priority", 1, MAX_PRIORITY)
        if "weight" in changes:
            values["weight"] = checked_range(changes["weight"], "weight", 1, MAX_WEIGHT)
        if "models" in changes:
            values["models"] = checked_models(changes["models"], "models", MAX_MODELS)
        if "is_enabled" in changes:
            values["is_enabled"] = changes["is_enabled"]
        return values | self._checked_credential(entry, changes)

    def _checked_credential(self, entry: ProviderEntry, changes: ProviderChanges) -> dict[str, Any]:
        """Address and key, which only change together unless the address stays or there is no key."""
        row = self._known.get(entry.provider)
        if row is None or not {"api_key", "base_url"} & changes.keys():
            return {}
        base_url = entry.base_url
        if "base_url" in changes:
            base_url = self._checked_base_url(row, changes["base_url"].strip())
        moves = base_url != entry.base_url
        if "api_key" not in changes:
            if moves and entry.masked_key:
                raise RequestInvalid(
                    "Another base_url demands the api_key again: a key only goes where it was given for.",
                    param="api_key",
                )
            return {"base_url": base_url} if moves else {}
        api_key = _checked_api_key(changes["api_key"], row, base_url or row.default_base_url)
        return {
            "base_url": base_url,
            "sealed_api_key": self._vault.seal(api_key, place_of(entry.workspace_id, entry.id)),
            "masked_key": _masked(api_key, row),
            "last_verified_at": None,
            "flagged_reason": None,
        }

    def _checked_base_url(self, row: ProviderRow, base_url: str) -> str:
        """What is kept: the entry's own address, or empty for the provider's."""
        if row.is_builtin:
            if base_url:
                raise RequestInvalid("This provider is built in and has no address.", param="base_url")
            return ""
        if not base_url and not row.default_base_url:
            form = f", as {row.base_url_form}" if row.base_url_form else ""
            raise RequestInvalid(f"base_url is required for this provider{form}.", param="base_url")
        checked = self._check_base_url(base_url or row.default_base_url)
        return checked if base_url else ""

    def _shown(self, entry: ProviderEntry) -> ProviderEntry:
        row = self._known.get(entry.provider)
        return entry if entry.base_url or row is None else replace(entry, base_url=row.default_base_url.rstrip("/"))

    async def _load(self, workspace_id: str) -> tuple[Deployment, ...]:
        entries = [entry for entry in await self.of_workspace(workspace_id) if entry.is_enabled]
        known = [entry for entry in entries if entry.provider in self._known]
        await self._prepare(entry.provider for entry in known)
        return tuple(deployment for entry in known for deployment in self._opened(entry))

    async def _prepare(self, providers: Iterable[str]) -> None:
        """Has ready what requests to them will need, while nothing waits for the event loop."""
        for provider in dict.fromkeys(providers):
            row = self._known.get(provider)
            if row is not None and not row.is_ready:
                await asyncio.to_thread(row.prepare)

    def _opened(self, entry: ProviderEntry) -> list[Deployment]:
        """The entry as a deployment; none, and a line in the log, when its seal is broken: the others still serve."""
        try:
            api_key = self._vault.open(entry.sealed_api_key, place_of(entry.workspace_id, entry.id))
        except SealBrokenError as error:
            _log.error("The API key of provider entry %s cannot be opened: %s", entry.id, error)
            return []
        deployment = Deployment(
            provider_id=entry.id,
            workspace_id=entry.workspace_id,
            provider=entry.provider,
            base_url=entry.base_url,
            api_key=api_key,
            priority=entry.priority,
            weight=entry.weight,
            models=entry.models,
        )
        return [deployment]


def _absent() -> ResourceNotFound:
    return ResourceNotFound("No provider entry of that id or name is visible to you.", param="provider_id")


def place_of(workspace_id: str, entry_id: str) -> Place:
    """What the seal of an entry's API key is bound to."""
    return Place(_PURPOSE, workspace_id, entry_id)


def _checked_api_key(api_key: str, row: ProviderRow, base_url: str) -> str:
    """The key as it will stand in a header. Raises RequestInvalid, never repeating the key."""
    trimmed = api_key.strip()
    if not trimmed and row.key_env and not row.is_builtin:
        raise RequestInvalid("api_key is required for this provider.", param="api_key")
    if len(trimmed) > MAX_API_KEY_CHARS:
        raise RequestInvalid(f"api_key must be at most {MAX_API_KEY_CHARS} characters long.", param="api_key")
    if not all("!" <= character <= "~" for character in trimmed):
        raise RequestInvalid("api_key must be printable ASCII without spaces.", param="api_key")
    if trimmed and row.credential is not None:
        row.credential.check(base_url, trimmed)
    return trimmed


def _masked(api_key: str, row: ProviderRow) -> str:
    """What is shown of a credential: its middle is left out."""
    if not api_key:
        return ""
    return masked(api_key if row.credential is None else row.credential.shown(api_key))
