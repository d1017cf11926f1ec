"""KeysService: gateway keys of a workspace."""

from datetime import UTC, datetime
from typing import Any, cast

from perpetuo.v1 import keys_pb2, keys_pb2_grpc

from server.accounts.keys import KeyChanges, NewKey
from server.accounts.service import Accounts
from server.chat.principal import KeyLimits
from server.errors import RequestInvalid
from server.services.auth import key_prefix
from server.services.calling import Calls, Context
from server.services.masks import named_fields
from server.services.shapes import created_key_message, key_message

_CHANGEABLE = tuple(KeyChanges.__annotations__)
_LIMITS = KeyLimits.__struct_fields__


def _expiry(request: keys_pb2.CreateKeyRequest | keys_pb2.UpdateKeyRequest) -> datetime | None:
    if not request.HasField("expires_at"):
        return None
    try:
        return request.expires_at.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise RequestInvalid("expires_at must be a date from 0001 to 9999.", param="expires_at") from None


def _limit(request: Any, name: str) -> int | None:
    return getattr(request, name) if request.HasField(name) else None


def _changes(request: keys_pb2.UpdateKeyRequest) -> KeyChanges:
    values: dict[str, Any] = {
        "name": request.name,
        "expires_at": _expiry(request),
        "allowed_models": tuple(request.allowed_models),
        **{name: _limit(request, name) for name in _LIMITS},
    }
    named = named_fields(request, _CHANGEABLE)
    return cast("KeyChanges", {name: value for name, value in values.items() if name in named})


class KeysServicer(keys_pb2_grpc.KeysServiceServicer):
    """Serves gateway keys."""

    def __init__(self, accounts: Accounts, calls: Calls) -> None:
        self._accounts = accounts
        self._calls = calls

    async def ListKeys(self, request: keys_pb2.ListKeysRequest, context: Context) -> keys_pb2.ListKeysResponse:
        """The keys, newest first."""
        keys = await self._accounts.list_keys(self._calls.principal().user_id, request.workspace_id)
        now = datetime.now(UTC)
        return keys_pb2.ListKeysResponse(keys=[key_message(key, now) for key in keys])

    async def CreateKey(self, request: keys_pb2.CreateKeyRequest, context: Context) -> keys_pb2.CreateKeyResponse:
        """A new key, shown once."""
        limits = KeyLimits(*(_limit(request, name) for name in _LIMITS))
        models = tuple(request.allowed_models)
        new = NewKey(request.name, _expiry(request), models, key_prefix(request.key_style), limits)
        created = await self._accounts.create_key(self._calls.principal().user_id, request.workspace_id, new)
        return created_key_message(created)

    async def UpdateKey(self, request: keys_pb2.UpdateKeyRequest, context: Context) -> keys_pb2.UpdateKeyResponse:
        """The key with what was named changed."""
        changed = await self._accounts.change_key(
            self._calls.principal().user_id, request.workspace_id, request.key_id, _changes(request)
        )
        return keys_pb2.UpdateKeyResponse(key=key_message(changed, datetime.now(UTC)))

    async def RotateKey(self, request: keys_pb2.RotateKeyRequest, context: Context) -> keys_pb2.RotateKeyResponse:
        """A key in the place of another, shown once."""
        created = await self._accounts.rotate_key(
            self._calls.principal().user_id, request.workspace_id, request.key_id, request.grace_seconds
        )
        return keys_pb2.RotateKeyResponse(key=created_key_message(created))

    async def DeleteKey(self, request: keys_pb2.DeleteKeyRequest, context: Context) -> keys_pb2.DeleteKeyResponse:
        """The key opens nothing any more."""
        await self._accounts.revoke_key(self._calls.principal().user_id, request.workspace_id, request.key_id)
        return keys_pb2.DeleteKeyResponse(id=request.key_id, deleted=True)
