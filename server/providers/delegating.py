"""A dialect that is another one but for what a subclass does differently, and streams whose events pass as they are."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from server.chat.answer import ChunkFacts
from server.chat.deployment import Candidate, Deployment
from server.chat.native import with_native
from server.chat.request import ChatRequest
from server.chat.wire import Framing, WireRequest
from server.errors import PerpetuoError
from server.providers.dialect import Answer, Chunk, Dialect, Event, StreamDecoder


class DelegatingDialect:
    """See `Dialect`; every verb is that of `plain`."""

    __slots__ = ("plain",)

    def __init__(self, plain: Dialect) -> None:
        self.plain = plain

    @property
    def name(self) -> str:
        """See `Dialect.name`."""
        return self.plain.name

    @property
    def framing(self) -> Framing:
        """See `Dialect.framing`."""
        return self.plain.framing

    def build(self, request: ChatRequest, candidate: Candidate, *, is_stream: bool) -> WireRequest:
        """See `Dialect.build`."""
        return self.plain.build(request, candidate, is_stream=is_stream)

    def check(self, deployment: Deployment) -> WireRequest:
        """See `Dialect.check`."""
        return self.plain.check(deployment)

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        """See `Dialect.answer`."""
        return self.plain.answer(status, headers, body)

    def is_stream(self, status: int, headers: Mapping[str, str]) -> bool:
        """See `Dialect.is_stream`."""
        return self.plain.is_stream(status, headers)

    def stream(self) -> StreamDecoder:
        """See `Dialect.stream`."""
        return self.plain.stream()

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> PerpetuoError:
        """See `Dialect.error`."""
        return self.plain.error(status, headers, body)


_BARE: Final = b'{"object":"chat.completion.chunk","created":0,"choices":[]}'


class _Typed(Struct, gc=False):
    type: str = ""


_TYPED: Final = msgspec.json.Decoder(_Typed)


class PassingStream:
    """Reads one stream by another decoder; every event of it goes on, in `native`, with a chunk.

    Events that say nothing in chat completions go on in a bare chunk; one whose type is among `pieces` is content.
    """

    __slots__ = ("_pieces", "_plain")

    def __init__(self, plain: StreamDecoder, pieces: frozenset[str]) -> None:
        self._plain = plain
        self._pieces = pieces

    @property
    def is_done(self) -> bool:
        """See `StreamDecoder.is_done`."""
        return self._plain.is_done

    @property
    def notes(self) -> Sequence[str]:
        """See `StreamDecoder.notes`."""
        return self._plain.notes

    def feed(self, event: Event) -> list[Chunk]:
        """See `StreamDecoder.feed`."""
        if self.is_done:
            return []
        chunks = self._plain.feed(event)
        try:
            kind = _TYPED.decode(event.data).type
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return chunks
        if not chunks:
            facts = ChunkFacts(None, None, kind in self._pieces, None, None, False)
            return [Chunk(with_native(_BARE, event.data), facts)]
        first = chunks[0]
        return [Chunk(with_native(first.data, event.data), first.facts), *chunks[1:]]
