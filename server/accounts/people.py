"""What comes out of signing up and logging in, and what the operator decides about it."""

from dataclasses import dataclass, field
from enum import Enum

from msgspec import Struct

from server.accounts.gateway_keys import KeyPrefix
from server.chat.principal import Plan
from server.storage.users import User
from server.storage.workspaces import Workspace


class SignupMode(Enum):
    """Who may sign up: everybody, only the very first user, or nobody."""

    OPEN = "open"
    FIRST = "first"
    CLOSED = "closed"


class AccountPolicy(Struct, frozen=True):
    """The operator's choices. `default_plan` is what a new user gets."""

    signup: SignupMode = SignupMode.OPEN
    default_plan: Plan = Plan.FREE


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user to be made, as an operator or a sign-up asks for it; nothing is checked yet."""

    email: str
    password: str = field(repr=False)
    name: str = ""
    plan: Plan = Plan.FREE
    key_prefix: KeyPrefix = "pk"


@dataclass(frozen=True, slots=True)
class CreatedUser:
    """A new user, its default workspace, and its first gateway key in full, which cannot be had again."""

    user: User
    workspace: Workspace
    api_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignedUp:
    """A new user that is signed in."""

    user: User
    token: str = field(repr=False)
    workspace: Workspace
    api_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user and a fresh token."""

    user: User
    token: str = field(repr=False)
