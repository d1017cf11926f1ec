"""Calls whose request and answer are one JSON body each, made without messages, call objects or a second task.

What a caller and a channel know of such a call while it runs; what serving one takes is composed elsewhere, once for
each method. A call runs in the task that awaits it, like those of `here.py`, and is cancelled as they are.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import grpc
from msgspec import Struct

from server.inprocess.metadata import MetadataLike, Pairs
from server.inprocess.rpc import LOCALLY_CANCELLED, OK, Outcome


class Running(Protocol):
    """A call whose handler runs, as the channel sees it."""

    def cancel(self, details: str) -> bool:
        """Ends it for its caller at once. False: it had ended before."""

    def drop(self, outcome: Outcome) -> None:
        """Ends it with an outcome that is not the handler's."""

    def ended(self) -> asyncio.Future[None]:
        """Done when the handler has ended."""


class Announced(Struct, eq=False):
    """What comes in initial metadata behind the id of a request, the same for many of them; all of it is text.

    `names` have the id's in front. `shown` is for the caller to note what becomes of it.
    """

    names: tuple[str, ...]
    values: tuple[str, ...]
    shown: Any = None


class Answer(Struct, frozen=True):
    """What came: a JSON body, and the initial metadata as names and values.

    `is_text`: all values are printable ASCII text, under names that take such. `announced` are the values behind the
    first, where others have the same.
    """

    body: bytes
    names: tuple[str, ...]
    values: tuple[str | bytes, ...]
    is_text: bool
    announced: Announced | None = None

    @property
    def metadata(self) -> Pairs:
        """The initial metadata."""
        return tuple(zip(self.names, self.values, strict=True))

    @property
    def request_id(self) -> str:
        """The first value, where there is `announced`."""
        return str(self.values[0])


class UsualAnswer(Struct, frozen=True):
    """The same of what is announced with many answers: all that is told of this one alone is its id."""

    body: bytes
    request_id: str
    announced: Announced

    @property
    def is_text(self) -> bool:
        """All of it is."""
        return True

    @property
    def names(self) -> tuple[str, ...]:
        """See `Answer`."""
        return self.announced.names

    @property
    def values(self) -> tuple[str, ...]:
        """See `Answer`."""
        return self.request_id, *self.announced.values

    @property
    def metadata(self) -> Pairs:
        """The initial metadata."""
        return tuple(zip(self.names, self.values, strict=True))


AnyAnswer = Answer | UsualAnswer


class DirectCall(Struct, eq=False):
    """One call in `task`. `cancels` counts how often the task was cancelled from here; `is_gone`: by its caller.

    `info` is what who serves it knows of it as long as it runs, `prepared` what it has in common with others, and
    `is_inside` whether it was let in at the door. `served` is what it has to wait for, where it was started apart.
    """

    task: asyncio.Task[Any]
    outcome: Outcome | None = None
    is_gone: bool = False
    cancels: int = 0
    info: Any = None
    prepared: Any = None
    is_inside: bool = False
    end_told: asyncio.Future[None] | None = None
    served: Any = None

    def cancel(self, details: str = LOCALLY_CANCELLED) -> bool:
        """Ends the call for its caller, and cancels the handler. False: it had an outcome before."""
        if self.outcome is not None:
            return False
        self.is_gone = True
        self.drop(Outcome(grpc.StatusCode.CANCELLED, details))
        return True

    def drop(self, outcome: Outcome) -> None:
        """Ends the call with an outcome that is not the handler's, and cancels the handler."""
        if self.outcome is None:
            self.outcome = outcome
        self.cancels += 1
        self.task.cancel()

    def ended(self) -> asyncio.Future[None]:
        """Done when the handler has ended."""
        if self.end_told is None:
            self.end_told = self.task.get_loop().create_future()
        return self.end_told

    def end(self) -> None:
        """The handler has ended; what cancelled it from here has no effect on its task any more."""
        if self.outcome is None:
            self.outcome = OK
        if self.cancels:
            for _ in range(self.cancels):
                self.task.uncancel()
        if self.end_told is not None:
            self.end_told.set_result(None)


class Sink(Protocol):
    """Where the answer of a call that streams goes."""

    async def begin(self, head: AnyAnswer, events: Sequence[bytes], max_bytes: int) -> None:
        """Takes the first events, and the initial metadata with them.

        From now on events can be pushed, at once no more than `max_bytes`, an event having six more than it has.
        """

    async def take(self, events: Sequence[bytes]) -> None:
        """Takes events, and waits while there is no room for more."""

    @property
    def pass_on(self) -> Callable[[bytes], bool] | None:
        """Takes a chunk of a body that is one server-sent event as it stands, as `push`; None where none is taken."""

    def push(self, events: list[bytes]) -> bool:
        """Takes events in this very call; False where it takes none so, or none now."""


class DirectStream(Protocol):
    """A method that streams its answer and is called directly."""

    max_bytes: int
    """Larger bodies have to go the way of messages."""

    def begin(self, task: asyncio.Task[Any]) -> DirectCall:
        """A call that the running task is about to make."""

    def prepare(self, metadata: MetadataLike) -> Any | None:
        """What calls with these metadata have in common; see `Direct`."""

    async def stream(self, call: DirectCall, prepared: Any, body: bytes, sink: Sink) -> None:
        """Makes a call and gives `sink` all of its answer.

        Raises AioRpcError, UsageError when the channel is closed, CancelledError when the call was cancelled, or what
        the sink raised, which cancels the call. An error tells no initial metadata that the sink has.
        """


class Direct(Protocol):
    """A method that is called directly."""

    max_bytes: int
    """Larger bodies have to go the way of messages."""

    def begin(self, task: asyncio.Task[Any]) -> DirectCall:
        """A call that the running task is about to make."""

    def prepare(self, metadata: MetadataLike) -> Any | None:
        """What calls with these metadata have in common, for `answer`; None: they have to go the way of messages."""

    async def answer(self, call: DirectCall, prepared: Any, body: bytes) -> AnyAnswer:
        """Makes a call.

        Raises AioRpcError, UsageError when the channel is closed, and CancelledError when the call was cancelled.
        """
