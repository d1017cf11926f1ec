"""What comes out of signing up shows no secret by accident."""

from datetime import UTC, datetime

from server.accounts.people import AccountPolicy, CreatedUser, NewUser, SignedIn, SignedUp, SignupMode
from server.chat.principal import Plan
from server.storage.users import User
from server.storage.workspaces import Workspace

NOW = datetime(2026, 1, 11, tzinfo=UTC)
USER = User("usr_1", "a@example.com", "canary-hash", "A", Plan.FREE, False, NOW, NOW)
WORKSPACE = Workspace("ws_1", "usr_1", "My Workspace", "default", True, NOW)


def test_no_repr_shows_a_secret() -> None:
    values = (
        NewUser("a@example.com", "canary-password"),
        CreatedUser(USER, WORKSPACE, "canary-key"),
        SignedUp(USER, "canary-token", WORKSPACE, "canary-key"),
        SignedIn(USER, "canary-token"),
    )
    assert "canary" not in repr(values)


def test_everybody_may_sign_up_for_free_unless_the_operator_says_otherwise() -> None:
    assert AccountPolicy() == AccountPolicy(SignupMode.OPEN, Plan.FREE)
