"""One stream of Anthropic's as chat completion chunks.

States: waiting for `message_start` -> open -> done (`message_stop`). The end is told only when it is certain: the chunk
with the finish reason and the one with the usage come with `message_stop`, so that a stream which breaks before it has
failed. Blocks are numbered by Anthropic over all kinds; calls are numbered anew from 0.
"""

from typing import Final

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from server.chat.answer import ChunkFacts
from server.chat.reported import read_usage
from server.errors import UpstreamBadResponse
from server.providers.anthropic.answer import (
    AnyBlock,
    Counted,
    annotations_of,
    counted_of,
    ending_of,
    finish_of,
    is_shown,
    kept_content,
    notes_of,
    others_of,
    tier_of,
    usage_of,
)
from server.providers.anthropic.content import Made
from server.providers.dialect import Chunk, Event
from server.providers.refusal import complaint_of, judged

MAX_MALFORMED_EVENTS: Final = 1

_ENCODER: Final = msgspec.json.Encoder()


class _Delta(Struct, gc=False):
    type: str = ""
    text: str = ""
    partial_json: str = ""
    thinking: str = ""
    signature: str = ""
    citation: Raw = Raw(b"null")
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _Event(Struct, gc=False):
    type: str = ""
    index: int = 0
    message: Raw = Raw(b"{}")
    content_block: Raw = Raw(b"{}")
    delta: Raw = Raw(b"{}")
    usage: Raw = Raw(b"null")
    error: Raw = Raw(b"null")


class _Start(Struct, gc=False):
    id: str = ""
    model: str = ""
    usage: Raw = Raw(b"null")


class _Open(Struct):
    """A block while it is written. `call` is the number of its call, `pieces` its text, arguments or signature."""

    block: AnyBlock
    raw: Raw
    call: int = -1
    pieces: list[str] = []
    thinking: list[str] = []
    citations: list[Raw] = []
    text_start: int = 0


_EVENTS: Final = msgspec.json.Decoder(_Event)
_STARTS: Final = msgspec.json.Decoder(_Start)
_BLOCKS: Final = msgspec.json.Decoder(AnyBlock)
_DELTAS: Final = msgspec.json.Decoder(_Delta)
_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])


