"""What is kept, as messages. One function for each; nothing else."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp
from perpetuo.v1 import auth_pb2, keys_pb2, providers_pb2

from server.accounts.keys import CreatedKey
from server.chat.principal import Plan
from server.storage.keys import GatewayKey
from server.storage.providers import ProviderEntry
from server.storage.users import User
from server.storage.workspaces import Workspace

_PLANS = {
    Plan.FREE: auth_pb2.PLAN_FREE,
    Plan.PRO: auth_pb2.PLAN_PRO,
    Plan.ENTERPRISE: auth_pb2.PLAN_ENTERPRISE,
}


def timestamp(moment: datetime | None) -> Timestamp | None:
    """A moment, or nothing."""
    if moment is None:
        return None
    made = Timestamp()
    made.FromDatetime(moment)
    return made


def user_message(user: User) -> auth_pb2.User:
    """A user without the password."""
    return auth_pb2.User(
        id=user.id, email=user.email, name=user.name, plan=_PLANS[user.plan], created_at=timestamp(user.created_at)
    )


def workspace_summary(workspace: Workspace) -> auth_pb2.WorkspaceSummary:
    """A workspace as sign-up shows it."""
    return auth_pb2.WorkspaceSummary(id=workspace.id, name=workspace.name, created_at=timestamp(workspace.created_at))


def key_message(key: GatewayKey, now: datetime) -> keys_pb2.Key:
    """A gateway key without its secret; `now` decides whether it has expired."""
    return keys_pb2.Key(
        id=key.id,
        prefix=key.prefix,
        name=key.name,
        created_at=timestamp(key.created_at),
        last_used_at=timestamp(key.last_used_at),
        expires_at=timestamp(key.expires_at),
        allowed_models=key.allowed_models,
        is_active=not key.is_revoked and (key.expires_at is None or key.expires_at > now),
    )


def created_key_message(created: CreatedKey) -> keys_pb2.CreateKeyResponse:
    """A new key with its secret."""
    key = created.key
    return keys_pb2.CreateKeyResponse(
        id=key.id,
        key=created.secret,
        prefix=key.prefix,
        name=key.name,
        created_at=timestamp(key.created_at),
        expires_at=timestamp(key.expires_at),
        allowed_models=key.allowed_models,
    )


def provider_message(entry: ProviderEntry) -> providers_pb2.Provider:
    """A provider entry without its API key."""
    return providers_pb2.Provider(
        id=entry.id,
        provider=entry.provider,
        priority=entry.priority,
        is_active=entry.is_enabled,
        last_verified_at=timestamp(entry.last_verified_at),
        name=entry.name,
        base_url=entry.base_url,
        masked_key=entry.masked_key,
        models=entry.models,
        weight=entry.weight,
        created_at=timestamp(entry.created_at),
    )
