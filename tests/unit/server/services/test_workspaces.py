"""WorkspacesService over the in-process channel."""

import grpc.aio
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from perpetuo.v1 import auth_pb2, members_pb2, providers_pb2, providers_pb2_grpc, workspaces_pb2, workspaces_pb2_grpc

from tests.unit.server.services.calls import bearer, refused


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> "workspaces_pb2_grpc.WorkspacesServiceAsyncStub":
    return workspaces_pb2_grpc.WorkspacesServiceStub(channel)


async def test_a_workspace_lives_from_creation_to_deletion(
    stub: "workspaces_pb2_grpc.WorkspacesServiceAsyncStub",
    channel: grpc.aio.Channel,
    signed_up: auth_pb2.SignUpResponse,
) -> None:
    mine = bearer(signed_up.token)
    made = (await stub.CreateWorkspace(workspaces_pb2.CreateWorkspaceRequest(name="Lab"), metadata=mine)).workspace
    assert made.id.startswith("ws_")
    assert (made.name, made.strategy, made.role) == ("Lab", workspaces_pb2.STRATEGY_DEFAULT, members_pb2.ROLE_OWNER)
    assert (made.weights.cost, made.weights.quality, made.weights.speed) == (0.40, 0.35, 0.25)
    assert made.content_policy == workspaces_pb2.CONTENT_POLICY_METADATA
    assert made.cache_policy == workspaces_pb2.CACHE_POLICY_DEFAULT
    listed = (await stub.ListWorkspaces(workspaces_pb2.ListWorkspacesRequest(), metadata=mine)).workspaces
    assert [(each.id, each.is_default) for each in listed] == [(signed_up.workspace.id, True), (made.id, False)]
    await providers_pb2_grpc.ProvidersServiceStub(channel).CreateProvider(
        providers_pb2.CreateProviderRequest(workspace_id=made.id, provider="demo", priority=3), metadata=mine
    )
    detail = (
        await stub.GetWorkspace(workspaces_pb2.GetWorkspaceRequest(workspace_id=made.id), metadata=mine)
    ).workspace
    assert [(entry.provider, entry.priority) for entry in detail.providers] == [("demo", 3)]
    assert detail.id == made.id
    gone = await stub.DeleteWorkspace(workspaces_pb2.DeleteWorkspaceRequest(workspace_id=made.id), metadata=mine)
    assert (gone.id, gone.deleted) == (made.id, True)
    again = stub.GetWorkspace(workspaces_pb2.GetWorkspaceRequest(workspace_id=made.id), metadata=mine)
    assert await refused(again) == ("RESOURCE_NOT_FOUND", "workspace_id")


CLEARED = ["weights", "cache_policy", "hedge", "request_timeout_s", "stream_mode"]


async def test_an_update_changes_what_is_set_or_what_the_mask_names(
    stub: "workspaces_pb2_grpc.WorkspacesServiceAsyncStub", signed_up: auth_pb2.SignUpResponse
) -> None:
    mine, workspace_id = bearer(signed_up.token), signed_up.workspace.id
    first = workspaces_pb2.UpdateWorkspaceRequest(
        workspace_id=workspace_id,
        strategy=workspaces_pb2.STRATEGY_BALANCED,
        weights=workspaces_pb2.StrategyWeights(cost=1.0),
        cache_policy=workspaces_pb2.CACHE_POLICY_EXACT,
        hedge=True,
        request_timeout_s=2.5,
        stream_mode=workspaces_pb2.STREAM_MODE_CONTINUE,
    )
    changed = (await stub.UpdateWorkspace(first, metadata=mine)).workspace
    assert (changed.name, changed.strategy) == ("My Workspace", workspaces_pb2.STRATEGY_BALANCED)
    assert (changed.weights.cost, changed.weights.speed) == (1.0, 0.0)
    assert (changed.hedge, changed.request_timeout_s) == (True, 2.5)
    assert changed.stream_mode == workspaces_pb2.STREAM_MODE_CONTINUE
    second = workspaces_pb2.UpdateWorkspaceRequest(
        workspace_id=workspace_id, name="ignored", update_mask=FieldMask(paths=CLEARED)
    )
    changed = (await stub.UpdateWorkspace(second, metadata=mine)).workspace
    assert (changed.name, changed.weights.speed) == ("My Workspace", 0.25)
    assert (changed.hedge, changed.HasField("request_timeout_s")) == (False, False)
    assert changed.stream_mode == workspaces_pb2.STREAM_MODE_DIRECT
    assert changed.cache_policy == workspaces_pb2.CACHE_POLICY_DEFAULT
    assert changed.strategy == workspaces_pb2.STRATEGY_BALANCED


REFUSED = [
    ("an empty name", {"name": "", "update_mask": FieldMask(paths=["name"])}, "name"),
    ("a strategy without a name", {"strategy": 77}, "strategy"),
    ("a time of nothing", {"request_timeout_s": 0.0}, "request_timeout_s"),
    ("a time without end", {"request_timeout_s": float("inf")}, "request_timeout_s"),
    ("a field that is not to be changed", {"update_mask": FieldMask(paths=["owner_id"])}, "owner_id"),
]


@pytest.mark.parametrize(("fields", "param"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
async def test_a_bad_update_names_the_parameter(
    stub: "workspaces_pb2_grpc.WorkspacesServiceAsyncStub",
    signed_up: auth_pb2.SignUpResponse,
    fields: dict[str, object],
    param: str,
) -> None:
    request = workspaces_pb2.UpdateWorkspaceRequest(workspace_id=signed_up.workspace.id, **fields)  # type: ignore[arg-type]
    assert await refused(stub.UpdateWorkspace(request, metadata=bearer(signed_up.token))) == ("REQUEST_INVALID", param)
