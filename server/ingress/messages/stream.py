"""Chunks of a chat completion as the events of a message, in Anthropic's order.

State: nothing sent -> begun (message_start) -> a block is open, or none -> ended (message_stop). One block is open at a
time. Pieces of a parallel call wait until the call before them is whole, which its JSON tells; a call that nobody began
with a name waits for its name. What is held back goes out in order at the end, so that every block that starts stops.
Events of a provider that speaks Anthropic's form itself pass as they are, but that those of the end wait for it.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, Struct

from server.chat.estimate import estimate_tokens
from server.chat.request import ChatRequest
from server.ingress.messages.answer import ENCODER, Call, Choice, Completion, read_completion, text_of, with_metadata
from server.ingress.messages.content import carrying
from server.ingress.messages.view import RawMember
from server.ingress.messages.words import ChatUsage, message_id, read_usage, stop_reason, usage_of

Members = dict[str, Any]

_PING: Final = b'{"type":"ping"}'
_STOP: Final = b'{"type":"message_stop"}'
_ENDS: Final = ("}", "]", '"', " ", "\n")


class _Typed(Struct, gc=False):
    type: str = ""


_TYPED: Final = msgspec.json.Decoder(_Typed)


class _Waiting:
    """A call whose pieces cannot go out yet, or the one that is going out."""

    __slots__ = ("arguments", "extra", "id", "name", "sent")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.arguments = ""
        self.extra: RawMember = UNSET
        self.sent = 0

    def take(self, call: Call) -> None:
        self.id = self.id or call.id or ""
        self.extra = call.extra_content or self.extra
        said = call.function or call.custom
        if said is not None:
            self.name = self.name or said.name or ""
            self.arguments += said.arguments or said.input or ""

    def is_whole(self) -> bool:
        if not self.arguments.endswith(_ENDS):
            return False
        try:
            msgspec.json.decode(self.arguments)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        return True


class MessageEvents:
    """Follows one stream. `feed` takes the data of chunks, `finish` closes what is open; both give events' data."""

    def __init__(self, request: ChatRequest) -> None:
        self._request = request
        self._id = ""
        self._index = -1
        self._open = ""
        self._calls: dict[int, _Waiting] = {}
        self._current: int | None = None
        self._done: set[int] = set()
        self._finish = Choice()
        self._usage: ChatUsage | None = None
        self._tier: str | None = None
        self._metadata: RawMember = UNSET
        self._is_begun = False
        self._ending: list[Raw] = []

    def feed(self, chunks: Iterable[bytes]) -> list[bytes]:
        """The events that chunks are."""
        out: list[bytes] = []
        for data in chunks:
            chunk = read_completion(data)
            self._metadata = chunk.gateway_metadata or self._metadata
            if isinstance(chunk.native, Raw):
                self._pass(chunk.native, out)
                continue
            if self._ending:
                continue
            if not self._is_begun:
                self._begin(chunk, out)
            self._usage = read_usage(chunk.usage) or self._usage
            self._tier = chunk.service_tier or self._tier
            for choice in chunk.choices[:1]:
                self._say(choice, out)
        return out

    def finish(self) -> list[bytes]:
        """The end of a stream that is whole."""
        if self._ending:
            return [with_metadata(self._ending[0], self._metadata), *(bytes(event) for event in self._ending[1:])]
        out: list[bytes] = []
        if not self._is_begun:
            self._begin(Completion(), out)
        self._flush(out)
        self._close(out)
        ended = self._finish
        event: Members = {
            "type": "message_delta",
            "delta": {
                "stop_reason": stop_reason(ended, has_calls=bool(self._done)),
                "stop_sequence": ended.stop_sequence,
            },
            "usage": usage_of(self._usage or ChatUsage(estimate_tokens(self._request), 0), self._tier),
        }
        if isinstance(self._metadata, Raw):
            event["gateway_metadata"] = self._metadata
        return [*out, ENCODER.encode(event), _STOP]

    def _pass(self, event: Raw, out: list[bytes]) -> None:
        """Passes an event of the provider's own on; from that on which tells the end, they wait for it."""
        self._is_begun = True
        if self._ending or _TYPED.decode(event).type == "message_delta":
            self._ending.append(event)
        else:
            out.append(bytes(event))

    def _begin(self, chunk: Completion, out: list[bytes]) -> None:
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
        out += [ENCODER.encode({"type": "message_start", "message": message}), _PING]

    def _say(self, choice: Choice, out: list[bytes]) -> None:
        if choice.finish_reason:
            self._finish = choice
        said = choice.delta
        if said is None:
            return
        if thought := said.thought():
            self._piece("thinking", "thinking_delta", "thinking", thought, out)
        for raw in said.thinking_blocks or ():
            self._sign(raw, out)
        if said.reasoning_items:
            self._whole({"type": "redacted_thinking", "data": carrying(said.reasoning_items)}, out)
        if text := text_of(said):
            self._piece("text", "text_delta", "text", text, out)
        for call in said.tool_calls or ():
            self._call(call, out)

    def _piece(self, kind: str, delta: str, member: str, text: str, out: list[bytes]) -> None:
        if self._open != kind:
            self._flush(out)
            block = {"type": kind, member: ""}
            self._start(block | {"signature": ""} if kind == "thinking" else block, out)
        self._delta({"type": delta, member: text}, out)

    def _sign(self, raw: Raw, out: list[bytes]) -> None:
        """A whole signed block: its text has gone out already, or goes out now."""
        block: Members = msgspec.json.decode(raw)
        if block.get("type") != "thinking":
            self._whole(raw, out)
            return
        if self._open != "thinking":
            self._piece("thinking", "thinking_delta", "thinking", block.get("thinking") or "", out)
        self._delta({"type": "signature_delta", "signature": block.get("signature") or ""}, out)
        self._close(out)

    def _whole(self, block: Any, out: list[bytes]) -> None:
        self._flush(out)
        self._start(block, out)
        self._close(out)

    def _call(self, call: Call, out: list[bytes]) -> None:
        number = self._number(call)
        waiting = self._calls.setdefault(number, _Waiting())
        waiting.take(call)
        if number in self._done:
            return
        if self._current is None or (number != self._current and self._calls[self._current].is_whole()):
            self._advance(out)
        if number == self._current or self._current is None:
            self._send(number, out)

    def _number(self, call: Call) -> int:
        """Which call a piece belongs to: by its index, else a new id begins a new call."""
        if call.index is not None:
            return call.index
        last = max(self._calls, default=-1)
        is_new = last < 0 or (bool(call.id) and self._calls[last].id not in ("", call.id))
        return last + 1 if is_new else last

    def _advance(self, out: list[bytes]) -> None:
        """Ends the call that is going out; the next one may."""
        if self._current is not None:
            self._done.add(self._current)
            self._current = None
            self._close(out)

    def _send(self, number: int, out: list[bytes]) -> None:
        """Sends what is there of a call, once it has a name."""
        waiting = self._calls[number]
        if self._current is None:
            if not waiting.name:
                return
            self._start(self._tool_block(number, waiting), out)
            self._current = number
        if len(waiting.arguments) > waiting.sent:
            piece = waiting.arguments[waiting.sent :]
            waiting.sent = len(waiting.arguments)
            self._delta({"type": "input_json_delta", "partial_json": piece}, out)

    def _tool_block(self, number: int, waiting: _Waiting) -> Members:
        call_id = waiting.id or f"toolu_{self._id.removeprefix('msg_')}_{number}"
        block: Members = {"type": "tool_use", "id": call_id, "name": waiting.name, "input": {}}
        if isinstance(waiting.extra, Raw):
            block["extra_content"] = waiting.extra
        return block

    def _flush(self, out: list[bytes]) -> None:
        """Sends every call that waits, in order."""
        self._advance(out)
        for number in sorted(self._calls):
            if number not in self._done and self._calls[number].name:
                self._send(number, out)
                self._advance(out)

    def _start(self, block: Any, out: list[bytes]) -> None:
        self._close(out)
        self._index += 1
        self._open = block["type"] if isinstance(block, dict) else "block"
        out.append(ENCODER.encode({"type": "content_block_start", "index": self._index, "content_block": block}))

    def _delta(self, delta: Members, out: list[bytes]) -> None:
        out.append(ENCODER.encode({"type": "content_block_delta", "index": self._index, "delta": delta}))

    def _close(self, out: list[bytes]) -> None:
        if self._open:
            self._open = ""
            out.append(ENCODER.encode({"type": "content_block_stop", "index": self._index}))
