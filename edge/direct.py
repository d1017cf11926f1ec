"""Calls that a channel makes without messages, as the edge knows them, and the head that their answers go out with.

Only the shape of them: who has such a channel makes them. What is announced with many answers alike becomes lines of a
head once.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from msgspec import Struct

from edge.transcoder.headers import Metadata, text_lines

DOUBLED: Final = ("x-request-id", "request-id")
JSON_LINES: Final = b"content-type: application/json\r\nx-content-type-options: nosniff\r\n"
"""Of every answer in one piece."""

_WITH_ID: Final = b"x-request-id: %b\r\nrequest-id: %b\r\n%b"


class Shown(Struct, frozen=True):
    """What becomes of metadata that many answers announce, behind the id: `lines` of a head.

    In a whole response these stand in `whole`, up to the number of the body's bytes.
    """

    lines: bytes
    whole: str


class DirectCall(Protocol):
    """A call that is made directly. `is_gone`: it was cancelled by `cancel`. `served` is a coroutine."""

    is_gone: bool
    served: Any

    def cancel(self) -> bool:
        """Ends it for its caller, and cancels what serves it. False: it had ended before."""


class Announced(Protocol):
    """The initial metadata of many calls, but for the id in front; `shown` is for us to note what becomes of them."""

    shown: Shown | None


class DirectHead(Protocol):
    """Names and values of the initial metadata; `is_text`: all are plain text.

    `announced`: the values but the first are those of other calls too, and the first is the id of the request.
    """

    names: tuple[str, ...]
    values: Any
    is_text: bool

    @property
    def announced(self) -> Announced | None:
        """What calls have in common that announce the same, if that is known."""

    @property
    def request_id(self) -> str:
        """The id, where there is `announced`."""

    @property
    def metadata(self) -> Metadata:
        """The initial metadata."""


class DirectAnswer(DirectHead, Protocol):
    """A JSON body with its initial metadata."""

    body: bytes


class Direct(Protocol):
    """A method that a channel calls without messages; bodies of more than `max_bytes` it does not take."""

    max_bytes: int

    def prepare(self, metadata: Metadata) -> Any | None:
        """What calls with these metadata have in common; None where they cannot be made directly."""

    def start(self, task: asyncio.Task[Any], prepared: Any, body: bytes) -> tuple[Any, Any]:
        """Makes a call that `task` will wait for: gives a `DirectAnswer` that is there at once, or a `DirectCall`.

        What its `served` gives goes to `finish`; what that raises goes to `fail`. Raises nothing.
        """

    def finish(self, call: Any, served: Any) -> DirectAnswer:
        """The answer of a call that was served. Raises what `fail` gives."""

    def fail(self, call: Any, error: BaseException) -> BaseException:
        """How a call ended of which that was raised, maybe by `finish`.

        It is AioRpcError, UsageError when the channel is closed, CancelledError, or nobody's answer.
        """


class DirectSink(Protocol):
    """Where the events of a call that streams go, as lists of those that came together."""

    async def begin(self, head: Any, events: Sequence[bytes], max_bytes: int) -> None:
        """Takes the first, and the initial metadata. From now on it is pushed to.

        Not more than `max_bytes` at once, an event having six more than it has, are to be taken so.
        """

    async def take(self, events: Sequence[bytes]) -> None:
        """Takes some, and waits while the connection takes no more."""

    @property
    def pass_on(self) -> Callable[[bytes], bool] | None:
        """Takes a chunk that is one server-sent event as it stands, as `push` does; None where none is taken so."""

    def push(self, events: Sequence[bytes]) -> bool:
        """Takes some in this very call; False if that cannot be now."""


class DirectStream(Protocol):
    """The same of a method that streams its answer."""

    max_bytes: int

    def begin(self, task: asyncio.Task[Any]) -> DirectCall:
        """A call that the running task is about to make."""

    def prepare(self, metadata: Metadata) -> Any | None:
        """What calls with these metadata have in common; None where they cannot be made directly."""

    async def stream(self, call: Any, prepared: Any, body: bytes, sink: DirectSink) -> None:
        """Makes a call and gives all of its answer to `sink`. Raises what `Direct` does, and what the sink raises."""


def lines_of(head: DirectHead) -> bytes | None:
    """The initial metadata as lines of a head; None where each has to be looked at."""
    announced = head.announced
    if announced is None or announced.shown is None:
        return _new_lines(head, announced)
    request_id = head.request_id.encode()
    return _WITH_ID % (request_id, request_id, announced.shown.lines)


def response_to(answer: DirectAnswer) -> bytes | None:
    """A whole response, 200, on a connection that is kept; None where its lines are not known yet."""
    announced = answer.announced
    if announced is None or (shown := announced.shown) is None:
        return None
    # As text up to the body: bytes are put together from numbers and texts at several times the cost.
    request_id, body = answer.request_id, answer.body
    head = f"HTTP/1.1 200 OK\r\nx-request-id: {request_id}\r\nrequest-id: {request_id}{shown.whole}{len(body)}\r\n\r\n"
    return head.encode() + body


def _new_lines(head: DirectHead, announced: Announced | None) -> bytes | None:
    lines = text_lines(head.names, head.values, DOUBLED) if head.is_text else None
    if announced is not None and lines is not None:
        request_id = head.request_id.encode()
        behind = lines[len(_WITH_ID % (request_id, request_id, b"")) :]
        announced.shown = Shown(behind, f"\r\n{(behind + JSON_LINES).decode()}content-length: ")
    return lines
