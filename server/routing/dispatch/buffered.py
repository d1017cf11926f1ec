"""A stream that is held whole: nothing of it goes out before all of it is here, so that every failure can move on.

What is held is bounded in bytes and in time. A stream beyond a bound goes out as it is written, from its beginning, and
a note says so: whoever waits for a very long answer gets it rather late than never.
"""

from collections.abc import Callable
from typing import Final

from server.chat.answer import Identity
from server.errors import PerpetuoError
from server.routing.dispatch.errand import Errand
from server.routing.dispatch.live import LiveStream
from server.routing.tail import StreamTail

MAX_BYTES: Final = 8 * 1024 * 1024
"""Of the JSON of the chunks."""

MAX_S: Final = 120.0
"""From the beginning of the call."""

TOO_MUCH: Final = f"stream_mode is direct: the stream has more than {MAX_BYTES // (1024 * 1024)} MiB."
TOO_LATE: Final = f"stream_mode is direct: the stream took longer than {MAX_S:g} s."


async def hold_whole(live: LiveStream, errand: Errand) -> None:
    """Reads a stream that is open to its end, into what it holds, or to a bound.

    Raises what breaks it; what came until then, or until the caller leaves, is in the attempt by estimate.
    """
    if exceeded := await read_on(live, errand, _exceeded):
        errand.request.tell(exceeded)


def _exceeded(held_bytes: int, took_s: float) -> str:
    if held_bytes > MAX_BYTES:
        return TOO_MUCH
    return TOO_LATE if took_s > MAX_S else ""


async def read_on(live: LiveStream, errand: Errand, exceeded: Callable[[int, float], str]) -> str:
    """Reads a stream that is open into what it holds: to its end, else to a bound, and answers which.

    `exceeded` tells whether bytes and seconds are too much; it may raise. See `hold_whole` for what is raised.
    """
    attempt, held_bytes = live.attempt, sum(len(chunk.data) for chunk in live.held)
    bound = ""
    is_held = False
    try:
        while not live.has_all(wants_usage=errand.request.wants_usage):
            if bound := exceeded(held_bytes, attempt.clock.exact() - attempt.began):
                break
            chunks = await live.next_chunks()
            if chunks is None:
                break
            live.held.extend(chunks)
            held_bytes += sum(len(chunk.data) for chunk in chunks)
        is_held = True
    except PerpetuoError:
        _count(live, errand)
        attempt.was_in_vain = attempt.usage is not None and attempt.usage.is_estimated
        raise
    finally:
        if not is_held and attempt.usage is None:
            _count(live, errand)
    attempt.answered_s = attempt.clock.exact() - attempt.began
    return bound


def _count(live: LiveStream, errand: Errand) -> None:
    """Writes down what the call took as far as it came."""
    tail = StreamTail(Identity(""), choices=errand.request.choices)
    tail.feed(live.held)
    live.attempt.usage = errand.measure(live.candidate, tail, errand.prompt_tokens)