class AnthropicStream:
    """Reads one stream."""

    __slots__ = ("_blocks", "_calls", "_counted", "_ending", "_head", "_id", "_kept", "_malformed", "_model", "_others",
                 "_text_length", "is_done", "notes")  # fmt: skip

    def __init__(self) -> None:
        self.is_done = False
        self.notes: list[str] = []
        self._id = ""
        self._model = ""
        self._head = b""
        self._counted: Counted | None = None
        self._blocks: dict[int, _Open] = {}
        self._kept: list[Raw] = []
        self._others: dict[str, Raw] = {}
        self._ending = _Delta()
        self._calls = 0
        self._text_length = 0
        self._malformed = 0

    def feed(self, event: Event) -> list[Chunk]:
        """See `StreamDecoder.feed`."""
        if self.is_done or not event.data:
            return []
        try:
            return self._take(_EVENTS.decode(event.data), event.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._malformed += 1
            if self._malformed > MAX_MALFORMED_EVENTS:
                raise UpstreamBadResponse("The provider's stream is not what it should be.") from None
            self.notes.append("upstream_malformed_events")
            return []

    def _take(self, event: _Event, data: bytes) -> list[Chunk]:
        kind = event.type
        if kind == "content_block_delta":
            return self._delta(event)
        if kind == "content_block_start":
            return self._start_block(event)
        if kind == "content_block_stop":
            return self._stop_block(event.index)
        if kind == "message_start":
            return self._start(event)
        if kind == "message_delta":
            return self._end(event)
        if kind == "message_stop":
            return self._stop()
        if kind == "error":
            raise judged(200, {}, complaint_of(msgspec.json.decode(data)))
        return []

    def _start(self, event: _Event) -> list[Chunk]:
        start = _STARTS.decode(event.message)
        self._id, self._model = start.id, start.model
        self._others = others_of(_MEMBERS.decode(event.message))
        self._counted = counted_of(start.usage)
        common = {"id": start.id, "object": "chat.completion.chunk", "created": 0, "model": start.model}
        self._head = _ENCODER.encode(common)[:-1] + b',"choices":[{"index":0,"delta":'
        return [self._role()]

    def _role(self) -> Chunk:
        """The first chunk; what it tells of the usage is only a beginning, for a stream that never ends."""
        chunk = self._chunk({"role": "assistant", "content": ""}, has_content=False)
        if self._counted is None:
            return chunk
        counted = read_usage(Raw(_ENCODER.encode(usage_of(self._counted))))
        begun = None if counted is None else replace(counted, output_tokens=0, reasoning_tokens=0, is_estimated=True)
        return Chunk(chunk.data, ChunkFacts(self._id, self._model, False, None, begun, False))

    def _start_block(self, event: _Event) -> list[Chunk]:
        block = _BLOCKS.decode(event.content_block)
        opened = _Open(block, event.content_block, text_start=self._text_length)
        self._blocks[event.index] = opened
        if block.type == "text" and block.text:
            return self._text(block.text)
        if block.type == "thinking" and block.thinking:
            opened.thinking.append(block.thinking)
            return [self._chunk({"reasoning_content": block.thinking})]
        if block.type != "tool_use":
            return []
        opened.call, self._calls = self._calls, self._calls + 1
        function = {"name": block.name, "arguments": ""}
        call = {"index": opened.call, "id": block.id, "type": "function", "function": function}
        return [self._chunk({"tool_calls": [call]})]

    def _delta(self, event: _Event) -> list[Chunk]:
        delta = _DELTAS.decode(event.delta)
        opened = self._blocks.get(event.index)
        if opened is None:
            raise UpstreamBadResponse("The provider's stream goes on with a block that it did not begin.")
        if delta.type == "text_delta":
            opened.pieces.append(delta.text)
            return self._text(delta.text) if delta.text else []
        if delta.type == "thinking_delta":
            opened.thinking.append(delta.thinking)
            return [self._chunk({"reasoning_content": delta.thinking})] if delta.thinking else []
        if delta.type == "signature_delta":
            opened.pieces.append(delta.signature)
        elif delta.type == "citations_delta":
            opened.citations.append(delta.citation)
        elif delta.type == "input_json_delta" and delta.partial_json:
            opened.pieces.append(delta.partial_json)
            if opened.call >= 0:
                return [self._arguments(opened.call, delta.partial_json)]
        return []

    def _stop_block(self, index: int) -> list[Chunk]:
        opened = self._blocks.pop(index, None)
        if opened is None:
            return []
        kind = opened.block.type
        self._keep(opened)
        if kind == "tool_use" and not opened.pieces:
            return [self._arguments(opened.call, bytes(opened.block.input).decode())]
        if kind in ("thinking", "redacted_thinking"):
            return [self._chunk({"thinking_blocks": [self._kept[-1]]})]
        if kind == "text" and opened.citations:
            found = annotations_of(opened.citations, opened.text_start, self._text_length)
            return [self._chunk({"annotations": found}, has_content=False)]
        return []

    def _keep(self, opened: _Open) -> None:
        """Notes a block as it would stand in a whole answer."""
        members: Made = {**_MEMBERS.decode(opened.raw)}
        if opened.block.type == "thinking":
            members["thinking"] = "".join(opened.thinking)
            members["signature"] = "".join(opened.pieces) or opened.block.signature or ""
        elif opened.block.type == "text":
            members["text"] = opened.block.text + "".join(opened.pieces)
            if opened.citations:
                members["citations"] = opened.citations
        elif opened.pieces:
            members["input"] = Raw("".join(opened.pieces).encode())
        self._kept.append(Raw(_ENCODER.encode(members)))

    def _end(self, event: _Event) -> list[Chunk]:
        delta = _DELTAS.decode(event.delta)
        if delta.stop_reason is not None:
            self._ending = delta
        self._others |= others_of(_MEMBERS.decode(event.delta))
        self._count(counted_of(event.usage))
        return []

    def _count(self, later: Counted | None) -> None:
        """Takes over what is counted later: each count is of the whole answer so far, and none is added."""
        if later is None or self._counted is None:
            self._counted = later or self._counted
            return
        for name in Counted.__struct_fields__:
            value = getattr(later, name)
            if value is not None and value != Raw(b"null"):
                setattr(self._counted, name, value)

    def _stop(self) -> list[Chunk]:
        if not self._head:
            raise UpstreamBadResponse("The provider's stream ended before it began.")
        self.is_done = True
        ending = self._ending
        finish = finish_of(ending.stop_reason, has_calls=self._calls > 0)
        self.notes += notes_of(ending.stop_reason)
        delta: Made = {}
        if not all(is_shown(_BLOCKS.decode(raw).type) for raw in self._kept):
            delta["extra_content"] = kept_content(self._kept)
        more = ending_of(ending.stop_reason, ending.stop_sequence)
        last = self._chunk(delta, has_content=False, finish=finish, more=more)
        return [last] if self._counted is None else [last, self._usage_chunk(self._counted)]

    def _usage_chunk(self, counted: Counted) -> Chunk:
        usage = Raw(_ENCODER.encode(usage_of(counted)))
        members: Made = {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": 0,
            "model": self._model,
            "choices": [],
            "usage": usage,
        }
        tier = tier_of(counted)
        if tier is not None:
            members["service_tier"] = tier
        members |= self._others
        read = read_usage(usage, Raw(_ENCODER.encode(tier)))
        facts = ChunkFacts(self._id, self._model, False, None, read, True)
        return Chunk(_ENCODER.encode(members), facts)

    def _text(self, text: str) -> list[Chunk]:
        self._text_length += len(text)
        return [self._chunk({"content": text})]

    def _arguments(self, call: int, piece: str) -> Chunk:
        return self._chunk({"tool_calls": [{"index": call, "function": {"arguments": piece}}]})

    def _chunk(
        self, delta: Made, *, has_content: bool = True, finish: str | None = None, more: Made | None = None
    ) -> Chunk:
        if not self._head:
            raise UpstreamBadResponse("The provider's stream does not begin with a message.")
        tail: Made = {"finish_reason": finish, **(more or {})}
        data = self._head + _ENCODER.encode(delta) + b"," + _ENCODER.encode(tail)[1:] + b"]}"
        return Chunk(data, ChunkFacts(self._id, self._model, has_content, finish, None, False))
