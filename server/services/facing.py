"""A call through a face: its request read, the pipeline asked, the answer in the face's own form.

What every face's servicer does; which face it is, and how its messages look, the servicer knows.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from server.chat.principal import Call
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
    async with aclosing(pipeline.stream(call, body, face.read)) as chunks:
        async for some in chunks:
            if events := face.feed(some):
                yield events
