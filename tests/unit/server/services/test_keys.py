"""KeysService over the in-process channel: keys are made, shown once, listed, used and revoked."""

from datetime import UTC, datetime, timedelta

import grpc.aio
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from perpetuo.v1 import auth_pb2, keys_pb2, keys_pb2_grpc, models_pb2, models_pb2_grpc

from tests.unit.server.services.calls import bearer, refused


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> "keys_pb2_grpc.KeysServiceAsyncStub":
    return keys_pb2_grpc.KeysServiceStub(channel)


async def test_a_key_lives_from_creation_to_deletion(
    stub: "keys_pb2_grpc.KeysServiceAsyncStub", channel: grpc.aio.Channel, signed_up: auth_pb2.SignUpResponse
) -> None:
    mine = bearer(signed_up.token)
    request = keys_pb2.CreateKeyRequest(name="Production", allowed_models=["gpt-4o"], key_style=keys_pb2.KEY_STYLE_GW)
    made = await stub.CreateKey(request, metadata=mine)
    assert made.key.startswith("gw_")
    assert made.prefix.endswith("...")
    assert made.key.startswith(made.prefix.removesuffix("..."))
    listed = (await stub.ListKeys(keys_pb2.ListKeysRequest(), metadata=mine)).keys
    assert [key.name for key in listed] == ["Production", "Default key"]
    assert (listed[0].id, listed[0].is_active, list(listed[0].allowed_models)) == (made.id, True, ["gpt-4o"])
    assert not listed[0].HasField("last_used_at")
    models = models_pb2_grpc.ModelsServiceStub(channel)
    await models.ListModels(models_pb2.ListModelsRequest(), metadata=bearer(made.key))
    deleted = await stub.DeleteKey(keys_pb2.DeleteKeyRequest(key_id=made.id), metadata=mine)
    assert (deleted.id, deleted.deleted) == (made.id, True)
    assert (await refused(models.ListModels(models_pb2.ListModelsRequest(), metadata=bearer(made.key))))[
        0
    ] == "KEY_REVOKED"
    assert [key.name for key in (await stub.ListKeys(keys_pb2.ListKeysRequest(), metadata=mine)).keys] == [
        "Default key"
    ]


async def test_the_workspace_can_be_named(
    stub: "keys_pb2_grpc.KeysServiceAsyncStub", signed_up: auth_pb2.SignUpResponse
) -> None:
    mine = bearer(signed_up.token)
    await stub.CreateKey(keys_pb2.CreateKeyRequest(workspace_id=signed_up.workspace.id, name="Named"), metadata=mine)
    listed = await stub.ListKeys(keys_pb2.ListKeysRequest(workspace_id=signed_up.workspace.id), metadata=mine)
    assert len(listed.keys) == 2


def moment(offset: timedelta) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(datetime.now(UTC) + offset)
    return made


REFUSED = [
    (
        "an expiry in the past",
        keys_pb2.CreateKeyRequest(expires_at=Timestamp(seconds=1)),
        ("REQUEST_INVALID", "expires_at"),
    ),
    (
        "an expiry beyond all calendars",
        keys_pb2.CreateKeyRequest(expires_at=Timestamp(seconds=2**60)),
        ("REQUEST_INVALID", "expires_at"),
    ),
    ("a name that is too long", keys_pb2.CreateKeyRequest(name="x" * 201), ("REQUEST_INVALID", "name")),
    (
        "a workspace that is not there",
        keys_pb2.CreateKeyRequest(workspace_id="ws_nope"),
        ("RESOURCE_NOT_FOUND", "workspace_id"),
    ),
]


@pytest.mark.parametrize(("request_", "expected"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
async def test_bad_keys_are_refused(
    stub: "keys_pb2_grpc.KeysServiceAsyncStub",
    signed_up: auth_pb2.SignUpResponse,
    request_: keys_pb2.CreateKeyRequest,
    expected: tuple[str, str],
) -> None:
    assert await refused(stub.CreateKey(request_, metadata=bearer(signed_up.token))) == expected


async def test_an_expiry_is_kept(
    stub: "keys_pb2_grpc.KeysServiceAsyncStub", signed_up: auth_pb2.SignUpResponse
) -> None:
    expires_at = moment(timedelta(hours=1))
    made = await stub.CreateKey(keys_pb2.CreateKeyRequest(expires_at=expires_at), metadata=bearer(signed_up.token))
    assert abs(made.expires_at.ToMicroseconds() - expires_at.ToMicroseconds()) <= 1


async def test_an_unknown_key_cannot_be_deleted(
    stub: "keys_pb2_grpc.KeysServiceAsyncStub", signed_up: auth_pb2.SignUpResponse
) -> None:
    call = stub.DeleteKey(keys_pb2.DeleteKeyRequest(key_id="key_nope"), metadata=bearer(signed_up.token))
    assert (await refused(call))[0] == "RESOURCE_NOT_FOUND"


async def test_a_key_is_changed_in_what_is_named_and_rotated(
    stub: "keys_pb2_grpc.KeysServiceAsyncStub", channel: grpc.aio.Channel, signed_up: auth_pb2.SignUpResponse
) -> None:
    mine, workspace_id = bearer(signed_up.token), signed_up.workspace.id
    made = await stub.CreateKey(
        keys_pb2.CreateKeyRequest(workspace_id=workspace_id, name="CI", requests_per_minute=5), metadata=mine
    )
    assert made.requests_per_minute == 5
    assert not made.HasField("tokens_per_day")
    update = keys_pb2.UpdateKeyRequest(workspace_id=workspace_id, key_id=made.id, name="Nightly", tokens_per_day=9)
    changed = (await stub.UpdateKey(update, metadata=mine)).key
    assert (changed.name, changed.requests_per_minute, changed.tokens_per_day) == ("Nightly", 5, 9)
    assert changed.created_by == signed_up.user.id
    clear = keys_pb2.UpdateKeyRequest(
        workspace_id=workspace_id, key_id=made.id, update_mask=FieldMask(paths=["requests_per_minute"])
    )
    assert not (await stub.UpdateKey(clear, metadata=mine)).key.HasField("requests_per_minute")
    rotate = keys_pb2.RotateKeyRequest(workspace_id=workspace_id, key_id=made.id)
    rotated = (await stub.RotateKey(rotate, metadata=mine)).key
    assert (rotated.name, rotated.tokens_per_day) == ("Nightly", 9)
    models = models_pb2_grpc.ModelsServiceStub(channel)
    await models.ListModels(models_pb2.ListModelsRequest(), metadata=bearer(rotated.key))
    old = models.ListModels(models_pb2.ListModelsRequest(), metadata=bearer(made.key))
    assert (await refused(old))[0] == "KEY_REVOKED"
