"""ProvidersService: the upstream accounts of a workspace."""

from typing import Any, cast

from perpetuo.v1 import providers_pb2, providers_pb2_grpc

from server.accounts.providers import Check, NewProvider, ProviderChanges, ProviderEntries
from server.accounts.roles import Action
from server.accounts.service import Accounts
from server.services.calling import Calls, Context
from server.services.masks import named_fields
from server.services.shapes import provider_message

_CHANGEABLE = ("api_key", "priority", "base_url", "models", "weight", "name", "is_active")


def _changes(request: providers_pb2.UpdateProviderRequest) -> ProviderChanges:
    values: dict[str, Any] = {name: getattr(request, name) for name in named_fields(request, _CHANGEABLE)}
    if "models" in values:
        values["models"] = tuple(values["models"])
    if "is_active" in values:
        values["is_enabled"] = values.pop("is_active")
    return cast("ProviderChanges", values)


class ProvidersServicer(providers_pb2_grpc.ProvidersServiceServicer):
    """Serves provider entries. `check` asks a provider about a credential."""

    def __init__(self, accounts: Accounts, entries: ProviderEntries, calls: Calls, check: Check) -> None:
        self._accounts = accounts
        self._entries = entries
        self._calls = calls
        self._check = check

    async def _workspace(self, workspace_id: str, action: Action) -> str:
        return (await self._accounts.workspace(self._calls.principal().user_id, workspace_id, action)).id

    async def ListProviders(
        self, request: providers_pb2.ListProvidersRequest, context: Context
    ) -> providers_pb2.ListProvidersResponse:
        """The entries by priority."""
        entries = await self._entries.of_workspace(await self._workspace(request.workspace_id, Action.READ))
        return providers_pb2.ListProvidersResponse(providers=[provider_message(entry) for entry in entries])

    async def CreateProvider(
        self, request: providers_pb2.CreateProviderRequest, context: Context
    ) -> providers_pb2.CreateProviderResponse:
        """A new entry; its API key is sealed and never answered."""
        new = NewProvider(
            provider=request.provider,
            api_key=request.api_key,
            priority=request.priority if request.HasField("priority") else 1,
            base_url=request.base_url,
            models=tuple(request.models),
            weight=request.weight if request.HasField("weight") else 1,
            name=request.name,
            is_enabled=request.is_active if request.HasField("is_active") else True,
        )
        workspace_id = await self._workspace(request.workspace_id, Action.MANAGE_PROVIDERS)
        entry = await self._entries.add(workspace_id, new)
        if not request.verify:
            return providers_pb2.CreateProviderResponse(provider=provider_message(entry))
        reason = await self._entries.verify(entry, self._check)
        told = provider_message(await self._entries.get(workspace_id, entry.id))
        told.verified = reason is None
        if reason is not None:
            told.verify_error = reason.lower()
        return providers_pb2.CreateProviderResponse(provider=told)

    async def UpdateProvider(
        self, request: providers_pb2.UpdateProviderRequest, context: Context
    ) -> providers_pb2.UpdateProviderResponse:
        """The entry with what was named changed."""
        workspace_id = await self._workspace(request.workspace_id, Action.MANAGE_PROVIDERS)
        entry = await self._entries.change(workspace_id, request.provider_id, _changes(request))
        return providers_pb2.UpdateProviderResponse(provider=provider_message(entry))

    async def DeleteProvider(
        self, request: providers_pb2.DeleteProviderRequest, context: Context
    ) -> providers_pb2.DeleteProviderResponse:
        """The entry is gone."""
        workspace_id = await self._workspace(request.workspace_id, Action.MANAGE_PROVIDERS)
        removed = await self._entries.remove(workspace_id, request.provider_id)
        return providers_pb2.DeleteProviderResponse(id=removed, deleted=True)
