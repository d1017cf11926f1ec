"""Who calls, and until when: the identity and the limits of one request, free of any transport."""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum

from msgspec import Struct


class Plan(Enum):
    """What a user may do; the limits of each plan are the documented ones."""

    __hash__ = object.__hash__  # in C: it is a key for every event or request

    FREE = "free"
    PRO = "pro"
    ENTERPRISE = "enterprise"


class Role(Enum):
    """What a member of a workspace may do; each role may do all that the one before it may."""

    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"
    OWNER = "owner"

    def covers(self, other: "Role") -> bool:
        """Whether this role may do all that the other one may."""
        return _ORDER[self] >= _ORDER[other]


_ORDER = {role: rank for rank, role in enumerate(Role)}


class KeyLimits(Struct, frozen=True):
    """What a gateway key may use on top of its user's plan; None is no limit."""

    requests_per_minute: int | None = None
    requests_per_day: int | None = None
    tokens_per_minute: int | None = None
    tokens_per_day: int | None = None


NO_KEY_LIMITS = KeyLimits()


class Principal(Struct, frozen=True):
    """A caller that has proved who it is.

    `key_id` is set for a gateway key, None for a signed-in user. `allowed_models` lists the model ids and
    `provider/model` names that the key may use; empty means all. `limits` are the key's own.
    """

    user_id: str
    workspace_id: str
    plan: Plan
    key_id: str | None = None
    token_id: str | None = None
    allowed_models: tuple[str, ...] = ()
    limits: KeyLimits = NO_KEY_LIMITS


def _to_nobody(_: Iterable[tuple[str, str]]) -> None:
    """Where nobody reads metadata."""


Push = Callable[[list[bytes]], bool]
"""Sends data of events to the caller at once; False if that takes nothing now, and nothing was sent."""

PassOn = Callable[[bytes], bool]
"""The same for one server-sent event in a chunk of a body, which goes to the caller as it stands."""


class Call(Struct, frozen=True):
    """One request on its way through the pipeline.

    `request_id` is ours (`req_…`), `client_request_id` the caller's own, only logged. `received_at` and `deadline` are
    absolute, in seconds of the running loop's clock; `is_timed`: the caller has said until when. `surface` is `rest` or
    `grpc`, and the face where it is not that of chat completions: `rest/messages`; 16 characters at most. `knobs` are
    the request's `x-perpetuo-*` headers, names without the prefix, and what else faces read from headers. `announce`
    takes metadata, names in lower case, that the caller gets before the answer or with the refusal; what is announced
    after the first piece of an answer is lost. `push` is there where the caller can be sent events without waiting for
    it, once it has the first, and `pass_on` where it takes them as server-sent events; who translates events has none.
    `traceparent` is the caller's own span, for traces.
    """

    request_id: str
    principal: Principal
    received_at: float
    deadline: float
    surface: str = "grpc"
    client_request_id: str | None = None
    knobs: Mapping[str, str] = {}
    announce: Callable[[Iterable[tuple[str, str]]], None] = _to_nobody
    is_timed: bool = False
    push: Push | None = None
    traceparent: str = ""
    pass_on: PassOn | None = None
