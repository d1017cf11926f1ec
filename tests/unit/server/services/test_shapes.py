"""What is kept, as messages: every member arrives, and no secret does."""

from datetime import UTC, datetime, timedelta

import pytest
from perpetuo.v1 import auth_pb2

from server.accounts.keys import CreatedKey
from server.chat.principal import Plan
from server.services.shapes import (
    created_key_message,
    key_message,
    provider_message,
    timestamp,
    user_message,
    workspace_summary,
)
from server.storage.keys import GatewayKey
from server.storage.providers import ProviderEntry
from server.storage.users import User
from server.storage.workspaces import Workspace

NOW = datetime(2026, 1, 28, 14, 0, 0, 250, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def key(*, expires_at: datetime | None = None, is_revoked: bool = False) -> GatewayKey:
    return GatewayKey(
        "key_1", "ws_1", "usr_1", "pk_abc12...", "wxyz", b"canary-hash", "Lab", expires_at, ("m",), is_revoked, NOW
    )


def test_a_moment_keeps_its_microseconds_and_nothing_stays_nothing() -> None:
    made = timestamp(NOW)
    assert made is not None
    assert made.ToDatetime(tzinfo=UTC) == NOW
    assert timestamp(None) is None


@pytest.mark.parametrize("plan", list(Plan))
def test_a_user_shows_its_plan_and_never_its_password(plan: Plan) -> None:
    message = user_message(User("usr_1", "a@example.com", "canary-hash", "Ann", plan, False, NOW, NOW))
    assert (message.id, message.email, message.name) == ("usr_1", "a@example.com", "Ann")
    assert auth_pb2.Plan.Name(message.plan) == f"PLAN_{plan.name}"
    assert "canary" not in str(message)


def test_a_workspace() -> None:
    message = workspace_summary(Workspace("ws_1", "usr_1", "My Workspace", "default", True, NOW))
    assert (message.id, message.name, message.created_at.ToDatetime(tzinfo=UTC)) == ("ws_1", "My Workspace", NOW)


@pytest.mark.parametrize(
    ("kept", "is_active"),
    [
        (key(), True),
        (key(expires_at=LATER), True),
        (key(expires_at=NOW), False),
        (key(is_revoked=True), False),
    ],
    ids=["for ever", "not yet expired", "expired", "revoked"],
)
def test_a_key_is_active_until_it_expires_or_is_revoked(kept: GatewayKey, is_active: bool) -> None:
    message = key_message(kept, NOW)
    assert message.is_active is is_active
    assert message.HasField("expires_at") is (kept.expires_at is not None)
    assert "canary" not in str(message)


def test_a_new_key_shows_its_secret() -> None:
    message = created_key_message(CreatedKey(key(), "pk_whole_secret"))
    assert (message.key, message.prefix, list(message.allowed_models)) == ("pk_whole_secret", "pk_abc12...", ["m"])


def test_an_entry_never_shows_its_api_key() -> None:
    entry = ProviderEntry(
        "prov_1",
        "ws_1",
        "openai",
        "Lab",
        b"canary-sealed",
        "sk-...abcd",
        "https://x.example/v1",
        2,
        3,
        ("m",),
        True,
        NOW,
        NOW,
    )
    message = provider_message(entry)
    assert (message.id, message.priority, message.weight, message.is_active) == ("prov_1", 2, 3, True)
    assert (message.masked_key, message.base_url) == ("sk-...abcd", "https://x.example/v1")
    assert message.HasField("last_verified_at")
    assert "canary" not in str(message)
