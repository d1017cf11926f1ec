"""Cohere's side of its chat, version 2."""

import inspect
import json
import typing
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from cohere.v2.client import V2Client
from cohere.v2.types.v2chat_response import V2ChatResponse
from cohere.v2.types.v2chat_stream_response import V2ChatStreamResponse

from tests.matrix.scenes import Scene
from tests.matrix.wires.marks import missing, pieces, sse
from tests.providers.judge import faults

Json = dict[str, Any]
STOPS = {"stop": "COMPLETE", "length": "MAX_TOKENS", "tool_calls": "TOOL_CALL", "content_filter": "ERROR_TOXIC"}
HINTS = typing.get_type_hints(V2Client.chat)
TAKEN = set(inspect.signature(V2Client.chat).parameters) - {"self", "request_options"}


def judged(asked: Json) -> list[str]:
    """What the SDK would not have sent."""
    found = [f"{name}: unknown" for name in asked.keys() - TAKEN - {"stream"}]
    return found + [fault for name in asked.keys() & TAKEN for fault in faults(asked[name], HINTS[name], name)]


class CohereWire:
    """See `Wire`."""

    content_type = "text/event-stream; charset=utf-8"
    settings: Mapping[str, str] = MappingProxyType({})
    shows_reasoning = True

    def scene_of(self, path: str, body: bytes) -> str:
        assert path == "v2/chat"
        name: str = json.loads(body)["model"]
        return name

    def faults(self, scene: Scene, path: str, body: bytes) -> list[str]:
        asked = json.loads(body)
        found = judged(asked) + missing(scene, asked)
        if scene.effort and asked.get("thinking", {}).get("type") != "enabled":
            found.append("no reasoning is asked for")
        if scene.schema and "json_schema" not in asked.get("response_format", {}):
            found.append("no schema is asked for")
        return found

    def is_stream(self, path: str, body: bytes) -> bool:
        return json.loads(body).get("stream") is True

    def answer(self, scene: Scene) -> bytes:
        said = scene.said
        message: Json = {"role": "assistant"}
        content: list[Json] = []
        if said.reasoning:
            content.append({"type": "thinking", "thinking": said.reasoning})
        if said.text:
            content.append({"type": "text", "text": said.text})
        if content:
            message["content"] = content
        if said.calls:
            message["tool_calls"] = [self._call(number, call) for number, call in enumerate(said.calls)]
        made = {"id": "c-1", "finish_reason": STOPS[said.finish], "message": message, "usage": self._usage(scene)}
        assert faults(made, V2ChatResponse) == []
        return json.dumps(made).encode()

    def stream(self, scene: Scene) -> bytes:
        said = scene.said
        events: list[Json] = [{"type": "message-start", "id": "c-1", "delta": {"message": {"role": "assistant"}}}]
        for index, (kind, text) in enumerate(
            pair for pair in (("thinking", said.reasoning), ("text", said.text)) if pair[1]
        ):
            events += self._content(index, kind, text)
        for number, call in enumerate(said.calls):
            events += self._called(number, self._call(number, call))
        if not scene.breaks:
            end = {"finish_reason": STOPS[said.finish], "usage": self._usage(scene)}
            events.append({"type": "message-end", "delta": end})
        for event in events:
            assert faults(event, V2ChatStreamResponse) == []
        return b"".join(sse(event, event["type"]) for event in events)

    def breakage(self) -> bytes:
        event = {"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "It broke."}}
        assert faults(event, V2ChatStreamResponse) == []
        return sse(event, "message-end")

    def error(self, scene: Scene) -> bytes:
        return json.dumps({"id": "e-1", "message": "invalid request: that cannot be asked."}).encode()

    def _call(self, number: int, call: tuple[str, str]) -> Json:
        return {"id": f"{call[0]}_{number}", "type": "function", "function": {"name": call[0], "arguments": call[1]}}

    def _content(self, index: int, kind: str, text: str) -> list[Json]:
        begun = {"message": {"content": {"type": kind, kind: ""}}}
        deltas = ({"message": {"content": {kind: piece}}} for piece in pieces(text))
        return [
            {"type": "content-start", "index": index, "delta": begun},
            *({"type": "content-delta", "index": index, "delta": delta} for delta in deltas),
            {"type": "content-end", "index": index},
        ]

    def _called(self, number: int, call: Json) -> list[Json]:
        function = call["function"]
        written = function["arguments"] if json.loads(function["arguments"]) else ""
        begun = {"message": {"tool_calls": {**call, "function": {**function, "arguments": ""}}}}
        deltas = ({"message": {"tool_calls": {"function": {"arguments": piece}}}} for piece in pieces(written))
        return [
            {"type": "tool-call-start", "index": number, "delta": begun},
            *({"type": "tool-call-delta", "index": number, "delta": delta} for delta in deltas),
            {"type": "tool-call-end", "index": number},
        ]

    def _usage(self, scene: Scene) -> Json:
        prompt, cached, completion, _ = scene.said.tokens
        billed = {"input_tokens": float(prompt), "output_tokens": float(completion)}
        used = {"input_tokens": float(prompt + 1000), "output_tokens": float(completion + 5)}
        return {"billed_units": billed, "tokens": used, "cached_tokens": float(cached)}


WIRE = CohereWire()
