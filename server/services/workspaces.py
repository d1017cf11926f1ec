"""WorkspacesService: workspaces as their members see them."""

from typing import Any, cast

from perpetuo.v1 import workspaces_pb2, workspaces_pb2_grpc

from server.accounts.providers import ProviderEntries
from server.accounts.roles import Action
from server.accounts.service import Accounts
from server.accounts.workspaces import WorkspaceChanges
from server.services.calling import Calls, Context
from server.services.masks import named_fields
from server.services.shapes import (
    CACHE_POLICIES,
    CONTENT_POLICIES,
    STRATEGIES,
    STREAM_MODES,
    workspace_detail,
    workspace_message,
)

_CHANGEABLE = tuple(WorkspaceChanges.__annotations__)


def _changes(request: workspaces_pb2.UpdateWorkspaceRequest) -> WorkspaceChanges:
    weights = request.weights
    values: dict[str, Any] = {
        "name": request.name,
        "strategy": STRATEGIES.word(request.strategy, "default"),
        "weights": (weights.cost, weights.quality, weights.speed) if request.HasField("weights") else (),
        "content_policy": CONTENT_POLICIES.word(request.content_policy, "metadata"),
        "cache_policy": CACHE_POLICIES.word(request.cache_policy, "default"),
        "hedge": request.hedge,
        "request_timeout_s": request.request_timeout_s if request.HasField("request_timeout_s") else None,
        "stream_mode": STREAM_MODES.word(request.stream_mode, "direct"),
    }
    named = named_fields(request, _CHANGEABLE)
    return cast("WorkspaceChanges", {name: value for name, value in values.items() if name in named})


class WorkspacesServicer(workspaces_pb2_grpc.WorkspacesServiceServicer):
    """Serves workspaces."""

    def __init__(self, accounts: Accounts, entries: ProviderEntries, calls: Calls) -> None:
        self._workspaces = accounts.workspaces
        self._entries = entries
        self._calls = calls

    async def ListWorkspaces(
        self, request: workspaces_pb2.ListWorkspacesRequest, context: Context
    ) -> workspaces_pb2.ListWorkspacesResponse:
        """The workspaces of the user, oldest first."""
        found = await self._workspaces.of_user(self._calls.principal().user_id)
        return workspaces_pb2.ListWorkspacesResponse(workspaces=[workspace_message(each) for each in found])

    async def CreateWorkspace(
        self, request: workspaces_pb2.CreateWorkspaceRequest, context: Context
    ) -> workspaces_pb2.CreateWorkspaceResponse:
        """A new workspace."""
        strategy = STRATEGIES.word(request.strategy, "default")
        made = await self._workspaces.create(self._calls.principal().user_id, request.name, strategy)
        return workspaces_pb2.CreateWorkspaceResponse(workspace=workspace_message(made))

    async def GetWorkspace(
        self, request: workspaces_pb2.GetWorkspaceRequest, context: Context
    ) -> workspaces_pb2.GetWorkspaceResponse:
        """One workspace with its provider entries."""
        user_id = self._calls.principal().user_id
        found = await self._workspaces.enter(user_id, request.workspace_id, Action.READ)
        entries = await self._entries.of_workspace(found.workspace.id)
        return workspaces_pb2.GetWorkspaceResponse(workspace=workspace_detail(found, entries))

    async def UpdateWorkspace(
        self, request: workspaces_pb2.UpdateWorkspaceRequest, context: Context
    ) -> workspaces_pb2.UpdateWorkspaceResponse:
        """The workspace with what was named changed."""
        user_id = self._calls.principal().user_id
        changed = await self._workspaces.change(user_id, request.workspace_id, _changes(request))
        return workspaces_pb2.UpdateWorkspaceResponse(workspace=workspace_message(changed))

    async def DeleteWorkspace(
        self, request: workspaces_pb2.DeleteWorkspaceRequest, context: Context
    ) -> workspaces_pb2.DeleteWorkspaceResponse:
        """The workspace is gone."""
        gone = await self._workspaces.delete(self._calls.principal().user_id, request.workspace_id)
        self._entries.forget_workspace(gone)
        return workspaces_pb2.DeleteWorkspaceResponse(id=gone, deleted=True)
