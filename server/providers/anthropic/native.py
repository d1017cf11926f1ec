"""Anthropic's dialect for requests that came in Anthropic's own form: spliced in, and answered as they come.

Beside the chat completion, which the gateway reads, every answer and chunk holds the provider's own JSON. A stream's
events pass one by one, also those that say nothing in chat completions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import msgspec
from msgspec import Struct

from server.chat.answer import ChunkFacts
from server.chat.deployment import Candidate
from server.chat.native import NativeRequest, with_native
from server.chat.request import ChatRequest
from server.chat.wire import WireRequest
from server.providers.anthropic.dialect import AnthropicDialect
from server.providers.anthropic.stream import AnthropicStream
from server.providers.delegating import DelegatingDialect
from server.providers.dialect import Answer, Chunk, Event

_BARE: Final = b'{"object":"chat.completion.chunk","created":0,"choices":[]}'
_PIECE: Final = "content_block_delta"
_PLAIN: Final = AnthropicDialect()


class _Typed(Struct, gc=False):
    type: str = ""


_TYPED: Final = msgspec.json.Decoder(_Typed)


class NativeAnthropic(DelegatingDialect):
    """See `Dialect`. Made for one request."""

    __slots__ = ("_native",)

    def __init__(self, native: NativeRequest) -> None:
        super().__init__(_PLAIN)
        self._native = native

    def build(self, request: ChatRequest, candidate: Candidate, *, is_stream: bool) -> WireRequest:
        """See `Dialect.build`."""
        body = self._native.body(model=candidate.model, is_stream=is_stream)
        wire = _PLAIN.wire(candidate.deployment, body, is_stream=is_stream)
        return replace(wire, headers={**wire.headers, **self._native.headers})

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        """See `Dialect.answer`."""
        answer = self.plain.answer(status, headers, body)
        return Answer(with_native(answer.body, body.strip()), answer.facts, answer.notes)

    def stream(self) -> "NativeAnthropicStream":
        """See `Dialect.stream`."""
        return NativeAnthropicStream()


class NativeAnthropicStream:
    """Reads one stream; every event of it goes on with a chunk."""

    __slots__ = ("_plain",)

    def __init__(self) -> None:
        self._plain = AnthropicStream()

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
            is_content = kind == _PIECE
            return [Chunk(with_native(_BARE, event.data), ChunkFacts(None, None, is_content, None, None, False))]
        first = chunks[0]
        return [Chunk(with_native(first.data, event.data), first.facts), *chunks[1:]]
