"""The door, where calls are refused when the gateway has more to do than it can, before anybody asks who calls.

Health checks, metrics and reflection are let in always: an operator must see what goes on. So are tunnels, because each
call in one is asked for by itself. What was let in runs to its end. How much is too much is the door's business.
"""

from typing import Final, Protocol

_ALWAYS = ("/grpc.", "/perpetuo.v1.MetricsService/", "/perpetuo.internal.v1.TunnelService/")


class Door(Protocol):
    """Counts calls in and out."""

    def enter(self) -> None:
        """Lets a call in. Raises Overloaded."""

    def leave(self) -> None:
        """A call that was let in is over."""


class OpenDoor:
    """Lets everybody in."""

    def enter(self) -> None:
        """Lets a call in."""

    def leave(self) -> None:
        """A call is over."""


OPEN: Final = OpenDoor()


def asks(method: str) -> bool:
    """Whether calls of that method are asked at the door at all."""
    return not method.startswith(_ALWAYS)
