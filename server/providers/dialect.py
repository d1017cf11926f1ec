"""What a dialect is: the verbs that turn a request into a provider's wire and its answers into OpenAI's JSON.

A dialect is pure and stateless; what a stream needs to remember is in the decoder that it makes. Answers and chunks are
canonical: OpenAI's shape, in bytes, with the facts that were read from them. Every verb that reads an answer raises the
reason of a failure that it finds there.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec
from msgspec import Struct

from server.chat.answer import AnswerFacts, ChunkFacts
from server.chat.deployment import Candidate, Deployment
from server.chat.request import ChatRequest
from server.chat.wire import Framing, WireRequest
from server.errors import PerpetuoError


class Answer(Struct, frozen=True, gc=False):
    """A whole answer: `body` is the JSON of a chat completion. `notes` say what was odd and could be lived with."""

    body: bytes
    facts: AnswerFacts
    notes: tuple[str, ...] = ()


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """One piece of a streamed answer: `data` is the JSON of a chat completion chunk, on one line."""

    data: bytes
    facts: ChunkFacts


class Event(Protocol):
    """An event of a streamed body, whoever cut it out."""

    @property
    def data(self) -> bytes:
        """The payload; of a server-sent event the lines of data, joined by line feeds."""

    @property
    def event(self) -> str:
        """The type; `message` where a server-sent event names none."""


class StreamDecoder(Protocol):
    """Reads one stream, event by event."""

    @property
    def is_done(self) -> bool:
        """Whether the provider said that the stream is complete."""

    @property
    def notes(self) -> Sequence[str]:
        """What was odd about the stream and could be lived with."""

    def feed(self, event: Event) -> list[Chunk]:
        """The chunks that an event stands for, maybe none.

        Raises the reason of an error event, and UpstreamBadResponse once events are not what they should be.
        """


class PieceReader(Protocol):
    """A decoder that knows pieces of a body, as they come from an upstream, which bring nothing but more text."""

    def feed_all(self, events: Sequence[Event], chunks: list[Chunk]) -> None:
        """Adds to `chunks` what `feed` would answer for one event after the other. Raises as that, after what came."""

    def more(self, piece: bytes) -> list[Chunk] | None:
        """The chunks of a piece that is whole server-sent events which `feed` would answer with these very chunks.

        The piece begins where an event does. None where that is not certain: then `feed` has to be asked.
        """

    def knows(self, chunk: bytes, around_bytes: int) -> bool:
        """Whether a chunk of a chunked body is one server-sent event that says what the one before it said.

        `around_bytes` is how much stands around the event: a head in its shortest form, and two line ends. It is asked
        as long as nothing but such events has come behind one that `more` knew.
        """


class Dialect(Protocol):
    """A wire format of providers."""

    @property
    def name(self) -> str:
        """The dialect's own name, for logs."""

    @property
    def framing(self) -> Framing:
        """How the body of a streamed answer is cut into events."""

    def build(self, request: ChatRequest, candidate: Candidate, *, is_stream: bool) -> WireRequest:
        """The request on the wire; a stream asks for its usage. What cannot be carried is noted in `request.notes`."""

    def check(self, deployment: Deployment) -> WireRequest:
        """A request that any valid credential may make and that costs nothing."""

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        """The answer to a request that wanted no stream; raises the reason when it is a failure."""

    def is_stream(self, status: int, headers: Mapping[str, str]) -> bool:
        """Whether what follows the headers is a stream of events; else the whole body belongs to `error`."""

    def stream(self) -> StreamDecoder:
        """A decoder for one stream."""

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> PerpetuoError:
        """The reason of an answer that is not what was asked for."""
