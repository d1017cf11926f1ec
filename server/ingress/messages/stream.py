"""Chunks of a chat completion as the events of a message, in Anthropic's order.

State: nothing sent -> begun (message_start) -> a block is open, or none -> ended (message_stop). One block is open at a
time, and every block that starts stops; pieces of parallel calls that come mixed are sorted. Events of a provider that
speaks Anthropic's form itself pass as they are, but that those of the end wait for it.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, Struct

from server.chat.estimate import estimate_tokens
from server.chat.request import ChatRequest
from server.ingress.calls import CallQueue, PendingCall
from server.ingress.carried import Carried, pack
from server.ingress.chat_answer import ChatUsage, Choice, Completion, RawMember, read_completion, read_usage
from server.ingress.messages.alike import Alike
from server.ingress.messages.answer import ENCODER, text_of, with_metadata
from server.ingress.messages.words import message_id, stop_reason, usage_of

Members = dict[str, Any]

_PING: Final = b'{"type":"ping"}'
_STOP: Final = b'{"type":"message_stop"}'
_BEFORE_TEXT: Final = b'{"type":"content_block_delta","index":%d,"delta":{"type":"text_delta","text":"'
_AFTER_TEXT: Final = b'"}}'


class _Typed(Struct, gc=False):
    type: str = ""


_TYPED: Final = msgspec.json.Decoder(_Typed)


class MessageEvents:
    """Follows one stream. `feed` takes the data of chunks, `finish` closes what is open; both give events' data."""

    def __init__(self, request: ChatRequest) -> None:
        self._request = request
        self._out: list[bytes] = []
        self._calls = CallQueue(self)
        self._id = ""
        self._index = -1
        self._open = ""
        self._finish = Choice()
        self._usage: ChatUsage | None = None
        self._tier: str | None = None
        self._metadata: RawMember = UNSET
        self._is_begun = False
        self._ending: list[Raw] = []
        self._alike = Alike()
        self._before_text = b""

    def feed(self, chunks: Iterable[bytes]) -> list[bytes]:
        """The events that chunks are."""
        for data in chunks:
            if self._open == "text" and (text := self._alike.text_of(data)) is not None:
                self._out.append(self._before_text + text + _AFTER_TEXT)
                continue
            chunk = read_completion(data)
            self._metadata = chunk.gateway_metadata or self._metadata
            if isinstance(chunk.native, Raw):
                self._pass(chunk.native)
            elif not self._ending:
                self._take(chunk)
                self._alike.learn(data, chunk)
        return self._taken()

    def finish(self) -> list[bytes]:
        """The end of a stream that is whole."""
        if self._ending:
            return [with_metadata(self._ending[0], self._metadata), *(bytes(event) for event in self._ending[1:])]
        if not self._is_begun:
            self._begin(Completion())
        self._calls.flush()
        self._close()
        ended = self._finish
        event: Members = {
            "type": "message_delta",
            "delta": {
                "stop_reason": stop_reason(ended, has_calls=self._calls.has_calls),
                "stop_sequence": ended.stop_sequence,
            },
            "usage": usage_of(self._usage or ChatUsage(estimate_tokens(self._request), 0), self._tier),
        }
        if isinstance(self._metadata, Raw):
            event["gateway_metadata"] = self._metadata
        return [*self._taken(), ENCODER.encode(event), _STOP]

    def start_call(self, call: PendingCall) -> None:
        """See `CallWriter.start_call`."""
        call_id = call.id or f"toolu_{self._id.removeprefix('msg_')}_{call.number}"
        block: Members = {"type": "tool_use", "id": call_id, "name": call.name, "input": {}}
        if isinstance(call.extra, Raw):
            block["extra_content"] = call.extra
        self._start(block)

    def call_piece(self, call: PendingCall, piece: str) -> None:
        """See `CallWriter.call_piece`."""
        self._delta({"type": "input_json_delta", "partial_json": piece})

    def end_call(self, call: PendingCall) -> None:
        """See `CallWriter.end_call`."""
        self._close()

    def _taken(self) -> list[bytes]:
        out, self._out = self._out, []
        return out

    def _take(self, chunk: Completion) -> None:
        if not self._is_begun:
            self._begin(chunk)
        self._usage = read_usage(chunk.usage) or self._usage
        self._tier = chunk.service_tier or self._tier
        for choice in chunk.choices[:1]:
            self._say(choice)

    def _pass(self, event: Raw) -> None:
        """Passes an event of the provider's own on; from that on which tells the end, they wait for it."""
        self._is_begun = True
        if self._ending or _TYPED.decode(event).type == "message_delta":
            self._ending.append(event)
        else:
            self._out.append(bytes(event))

    def _begin(self, chunk: Completion) -> None:
        self._is_begun = True
        self._id = message_id(chunk.id)
        usage = read_usage(chunk.usage) or ChatUsage(estimate_tokens(self._request), 0)
        message: Members = {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": chunk.model or "",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage_of(usage, chunk.service_tier),
        }
        self._out += [ENCODER.encode({"type": "message_start", "message": message}), _PING]

    def _say(self, choice: Choice) -> None:
        if choice.finish_reason:
            self._finish = choice
        said = choice.delta
        if said is None:
            return
        if thought := said.thought():
            self._piece("thinking", "thinking_delta", "thinking", thought)
        for raw in said.thinking_blocks or ():
            self._sign(raw)
        if said.reasoning_items:
            self._whole({"type": "redacted_thinking", "data": pack(Carried(reasoning_items=said.reasoning_items))})
        if text := text_of(said):
            self._piece("text", "text_delta", "text", text)
        for call in said.tool_calls or ():
            self._calls.take(call)

    def _piece(self, kind: str, delta: str, member: str, text: str) -> None:
        if self._open != kind:
            self._calls.flush()
            block = {"type": kind, member: ""}
            self._start(block | {"signature": ""} if kind == "thinking" else block)
        self._delta({"type": delta, member: text})

    def _sign(self, raw: Raw) -> None:
        """A whole signed block: its text has gone out already, or goes out now."""
        block: Members = msgspec.json.decode(raw)
        if block.get("type") != "thinking":
            self._whole(raw)
            return
        if self._open != "thinking":
            self._piece("thinking", "thinking_delta", "thinking", block.get("thinking") or "")
        self._delta({"type": "signature_delta", "signature": block.get("signature") or ""})
        self._close()

    def _whole(self, block: Any) -> None:
        self._calls.flush()
        self._start(block)
        self._close()

    def _start(self, block: Any) -> None:
        self._close()
        self._index += 1
        self._open = block["type"] if isinstance(block, dict) else "block"
        self._before_text = _BEFORE_TEXT % self._index
        self._out.append(ENCODER.encode({"type": "content_block_start", "index": self._index, "content_block": block}))

    def _delta(self, delta: Members) -> None:
        self._out.append(ENCODER.encode({"type": "content_block_delta", "index": self._index, "delta": delta}))

    def _close(self) -> None:
        if self._open:
            self._open = ""
            self._out.append(ENCODER.encode({"type": "content_block_stop", "index": self._index}))
