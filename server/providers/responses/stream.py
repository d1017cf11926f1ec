"""One stream of the Responses API as chat completion chunks.

States: waiting for `response.created` -> open -> done (`response.completed` or `response.incomplete`); a failure ends
it by raising. A reasoning item is told when it is whole, because only then its encrypted content is.
"""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from server.errors import UpstreamBadResponse
from server.providers.dialect import Chunk, Event
from server.providers.responses.answer import (
    ITEM,
    SEPARATOR,
    Fault,
    Item,
    Response,
    annotations_of,
    call_of,
    failure_of,
    finish_of,
    kept_output,
    others_of,
    usage_of,
)
from server.providers.written import ChunkWriter, Made

MAX_MALFORMED_EVENTS: Final = 1

_CALLS: Final = ("function_call", "custom_tool_call")


class _Event(Struct, gc=False):
    type: str = ""
    response: Response | None = None
    item: Raw = Raw(b"{}")
    output_index: int = 0
    summary_index: int = 0
    content_index: int = 0
    delta: object = ""
    logprobs: list[Raw] | None = None
    code: str | None = None
    message: str = ""
    param: str | None = None
    error: Fault | None = None


class _Call(Struct):
    """A call while it is written: its number among calls, and whether anything of its arguments came yet."""

    number: int
    is_custom: bool
    has_begun: bool = False


_EVENT: Final = msgspec.json.Decoder(_Event)


class ResponsesStream:
    """Reads one stream."""

    __slots__ = ("_calls", "_malformed", "_part", "_text_length", "_writer", "is_done", "notes")

    def __init__(self) -> None:
        self.is_done = False
        self.notes: list[str] = []
        self._writer = ChunkWriter("", "")
        self._calls: dict[int, _Call] = {}
        self._part: tuple[int, int] | None = None
        self._text_length = 0
        self._malformed = 0

    def feed(self, event: Event) -> list[Chunk]:
        """See `StreamDecoder.feed`."""
        if self.is_done or not event.data:
            return []
        try:
            return self._take(_EVENT.decode(event.data))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._malformed += 1
            if self._malformed > MAX_MALFORMED_EVENTS:
                raise UpstreamBadResponse("The provider's stream is not what it should be.") from None
            self.notes.append("upstream_malformed_events")
            return []

    def _take(self, event: _Event) -> list[Chunk]:
        kind = event.type.removeprefix("response.")
        if kind.endswith(".delta"):
            return self._delta(kind, event)
        if kind == "created":
            return self._start(event.response or Response())
        if kind == "output_item.added":
            return self._begin(event.output_index, ITEM.decode(event.item))
        if kind == "output_item.done":
            return self._end(event.output_index, event.item)
        if kind in ("completed", "incomplete"):
            return self._finish(event.response or Response())
        if kind == "failed":
            raise failure_of((event.response or Response()).error)
        if kind == "error":
            raise failure_of(event.error or Fault(event.code, event.message, event.param))
        return []

    def _start(self, response: Response) -> list[Chunk]:
        self._writer = ChunkWriter(response.id, response.model, int(response.created_at))
        return [self._writer.role()]

    def _delta(self, kind: str, event: _Event) -> list[Chunk]:
        text = event.delta
        if not isinstance(text, str) or not text:
            return []
        if kind == "output_text.delta":
            self._text_length += len(text)
            more: Made | None = {"logprobs": {"content": event.logprobs}} if event.logprobs else None
            return [self._writer.write({"content": text}, more=more)]
        if kind == "refusal.delta":
            return [self._writer.write({"refusal": text})]
        if kind in ("reasoning_summary_text.delta", "reasoning_text.delta"):
            return [self._writer.write({"reasoning_content": self._separated(event) + text})]
        if kind in ("function_call_arguments.delta", "custom_tool_call_input.delta"):
            return [self._arguments(self._call(event.output_index), text)]
        return []

    def _separated(self, event: _Event) -> str:
        """What stands before the text of a part of a reasoning: nothing before the first."""
        part = (event.output_index, max(event.summary_index, event.content_index))
        before, self._part = self._part, part
        return "" if before in (None, part) else SEPARATOR

    def _begin(self, index: int, item: Item) -> list[Chunk]:
        if item.type not in _CALLS:
            return []
        call = self._calls[index] = _Call(len(self._calls), item.type == "custom_tool_call")
        made = {"index": call.number, **call_of(item)}
        call.has_begun = bool(item.arguments or item.input)
        return [self._writer.write({"tool_calls": [made]})]

    def _call(self, index: int) -> _Call:
        call = self._calls.get(index)
        if call is None:
            raise UpstreamBadResponse("The provider's stream goes on with a call that it did not begin.")
        return call

    def _arguments(self, call: _Call, piece: str) -> Chunk:
        call.has_begun = True
        said: Made = {"custom": {"input": piece}} if call.is_custom else {"function": {"arguments": piece}}
        return self._writer.write({"tool_calls": [{"index": call.number, **said}]})

    def _end(self, index: int, raw: Raw) -> list[Chunk]:
        item = ITEM.decode(raw)
        if item.type == "reasoning":
            return [self._writer.write({"reasoning_items": [raw]})]
        if item.type == "message":
            pieces = item.content or []
            found = annotations_of(pieces, self._text_length - sum(len(piece.text) for piece in pieces))
            return [self._writer.write({"annotations": found}, has_content=False)] if found else []
        if item.type in _CALLS:
            begun = [] if index in self._calls else self._begin(index, item)
            call = self._call(index)
            whole = item.input if call.is_custom else item.arguments
            if not call.has_begun and whole:
                begun.append(self._arguments(call, whole))
            return begun
        return []

    def _finish(self, response: Response) -> list[Chunk]:
        if response.error is not None and response.status == "failed":
            raise failure_of(response.error)
        self.is_done = True
        reason, more = finish_of(response, has_calls=bool(self._calls))
        kept = kept_output(response.output or [])
        return [
            self._writer.finish(reason, more, None if kept is None else {"extra_content": kept}),
            self._writer.usage(usage_of(response.usage), others_of(response)),
        ]
