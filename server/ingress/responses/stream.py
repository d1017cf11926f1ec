"""Chunks of a chat completion as the events of a response, numbered from 0.

State: nothing sent -> begun (created, in_progress) -> an item is open, or none -> ended (completed or incomplete). One
item is open at a time, and everything that is added is done; pieces of parallel calls that come mixed are sorted.
Events of a provider of the Responses API pass as they are, but that the last one waits for the end.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, Struct

from server.chat.estimate import estimate_tokens
from server.chat.request import ChatRequest
from server.errors import PerpetuoError
from server.ingress.calls import CallQueue, PendingCall
from server.ingress.carried import Carried
from server.ingress.chat_answer import ChatUsage, Choice, Completion, RawMember, read_completion, read_usage
from server.ingress.responses.answer import ENCODER, call_item, message_item, reasoning_item, text_part, with_metadata
from server.ingress.responses.frame import Frame
from server.ingress.responses.words import annotation_of, error_code, incomplete_reason, usage_of

Members = dict[str, Any]

_ENDS: Final = frozenset({"response.completed", "response.incomplete"})


_NULL: Final = Raw(b"null")


class _Typed(Struct, gc=False):
    type: str = ""
    response: Raw = _NULL


_TYPED: Final = msgspec.json.Decoder(_Typed)
_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])


class ResponseEvents:
    """Follows one stream. `feed` takes the data of chunks, `finish` closes what is open; both give events' data.

    `result` is the whole response once the stream has ended.
    """

    def __init__(self, request: ChatRequest, frame: Frame) -> None:
        self.result = b""
        self._request = request
        self._frame = frame
        self._out: list[bytes] = []
        self._number = 0
        self._output: list[Members] = []
        self._calls = CallQueue(self)
        self._reasoning: _Reasoning | None = None
        self._message: _Message | None = None
        self._call: Members = {}
        self._finish = Choice()
        self._usage: ChatUsage | None = None
        self._tier: str | None = None
        self._metadata: RawMember = UNSET
        self._is_begun = False
        self._ending: Raw | None = None

    def feed(self, chunks: Iterable[bytes]) -> list[bytes]:
        """The events that chunks are."""
        for data in chunks:
            chunk = read_completion(data)
            self._metadata = chunk.gateway_metadata or self._metadata
            if isinstance(chunk.native, Raw):
                self._pass(chunk.native)
            elif self._ending is None:
                self._take(chunk)
        return self._taken()

    def finish(self) -> list[bytes]:
        """The end of a stream that is whole."""
        if self._ending is not None:
            return [self._native_end(self._ending)]
        if not self._is_begun:
            self._begin(Completion())
        self._close()
        reason = incomplete_reason(self._finish)
        members: Members = {"usage": usage_of(self._usage or ChatUsage(estimate_tokens(self._request), 0))}
        if reason is not None:
            members["incomplete_details"] = {"reason": reason}
        if self._tier is not None:
            members["service_tier"] = self._tier
        if isinstance(self._metadata, Raw):
            members["gateway_metadata"] = self._metadata
        status = "completed" if reason is None else "incomplete"
        response = self._frame.snapshot(status, self._output, **members)
        self.result = ENCODER.encode(response)
        self.emit(f"response.{status}", response=Raw(self.result))
        return self._taken()

    def failed(self, error: PerpetuoError) -> list[bytes]:
        """The event of a response that failed after it began; none if it had not begun, or another one tells it."""
        if not self._is_begun or self._number == 0:
            return []
        fault = {"code": error_code(error.reason), "message": error.message}
        response = self._frame.snapshot("failed", self._output, error=fault, store=False)
        self.emit("response.failed", response=response)
        return self._taken()

    def start_call(self, call: PendingCall) -> None:
        """See `CallWriter.start_call`."""
        self._close_said()
        place = len(self._output)
        self._call = {
            "item_id": self._frame.item_id("ctc" if call.is_custom else "fc", place),
            "call_id": call.id or self._frame.item_id("call", place),
            "name": call.name,
            "is_custom": call.is_custom,
            "extra": call.extra,
        }
        self._add(call_item(self._call["item_id"], self._call, "", "in_progress"))

    def call_piece(self, call: PendingCall, piece: str) -> None:
        """See `CallWriter.call_piece`."""
        kind = "custom_tool_call_input" if call.is_custom else "function_call_arguments"
        self.emit(f"response.{kind}.delta", **self._at(), delta=piece)

    def end_call(self, call: PendingCall) -> None:
        """See `CallWriter.end_call`."""
        if call.is_custom:
            self.emit("response.custom_tool_call_input.done", **self._at(), input=call.arguments)
        else:
            self.emit("response.function_call_arguments.done", **self._at(), arguments=call.arguments)
        self._done(call_item(self._call["item_id"], self._call, call.arguments, "completed"))

    def _take(self, chunk: Completion) -> None:
        if not self._is_begun:
            self._begin(chunk)
        self._usage = read_usage(chunk.usage) or self._usage
        self._tier = chunk.service_tier or self._tier
        for choice in chunk.choices[:1]:
            self._say(choice)

    def _begin(self, chunk: Completion) -> None:
        self._is_begun = True
        self._frame.created_at, self._frame.model = chunk.created, chunk.model or ""
        for kind in ("created", "in_progress"):
            self.emit(f"response.{kind}", response=self._frame.snapshot("in_progress", []))

    def _say(self, choice: Choice) -> None:
        if choice.finish_reason:
            self._finish = choice
        said = choice.delta
        if said is None:
            return
        carried = Carried(said.thinking_blocks or [], said.reasoning_items or [])
        if said.thought() or carried != Carried():
            self._open_reasoning().take(said.thought(), carried)
        if text := said.text():
            logprobs = choice.logprobs.content if choice.logprobs is not None else None
            self._open_message().text(text, logprobs or [])
        for raw in said.annotations or ():
            self._open_message().cite(annotation_of(raw))
        if said.refusal:
            self._open_message().refuse(said.refusal)
        for call in said.tool_calls or ():
            self._calls.take(call)

    def _open_reasoning(self) -> "_Reasoning":
        if self._reasoning is None:
            self._close()
            item_id = self._frame.item_id("rs", len(self._output))
            self._add({"type": "reasoning", "id": item_id, "summary": []})
            self._reasoning = _Reasoning(self, item_id, len(self._output))
        return self._reasoning

    def _open_message(self) -> "_Message":
        if self._message is None:
            self._close()
            item_id = self._frame.item_id("msg", len(self._output))
            self._add(message_item(item_id, [], "in_progress"))
            self._message = _Message(self, item_id, len(self._output))
        return self._message

    def _close(self) -> None:
        """Closes whatever is open, calls that wait included."""
        self._close_said()
        self._calls.flush()

    def _close_said(self) -> None:
        if self._reasoning is not None:
            reasoning, self._reasoning = self._reasoning, None
            self._done(reasoning.close())
        if self._message is not None:
            message, self._message = self._message, None
            status = "completed" if incomplete_reason(self._finish) is None else "incomplete"
            self._done(message.close(status))

    def _at(self) -> Members:
        return {"item_id": self._call["item_id"], "output_index": len(self._output)}

    def _add(self, item: Members) -> None:
        self.emit("response.output_item.added", output_index=len(self._output), item=item)

    def _done(self, item: Members) -> None:
        self.emit("response.output_item.done", output_index=len(self._output), item=item)
        self._output.append(item)

    def emit(self, kind: str, **members: Any) -> None:
        """Numbers an event and sends it."""
        self._out.append(ENCODER.encode({"type": kind, "sequence_number": self._number, **members}))
        self._number += 1

    def _taken(self) -> list[bytes]:
        out, self._out = self._out, []
        return out

    def _pass(self, event: Raw) -> None:
        """Passes an event of the provider's own on; the last one waits for the end."""
        self._is_begun = True
        typed = _TYPED.decode(event)
        if typed.type in _ENDS:
            self._ending = event
        elif typed.response == _NULL or (own := self._frame.own(typed.response)) is typed.response:
            self._out.append(bytes(event))
        else:
            self._out.append(ENCODER.encode({**_MEMBERS.decode(event), "response": own}))

    def _native_end(self, event: Raw) -> bytes:
        members: Members = {**_MEMBERS.decode(event)}
        self.result = with_metadata(self._frame.own(members["response"]), self._metadata)
        return ENCODER.encode({**members, "response": Raw(self.result)})


