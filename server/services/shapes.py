"""What is kept, as messages. One function for each; nothing else."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp
from perpetuo.v1 import auth_pb2, keys_pb2, members_pb2, providers_pb2, workspaces_pb2

from server.accounts.keys import CreatedKey
from server.accounts.workspaces import WEIGHTS
from server.chat.principal import KeyLimits
from server.services.words import Words
from server.storage.keys import GatewayKey
from server.storage.members import Member
from server.storage.providers import ProviderEntry
from server.storage.users import User
from server.storage.workspaces import Membership, Workspace

PLANS: Final = Words(auth_pb2.Plan)
ROLES: Final = Words(members_pb2.Role)
STRATEGIES: Final = Words(workspaces_pb2.Strategy)
CONTENT_POLICIES: Final = Words(workspaces_pb2.ContentPolicy)
CACHE_POLICIES: Final = Words(workspaces_pb2.CachePolicy)
STREAM_MODES: Final = Words(workspaces_pb2.StreamMode)


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
        id=user.id,
        email=user.email,
        name=user.name,
        plan=PLANS.number(user.plan.value),
        created_at=timestamp(user.created_at),
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
        created_by=key.created_by,
        **_limits(key),
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
        **_limits(key),
    )


def _limits(key: GatewayKey) -> dict[str, int | None]:
    return {name: getattr(key, name) for name in KeyLimits.__struct_fields__}


def workspace_message(membership: Membership) -> workspaces_pb2.Workspace:
    """A workspace as one of its members sees it."""
    return workspaces_pb2.Workspace(**_workspace_fields(membership))


def workspace_detail(membership: Membership, entries: Sequence[ProviderEntry]) -> workspaces_pb2.WorkspaceDetail:
    """A workspace with its provider entries."""
    providers = [provider_message(entry) for entry in entries]
    return workspaces_pb2.WorkspaceDetail(**_workspace_fields(membership), providers=providers)


def _workspace_fields(membership: Membership) -> dict[str, Any]:
    workspace = membership.workspace
    cost, quality, speed = workspace.weights or WEIGHTS
    return {
        "id": workspace.id,
        "name": workspace.name,
        "created_at": timestamp(workspace.created_at),
        "strategy": STRATEGIES.number(workspace.strategy),
        "weights": workspaces_pb2.StrategyWeights(cost=cost, quality=quality, speed=speed),
        "content_policy": CONTENT_POLICIES.number(workspace.content_policy),
        "cache_policy": CACHE_POLICIES.number(workspace.cache_policy),
        "role": ROLES.number(membership.role.value),
        "is_default": workspace.is_default,
        "hedge": workspace.hedge,
        "request_timeout_s": workspace.request_timeout_s,
        "stream_mode": STREAM_MODES.number(workspace.stream_mode),
    }


def member_message(member: Member) -> members_pb2.Member:
    """A member as the others see it."""
    return members_pb2.Member(
        user_id=member.user_id,
        email=member.email,
        name=member.name,
        role=ROLES.number(member.role.value),
        created_at=timestamp(member.created_at),
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
        flagged_reason=entry.flagged_reason and entry.flagged_reason.lower(),
    )
