"""One ConverseStream as chat completion chunks.

States: waiting for `messageStart` -> open -> ended (`messageStop`) -> done (`metadata`, which has the usage). Blocks
are numbered by Bedrock over all kinds; calls are numbered anew from 0. An exception ends the stream by raising.
"""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from server.errors import UpstreamBadResponse
from server.providers.bedrock.answer import (
    Converse,
    Counted,
    Tier,
    annotations_of,
    ending_of,
    finish_of,
    notes_of,
    others_of,
    redacted_block,
    signed_block,
    usage_of,
)
from server.providers.bedrock.faults import broken
from server.providers.dialect import Chunk, Event
from server.providers.written import ChunkWriter

MAX_MALFORMED_EVENTS: Final = 1

_NULL: Final = Raw(b"null")
_FAULTS: Final = ("exception:", "error:")
_UNSHOWN: Final = "The provider sent content that a chunk cannot hold; it is left out."
_NO_INPUT: Final = "{}"
_TEXT: Final = msgspec.json.Decoder(str)


class _ToolStart(Struct, gc=False, rename="camel"):
    tool_use_id: str = ""
    name: str = ""


class _Start(Struct, gc=False, rename="camel"):
    tool_use: _ToolStart | None = None


class _ToolDelta(Struct, gc=False):
    input: str = ""


class _ReasoningDelta(Struct, gc=False, rename="camel"):
    text: str = ""
    signature: Raw = _NULL
    redacted_content: Raw = _NULL


class _Delta(Struct, gc=False, rename="camel"):
    text: str | None = None
    tool_use: _ToolDelta | None = None
    reasoning_content: _ReasoningDelta | None = None
    citation: Raw = _NULL


class _Event(Struct, gc=False, rename="camel"):
    content_block_index: int = 0
    start: _Start | None = None
    delta: _Delta | None = None
    stop_reason: str = ""
    usage: Counted | None = None
    service_tier: Tier | None = None
    trace: Raw = _NULL
    additional_model_response_fields: Raw = _NULL


class _Open(Struct):
    """A block while it is written: the number of its call, its reasoning, its citations."""

    call: int = -1
    has_input: bool = False
    text_start: int = 0
    reasoning: list[str] = []
    signature: list[Raw] = []
    redacted: list[Raw] = []
    citations: list[Raw] = []


_EVENT: Final = msgspec.json.Decoder(_Event)


class BedrockStream:
    """Reads one stream."""

    __slots__ = (
        "_blocks",
        "_calls",
        "_extra",
        "_has_ended",
        "_malformed",
        "_text_length",
        "_writer",
        "is_done",
        "notes",
    )

    def __init__(self) -> None:
        self.is_done = False
        self.notes: list[str] = []
        self._writer = ChunkWriter("", "")
        self._blocks: dict[int, _Open] = {}
        self._calls = 0
        self._text_length = 0
        self._malformed = 0
        self._has_ended = False
        self._extra = _NULL

    def feed(self, event: Event) -> list[Chunk]:
        """See `StreamDecoder.feed`."""
        kind = event.event
        if self.is_done:
            return []
        if kind.startswith(_FAULTS):
            raise broken(kind.partition(":")[2], event.data)
        try:
            return self._take(kind, _EVENT.decode(event.data))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._malformed += 1
            if self._malformed > MAX_MALFORMED_EVENTS:
                raise UpstreamBadResponse("The provider's stream is not what it should be.") from None
            self.notes.append("upstream_malformed_events")
            return []

    def _take(self, kind: str, event: _Event) -> list[Chunk]:
        if kind == "contentBlockDelta":
            return self._delta(self._block(event.content_block_index), event.delta or _Delta())
        if kind == "contentBlockStart":
            return self._begin(self._block(event.content_block_index), event.start or _Start())
        if kind == "contentBlockStop":
            return self._end(self._blocks.pop(event.content_block_index, None))
        if kind == "messageStart":
            return [self._writer.role()]
        if kind == "messageStop":
            return self._stop(event)
        return self._metadata(event) if kind == "metadata" else []

    def _block(self, index: int) -> _Open:
        """The block of that index; blocks of text begin without a word."""
        found = self._blocks.get(index)
        if found is None:
            found = self._blocks[index] = _Open(text_start=self._text_length)
        return found

    def _begin(self, block: _Open, start: _Start) -> list[Chunk]:
        use = start.tool_use
        if use is None:
            return []
        block.call, self._calls = self._calls, self._calls + 1
        function = {"name": use.name, "arguments": ""}
        call = {"index": block.call, "id": use.tool_use_id, "type": "function", "function": function}
        return [self._writer.write({"tool_calls": [call]})]

    def _delta(self, block: _Open, delta: _Delta) -> list[Chunk]:
        if delta.text is not None:
            self._text_length += len(delta.text)
            return [self._writer.write({"content": delta.text})] if delta.text else []
        if delta.tool_use is not None:
            return [self._arguments(block, delta.tool_use.input)] if delta.tool_use.input else []
        if delta.reasoning_content is not None:
            return self._reason(block, delta.reasoning_content)
        if delta.citation != _NULL:
            block.citations.append(delta.citation)
        elif _UNSHOWN not in self.notes:
            self.notes.append(_UNSHOWN)
        return []

    def _reason(self, block: _Open, delta: _ReasoningDelta) -> list[Chunk]:
        if delta.signature != _NULL:
            block.signature.append(delta.signature)
        if delta.redacted_content != _NULL:
            block.redacted.append(delta.redacted_content)
        if not delta.text:
            return []
        block.reasoning.append(delta.text)
        return [self._writer.write({"reasoning_content": delta.text})]

    def _arguments(self, block: _Open, piece: str) -> Chunk:
        block.has_input = True
        call = {"index": block.call, "function": {"arguments": piece}}
        return self._writer.write({"tool_calls": [call]})

    def _end(self, block: _Open | None) -> list[Chunk]:
        if block is None:
            return []
        if block.call >= 0:
            return [] if block.has_input else [self._arguments(block, _NO_INPUT)]
        signed = [redacted_block(data) for data in block.redacted]
        if block.signature:
            signed.append(signed_block("".join(block.reasoning), _joined(block.signature)))
        if signed:
            return [self._writer.write({"thinking_blocks": signed})]
        if block.citations:
            found = annotations_of(block.citations, block.text_start, self._text_length)
            return [self._writer.write({"annotations": found}, has_content=False)]
        return []

    def _stop(self, event: _Event) -> list[Chunk]:
        reason = finish_of(event.stop_reason, has_calls=self._calls > 0)
        self.notes += notes_of(event.stop_reason)
        self._has_ended = True
        self._extra = event.additional_model_response_fields
        return [self._writer.finish(reason, ending_of(event.stop_reason))]

    def _metadata(self, event: _Event) -> list[Chunk]:
        self.is_done = self._has_ended
        answer = Converse(
            service_tier=event.service_tier, trace=event.trace, additional_model_response_fields=self._extra
        )
        return [self._writer.usage(usage_of(event.usage), others_of(answer))]


def _joined(pieces: list[Raw]) -> Raw:
    """A signature as it came; of several pieces, one text."""
    return pieces[0] if len(pieces) == 1 else Raw(msgspec.json.encode("".join(_TEXT.decode(piece) for piece in pieces)))