class _Reasoning:
    """An item of reasoning that is open."""

    def __init__(self, events: ResponseEvents, item_id: str, place: int) -> None:
        self._emit = events.emit
        self._at: Members = {"item_id": item_id, "output_index": place, "summary_index": 0}
        self._text = ""
        self._carried = Carried()

    def take(self, text: str, carried: Carried) -> None:
        """More of it."""
        self._carried = Carried(
            [*self._carried.thinking_blocks, *carried.thinking_blocks],
            [*self._carried.reasoning_items, *carried.reasoning_items],
        )
        if not text:
            return
        if not self._text:
            part = {"type": "summary_text", "text": ""}
            self._emit("response.reasoning_summary_part.added", **self._at, part=part)
        self._text += text
        self._emit("response.reasoning_summary_text.delta", **self._at, delta=text)

    def close(self) -> Members:
        """The whole item."""
        if self._text:
            part = {"type": "summary_text", "text": self._text}
            self._emit("response.reasoning_summary_text.done", **self._at, text=self._text)
            self._emit("response.reasoning_summary_part.done", **self._at, part=part)
        return reasoning_item(self._at["item_id"], self._text, self._carried)


class _Message:
    """An item of what is said that is open, with its parts."""

    def __init__(self, events: ResponseEvents, item_id: str, place: int) -> None:
        self._emit = events.emit
        self._at: Members = {"item_id": item_id, "output_index": place, "content_index": 0}
        self._parts: list[Members] = []
        self._kind = ""
        self._text = ""
        self._cited: list[Any] = []
        self._logprobs: list[Raw] = []

    def text(self, text: str, logprobs: list[Raw]) -> None:
        """More text."""
        self._open("output_text")
        self._text += text
        self._logprobs += logprobs
        told = text_part(text, [], logprobs).get("logprobs", [])
        self._emit("response.output_text.delta", **self._at, delta=text, logprobs=told)

    def cite(self, annotation: Any) -> None:
        """What the text cites."""
        self._open("output_text")
        place = len(self._cited)
        self._cited.append(annotation)
        self._emit("response.output_text.annotation.added", **self._at, annotation_index=place, annotation=annotation)

    def refuse(self, text: str) -> None:
        """More of a refusal."""
        self._open("refusal")
        self._text += text
        self._emit("response.refusal.delta", **self._at, delta=text)

    def close(self, status: str) -> Members:
        """The whole item."""
        self._close_part()
        return message_item(self._at["item_id"], self._parts, status)

    def _open(self, kind: str) -> None:
        if self._kind == kind:
            return
        self._close_part()
        self._kind = kind
        self._at["content_index"] = len(self._parts)
        part = text_part("", [], []) if kind == "output_text" else {"type": "refusal", "refusal": ""}
        self._emit("response.content_part.added", **self._at, part=part)

    def _close_part(self) -> None:
        if not self._kind:
            return
        if self._kind == "output_text":
            part = text_part(self._text, self._cited, self._logprobs)
            told = part.get("logprobs", [])
            self._emit("response.output_text.done", **self._at, text=self._text, logprobs=told)
        else:
            part = {"type": "refusal", "refusal": self._text}
            self._emit("response.refusal.done", **self._at, refusal=self._text)
        self._emit("response.content_part.done", **self._at, part=part)
        self._parts.append(part)
        self._kind, self._text, self._cited, self._logprobs = "", "", [], []
