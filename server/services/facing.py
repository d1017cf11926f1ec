"""A call through a face: its request read, the pipeline asked, the answer in the face's own form.

What every face's servicer does; which face it is, and how its messages look, the servicer knows.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from msgspec.structs import replace

from server.chat.principal import Call, Push
from server.errors import PerpetuoError
from server.ingress.face import Face, WholeFace
from server.repeats import Completing

JSON = "application/json"

End = Callable[[list[bytes]], Awaitable[list[bytes]]]
"""What is still to be done before the events go out that end a stream which is whole; answers these events."""


async def complete(pipeline: Completing, call: Call, body: bytes, face: WholeFace) -> bytes:
    """The answer in one piece. Raises the reason when there is none."""
    return face.whole(await pipeline.complete(call, body, face.read))


async def stream(
    pipeline: Completing, call: Call, body: bytes, face: Face, end: End | None = None
) -> AsyncGenerator[list[bytes], None]:
    """The answer as it is written: lists of events that came together, never empty. Raises as the pipeline does."""
    try:
        async with aclosing(_fed(pipeline, call, body, face)) as lists:
            async for events in lists:
                yield events
    except PerpetuoError as error:
        if events := face.failed(error):
            yield events
        raise
    events = face.finish()
    if events and end is not None:
        events = await end(events)
    if events:
        yield events


async def _fed(pipeline: Completing, call: Call, body: bytes, face: Face) -> AsyncGenerator[list[bytes], None]:
    pushed = None if call.push is None else _Pushed(face, call.push)
    if pushed is not None:
        call = replace(call, push=pushed.push, pass_on=None)
    async with aclosing(pipeline.stream(call, body, face.read)) as chunks:
        async for some in chunks:
            if events := face.feed(some) if pushed is None else pushed.events_of(some):
                yield events


class _Pushed:
    """Sends a face's events past the task that serves the call.

    What the caller did not take comes once more in the stream, and the face must not be fed with it again.
    """

    def __init__(self, face: Face, push: Push) -> None:
        self._face = face
        self._push = push
        self._refused: list[bytes] | None = None
        self._events: list[bytes] = []

    def push(self, chunks: list[bytes]) -> bool:
        """Sends what the face makes of chunks; False if the caller takes nothing now."""
        events = self._face.feed(chunks)
        if not events or self._push(events):
            return True
        self._refused, self._events = chunks, events
        return False

    def events_of(self, chunks: list[bytes]) -> list[bytes]:
        """What the face makes of chunks of the stream."""
        if chunks is not self._refused:
            return self._face.feed(chunks)
        self._refused = None
        return self._events
