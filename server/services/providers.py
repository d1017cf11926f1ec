"""ProvidersService: the upstream accounts of a workspace."""

from perpetuo.v1 import providers_pb2, providers_pb2_grpc

from server.accounts.providers import NewProvider, ProviderEntries
from server.accounts.service import Accounts
from server.services.calling import Calls, Context
from server.services.shapes import provider_message


class ProvidersServicer(providers_pb2_grpc.ProvidersServiceServicer):
    """Serves provider entries."""

    def __init__(self, accounts: Accounts, entries: ProviderEntries, calls: Calls) -> None:
        self._accounts = accounts
        self._entries = entries
        self._calls = calls

    async def _workspace(self, workspace_id: str) -> str:
        return (await self._accounts.workspace(self._calls.principal().user_id, workspace_id)).id

    async def ListProviders(
        self, request: providers_pb2.ListProvidersRequest, context: Context
    ) -> providers_pb2.ListProvidersResponse:
        """The entries by priority."""
        entries = await self._entries.of_workspace(await self._workspace(request.workspace_id))
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
        )
        entry = await self._entries.add(await self._workspace(request.workspace_id), new)
        return providers_pb2.CreateProviderResponse(provider=provider_message(entry))

    async def DeleteProvider(
        self, request: providers_pb2.DeleteProviderRequest, context: Context
    ) -> providers_pb2.DeleteProviderResponse:
        """The entry is gone."""
        removed = await self._entries.remove(await self._workspace(request.workspace_id), request.provider_id)
        return providers_pb2.DeleteProviderResponse(id=removed, deleted=True)
