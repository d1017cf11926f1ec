"""One stream of Cohere's as chat completion chunks.

States: waiting for `message-start` -> open -> done (`message-end`, which has the reason and the usage). Contents and
calls are numbered apart; calls are numbered anew from 0.
"""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from server.errors import UpstreamBadResponse
from server.providers.cohere.answer import (
    Call,
    Content,
    Likely,
    Usage,
    annotations_of,
    cited,
    ending_of,
    failed,
    finish_of,
    logprobs_of,
    notes_of,
    usage_of,
)
from server.providers.cohere.errors import failure_of
from server.providers.dialect import Chunk, Event
from server.providers.written import ChunkWriter

MAX_MALFORMED_EVENTS: Final = 1

_NULL: Final = Raw(b"null")
_BREAK: Final = "\n\n"
_NO_ARGUMENTS: Final = "{}"


class _Message(Struct, gc=False):
    content: Raw = _NULL
    tool_plan: str = ""
    tool_calls: Raw = _NULL
    citations: Raw = _NULL


class _Delta(Struct, gc=False):
    message: _Message | None = None
    finish_reason: str = ""
    usage: Usage | None = None


class _Event(Struct, gc=False):
    type: str = ""
    id: str | None = None
    index: int = 0
    delta: _Delta | None = None
    logprobs: Likely | None = None


class _Open(Struct):
    """A call while its arguments are written."""

    number: int
    has_arguments: bool = False


_EVENT: Final = msgspec.json.Decoder(_Event)
_CONTENT: Final = msgspec.json.Decoder(Content)
_CALL: Final = msgspec.json.Decoder(Call)


class CohereStream:
    """Reads one stream."""

    __slots__ = ("_calls", "_has_thought", "_malformed", "_plans", "_starts", "_text", "_writer", "is_done", "notes")

    def __init__(self) -> None:
        self.is_done = False
        self.notes: list[str] = []
        self._writer = ChunkWriter("", "")
        self._starts: dict[int, int] = {}
        self._text = 0
        self._has_thought = False
        self._plans = False
        self._calls: dict[int, _Open] = {}
        self._malformed = 0

    def feed(self, event: Event) -> list[Chunk]:
        """See `StreamDecoder.feed`."""
        data = event.data
        if self.is_done or not data or data == b"[DONE]":
            return []
        try:
            read = _EVENT.decode(data)
            if not read.type:
                raise failure_of(200, {}, data)
            return self._take(read)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._malformed += 1
            if self._malformed > MAX_MALFORMED_EVENTS:
                raise UpstreamBadResponse("The provider's stream is not what it should be.") from None
            self.notes.append("upstream_malformed_events")
            return []

    def _take(self, event: _Event) -> list[Chunk]:
        delta = event.delta or _Delta()
        message = delta.message or _Message()
        kind = event.type
        if kind in ("content-delta", "content-start"):
            return self._content(event, message)
        if kind == "tool-plan-delta":
            return self._plan(message.tool_plan)
        if kind == "tool-call-start":
            return [self._call(event.index, _CALL.decode(message.tool_calls))]
        if kind == "tool-call-delta":
            return self._arguments(event.index, _CALL.decode(message.tool_calls))
        if kind == "tool-call-end":
            return self._call_ends(event.index)
        if kind == "citation-start":
            return [self._citation(message.citations)]
        if kind == "message-start":
            self._writer = ChunkWriter(event.id or "", "")
            return [self._writer.role()]
        return self._end(delta) if kind == "message-end" else []

    def _content(self, event: _Event, message: _Message) -> list[Chunk]:
        self._starts.setdefault(event.index, self._text)
        said = Content() if message.content == _NULL else _CONTENT.decode(message.content)
        made: dict[str, object] = {}
        if said.thinking:
            self._has_thought = True
            made["reasoning_content"] = said.thinking
        if said.text:
            self._text += len(said.text)
            made["content"] = said.text
        more = logprobs_of([event.logprobs] if event.logprobs else None)
        return [self._writer.write(made, has_content=bool(made), more=more)] if made or more else []

    def _citation(self, raw: Raw) -> Chunk:
        made: dict[str, object] = {"extra_content": cited([raw])}
        found = annotations_of(raw, self._starts)
        if found:
            made["annotations"] = found
        return self._writer.write(made, has_content=False)

    def _plan(self, piece: str) -> list[Chunk]:
        """What is planned is reasoning too; it begins apart from what was thought."""
        if not piece:
            return []
        if self._has_thought and not self._plans:
            piece = _BREAK + piece
        self._plans = True
        return [self._writer.write({"reasoning_content": piece})]

    def _call(self, index: int, call: Call) -> Chunk:
        opened = self._calls[index] = _Open(len(self._calls))
        function = call.function
        arguments = (function and function.arguments) or ""
        opened.has_arguments = bool(arguments)
        name = (function and function.name) or ""
        made = {"id": call.id, "type": "function", "function": {"name": name, "arguments": arguments}}
        return self._writer.write({"tool_calls": [{"index": opened.number, **made}]})

    def _arguments(self, index: int, call: Call) -> list[Chunk]:
        piece = (call.function and call.function.arguments) or ""
        opened = self._calls.get(index)
        if opened is None:
            raise UpstreamBadResponse("The provider's stream goes on with a call that it did not begin.")
        opened.has_arguments = opened.has_arguments or bool(piece)
        return [self._piece(opened, piece)] if piece else []

    def _call_ends(self, index: int) -> list[Chunk]:
        opened = self._calls.get(index)
        return [] if opened is None or opened.has_arguments else [self._piece(opened, _NO_ARGUMENTS)]

    def _piece(self, opened: _Open, piece: str) -> Chunk:
        return self._writer.write({"tool_calls": [{"index": opened.number, "function": {"arguments": piece}}]})

    def _end(self, delta: _Delta) -> list[Chunk]:
        reason = delta.finish_reason
        if not reason:
            raise failed("ERROR")
        finish = finish_of(reason, has_calls=bool(self._calls))
        self.notes += notes_of(reason)
        self.is_done = True
        return [self._writer.finish(finish, ending_of(reason)), self._writer.usage(usage_of(delta.usage), {})]
