"""KeysService: gateway keys of a workspace."""

from datetime import UTC, datetime

from perpetuo.v1 import keys_pb2, keys_pb2_grpc

from server.accounts.keys import NewKey
from server.accounts.service import Accounts
from server.errors import RequestInvalid
from server.services.auth import key_prefix
from server.services.calling import Calls, Context
from server.services.shapes import created_key_message, key_message


def _expiry(request: keys_pb2.CreateKeyRequest) -> datetime | None:
    if not request.HasField("expires_at"):
        return None
    try:
        return request.expires_at.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise RequestInvalid("expires_at must be a date from 0001 to 9999.", param="expires_at") from None


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
        new = NewKey(request.name, _expiry(request), tuple(request.allowed_models), key_prefix(request.key_style))
        created = await self._accounts.create_key(self._calls.principal().user_id, request.workspace_id, new)
        return created_key_message(created)

    async def DeleteKey(self, request: keys_pb2.DeleteKeyRequest, context: Context) -> keys_pb2.DeleteKeyResponse:
        """The key opens nothing any more."""
        await self._accounts.revoke_key(self._calls.principal().user_id, request.workspace_id, request.key_id)
        return keys_pb2.DeleteKeyResponse(id=request.key_id, deleted=True)
