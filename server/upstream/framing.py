"""How the body of a streamed answer is cut into events, by the framing that its dialect names."""

from collections.abc import Sequence
from typing import Protocol

from server.chat.wire import Framing
from server.providers.dialect import Event
from server.upstream.event_stream import EventStreamDecoder
from server.upstream.sse import SseDecoder


class EventDecoder(Protocol):
    """Cuts one body into events."""

    def feed(self, data: bytes) -> Sequence[Event]:
        """Takes the next piece and gives the events that it completes. Raises UpstreamBadResponse."""

    def finish(self) -> Sequence[Event]:
        """Tells that the body has ended, and gives what is complete of the rest."""


def event_decoder(framing: Framing) -> EventDecoder:
    """A decoder for one body of that framing."""
    return EventStreamDecoder() if framing is Framing.EVENT_STREAM else SseDecoder()
