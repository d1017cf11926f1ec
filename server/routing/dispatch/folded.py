"""An answer in one piece that is had as a stream, from upstreams that only stream: read to its end, and folded.

Nothing of it has gone out while it is read, so that every failure can move on as that of an answer in one piece.
"""

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from server.chat.answer import Identity, peek_answer
from server.errors import UpstreamBadResponse
from server.providers.dialect import Answer
from server.providers.pieces import whole_from
from server.routing.dispatch.buffered import read_on
from server.routing.dispatch.errand import Errand
from server.routing.dispatch.live import LiveStream
from server.routing.tail import StreamTail

MAX_BYTES: Final = 64 * 1024 * 1024
"""Of the JSON of the chunks, as of a body in one piece."""

JSON: Final = "application/json"
_STREAMS: Final = ("text/event-stream", "application/vnd.amazon.eventstream")


def is_declared_stream(headers: Mapping[str, str]) -> bool:
    """Whether an answer says itself that it is a stream of events, asked for or not."""
    return is_kind_of_stream(headers.get("content-type", JSON))


def is_kind_of_stream(kind: str) -> bool:
    """Whether a content type is one of streams of events."""
    return kind != JSON and kind.lower().startswith(_STREAMS)


async def fold(live: LiveStream, errand: Errand) -> Answer:
    """The answer that a stream comes to, whose headers have come.

    Raises what breaks it, UpstreamBadResponse if it is not whole or too long; what came until then is in the attempt
    by estimate.
    """
    await live.open()
    await read_on(live, errand, _bounded)
    tail = StreamTail(Identity(""), choices=errand.request.choices)
    tail.feed(live.held)
    body = whole_from([chunk.data for chunk in live.held])
    if body is None:
        raise UpstreamBadResponse("The provider's stream ended without saying how.")
    return Answer(body, replace(peek_answer(body), usage=tail.usage), tuple(live.notes))


def _bounded(held_bytes: int, took_s: float) -> str:
    if held_bytes > MAX_BYTES:
        message = f"The provider's answer is longer than {MAX_BYTES // (1024 * 1024)} MiB."
        raise UpstreamBadResponse(message, details={"limitBytes": str(MAX_BYTES)})
    return ""
