"""What the servicers need of the call that they serve: who asks, under which id, and until when.

The interceptors establish it; the composition root says how to reach it. A servicer never reads metadata itself.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

import grpc.aio
from google.protobuf.message import Message

from server.chat.principal import Call, PassOn, Principal, Push
from server.errors import Internal

# So long before its caller stops listening a call ends, so that the caller is told why, and under which id.
_TELLING_S = 0.1
_TELLING_SHARE = 0.1


class Told(Protocol):
    """What the metadata of the running call tell."""

    @property
    def client_request_id(self) -> str | None:
        """The caller's own id, only logged."""

    @property
    def surface(self) -> str:
        """`rest` or `grpc`."""

    @property
    def forwarded_for(self) -> str:
        """What came as `x-forwarded-for`."""

    @property
    def traceparent(self) -> str:
        """The caller's own span, empty if it traces nothing."""

    @property
    def knobs(self) -> Mapping[str, str]:
        """The `x-perpetuo-*` headers, without the prefix."""


class CallInfo(Protocol):
    """What the interceptors know of the running call."""

    @property
    def request_id(self) -> str:
        """Our id of the request."""

    @property
    def started_s(self) -> float:
        """When it began, in seconds of the loop's clock."""

    @property
    def told(self) -> Told:
        """What its metadata tell."""

    @property
    def principal(self) -> Principal | None:
        """Who calls; None for public methods."""

    @property
    def credential(self) -> str:
        """The credential as it came, empty for public methods."""

    @property
    def response_metadata(self) -> list[tuple[str, str]]:
        """What the caller gets before the answer or with the refusal; to be added to."""

    @property
    def pass_on(self) -> PassOn | None:
        """See `Call`."""


Context = grpc.aio.ServicerContext[Any, Any]


class Calls:
    """Turns the running call into what the core speaks of.

    `longest_s` bounds every completion, in seconds. `address_of` tells a caller's address from the peer of the
    connection and what came as `x-forwarded-for`.
    """

    def __init__(
        self, current: Callable[[], CallInfo], longest_s: float, address_of: Callable[[str, str], str]
    ) -> None:
        self._current = current
        self._longest_s = longest_s
        self._address_of = address_of

    def call(self, context: Context, face: str = "", push: Push | None = None) -> Call:
        """The call for the pipeline; its deadline is a little before the caller's or ours, whichever comes first.

        `face` names the face that was called, where it is not that of chat completions; `push` is the call's own.
        """
        return self.begun(self._current(), face, push, context.time_remaining())

    def begun(self, info: CallInfo, face: str = "", push: Push | None = None, remaining_s: float | None = None) -> Call:
        """The same of a call that is at hand, `remaining_s` seconds before its caller's deadline, if it has one."""
        longest_s, told = self._longest_s, info.told
        if remaining_s is None:
            now = info.started_s
        else:
            now = asyncio.get_running_loop().time()
            longest_s = min(remaining_s - min(_TELLING_S, remaining_s * _TELLING_SHARE), longest_s)
        return Call(
            info.request_id,
            info.principal or _known(info.principal),
            now,
            now + longest_s,
            f"{told.surface}/{face}" if face else told.surface,
            told.client_request_id,
            told.knobs,
            info.response_metadata.extend,
            remaining_s is not None,
            push,
            told.traceparent,
            None if face else info.pass_on,
        )

    def announce(self, key: str, value: str) -> None:
        """Tells the caller something beside the answer, before its first message."""
        self._current().response_metadata.append((key, value))

    def principal(self) -> Principal:
        """Who calls."""
        return _known(self._current().principal)

    def address(self, context: Context) -> str:
        """Where the caller is, empty when that cannot be told."""
        return self._address_of(context.peer(), self._current().told.forwarded_for)

    def credential(self) -> str:
        """The credential as it came."""
        return self._current().credential


def push_of(context: Context, kind: type[Message]) -> Push | None:
    """How events are sent at once to a caller who takes messages so; `kind` is the message they are in. Else None."""
    push: Callable[[type[Message], list[bytes]], bool] | None = getattr(context, "push", None)
    return None if push is None else partial(push, kind)


def _known(principal: Principal | None) -> Principal:
    if principal is None:
        raise Internal("The method was reached without an identity.")
    return principal
