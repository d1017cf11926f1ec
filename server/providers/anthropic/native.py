"""Anthropic's dialect for requests that came in Anthropic's own form: spliced in, and answered as they come.

Beside the chat completion, which the gateway reads, every answer and chunk holds the provider's own JSON. A stream's
events pass one by one, also those that say nothing in chat completions.
"""

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from server.chat.deployment import Candidate
from server.chat.native import NativeRequest, with_native
from server.chat.request import ChatRequest
from server.chat.wire import WireRequest
from server.providers.anthropic.dialect import AnthropicDialect
from server.providers.delegating import DelegatingDialect, PassingStream
from server.providers.dialect import Answer

_PLAIN: Final = AnthropicDialect()
_PIECES: Final = frozenset({"content_block_delta"})


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

    def stream(self) -> PassingStream:
        """See `Dialect.stream`."""
        return PassingStream(self.plain.stream(), _PIECES)
