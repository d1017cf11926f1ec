"""ProvidersService over the in-process channel: entries are added, listed and removed; keys never come back."""

import grpc.aio
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from perpetuo.v1 import auth_pb2, providers_pb2, providers_pb2_grpc

from tests.unit.server.services.calls import bearer, refused

SECRET = "sk-canary-0123456789"


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> "providers_pb2_grpc.ProvidersServiceAsyncStub":
    return providers_pb2_grpc.ProvidersServiceStub(channel)


async def test_an_entry_lives_from_creation_to_deletion(
    stub: "providers_pb2_grpc.ProvidersServiceAsyncStub", signed_up: auth_pb2.SignUpResponse
) -> None:
    mine = bearer(signed_up.token)
    request = providers_pb2.CreateProviderRequest(
        provider="openai-compatible",
        api_key=SECRET,
        base_url="HTTP://127.0.0.1:9/v1/",
        priority=2,
        weight=3,
        models=["m"],
        name="Lab",
    )
    made = (await stub.CreateProvider(request, metadata=mine)).provider
    assert made.id.startswith("prov_")
    assert (made.base_url, made.priority, made.weight, made.name) == ("http://127.0.0.1:9/v1", 2, 3, "Lab")
    assert made.is_active
    assert not made.HasField("last_verified_at")
    await stub.CreateProvider(providers_pb2.CreateProviderRequest(provider="demo"), metadata=mine)
    listed = await stub.ListProviders(providers_pb2.ListProvidersRequest(), metadata=mine)
    assert [entry.provider for entry in listed.providers] == ["demo", "openai-compatible"]
    assert SECRET not in str(listed) + str(made)
    assert made.masked_key.endswith(SECRET[-4:])
    removed = await stub.DeleteProvider(providers_pb2.DeleteProviderRequest(provider_id="demo"), metadata=mine)
    assert removed.deleted
    assert removed.id == listed.providers[0].id


REFUSED = [
    (
        "an unknown provider",
        providers_pb2.CreateProviderRequest(provider="opnai", api_key="x"),
        ("REQUEST_INVALID", "provider"),
    ),
    ("a key that is missing", providers_pb2.CreateProviderRequest(provider="openai"), ("REQUEST_INVALID", "api_key")),
    (
        "a priority of zero",
        providers_pb2.CreateProviderRequest(provider="openai", api_key="x", priority=0),
        ("REQUEST_INVALID", "priority"),
    ),
    (
        "a weight out of bounds",
        providers_pb2.CreateProviderRequest(provider="openai", api_key="x", weight=1001),
        ("REQUEST_INVALID", "weight"),
    ),
    (
        "a base URL of another scheme",
        providers_pb2.CreateProviderRequest(provider="openai", api_key="x", base_url="file:///etc/passwd"),
        ("BASE_URL_REFUSED", "base_url"),
    ),
    (
        "a foreign workspace",
        providers_pb2.CreateProviderRequest(provider="demo", workspace_id="ws_foreign"),
        ("RESOURCE_NOT_FOUND", "workspace_id"),
    ),
]


@pytest.mark.parametrize(("request_", "expected"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
async def test_bad_entries_are_refused(
    stub: "providers_pb2_grpc.ProvidersServiceAsyncStub",
    signed_up: auth_pb2.SignUpResponse,
    request_: providers_pb2.CreateProviderRequest,
    expected: tuple[str, str],
) -> None:
    assert await refused(stub.CreateProvider(request_, metadata=bearer(signed_up.token))) == expected


async def test_a_name_of_several_entries_is_a_conflict(
    stub: "providers_pb2_grpc.ProvidersServiceAsyncStub", signed_up: auth_pb2.SignUpResponse
) -> None:
    mine = bearer(signed_up.token)
    for _ in range(2):
        await stub.CreateProvider(providers_pb2.CreateProviderRequest(provider="demo"), metadata=mine)
    call = stub.DeleteProvider(providers_pb2.DeleteProviderRequest(provider_id="demo"), metadata=mine)
    assert (await refused(call))[0] == "CONFLICT"


async def test_an_entry_is_changed_in_what_is_named(
    stub: "providers_pb2_grpc.ProvidersServiceAsyncStub", signed_up: auth_pb2.SignUpResponse
) -> None:
    mine, workspace_id = bearer(signed_up.token), signed_up.workspace.id
    new = providers_pb2.CreateProviderRequest(
        workspace_id=workspace_id, provider="openai", api_key=SECRET, models=["m"], is_active=False
    )
    made = (await stub.CreateProvider(new, metadata=mine)).provider
    assert not made.is_active
    assert not made.HasField("verified")
    update = providers_pb2.UpdateProviderRequest(
        workspace_id=workspace_id, provider_id=made.id, is_active=True, priority=4, models=["a", "b"]
    )
    changed = (await stub.UpdateProvider(update, metadata=mine)).provider
    assert (changed.is_active, changed.priority, list(changed.models)) == (True, 4, ["a", "b"])
    clear = providers_pb2.UpdateProviderRequest(
        workspace_id=workspace_id, provider_id=made.id, update_mask=FieldMask(paths=["models"])
    )
    changed = (await stub.UpdateProvider(clear, metadata=mine)).provider
    assert (list(changed.models), changed.priority) == ([], 4)
    move = providers_pb2.UpdateProviderRequest(
        workspace_id=workspace_id, provider_id=made.id, base_url="https://evil.example/v1"
    )
    assert await refused(stub.UpdateProvider(move, metadata=mine)) == ("REQUEST_INVALID", "api_key")


async def test_a_credential_is_checked_when_asked_for(
    stub: "providers_pb2_grpc.ProvidersServiceAsyncStub", signed_up: auth_pb2.SignUpResponse
) -> None:
    mine = bearer(signed_up.token)
    good = providers_pb2.CreateProviderRequest(provider="demo", verify=True)
    made = (await stub.CreateProvider(good, metadata=mine)).provider
    assert (made.verified, made.HasField("verify_error"), made.HasField("last_verified_at")) == (True, False, True)
    bad = providers_pb2.CreateProviderRequest(
        provider="openai-compatible", api_key=SECRET, base_url="http://127.0.0.1:9/v1", verify=True
    )
    made = (await stub.CreateProvider(bad, metadata=mine)).provider
    assert (made.verified, made.verify_error, made.HasField("last_verified_at")) == (
        False,
        "upstream_unavailable",
        False,
    )
    assert SECRET not in str(made)
