"""Anthropic's side of the Messages API."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from anthropic.types import Message
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming

from tests.matrix.scenes import SIGNATURE, Scene
from tests.matrix.wires.marks import missing, pieces, sse
from tests.providers.judge import faults

STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
EMPTY: dict[str, dict[str, Any]] = {
    "text": {"text": ""},
    "thinking": {"thinking": "", "signature": ""},
    "tool_use": {"input": {}},
}
"""What a block begins with."""
OLDER = ("temperature", "top_p", "top_k")


class AnthropicWire:
    """See `Wire`."""

    content_type = "text/event-stream; charset=utf-8"
    settings: Mapping[str, str] = MappingProxyType({})
    shows_reasoning = True

    def scene_of(self, path: str, body: bytes) -> str:
        assert path == "v1/messages"
        name: str = json.loads(body)["model"]
        return name

    def faults(self, scene: Scene, path: str, body: bytes) -> list[str]:
        asked = {name: value for name, value in json.loads(body).items() if name not in OLDER}
        kind = MessageCreateParamsStreaming if asked.get("stream") else MessageCreateParamsNonStreaming
        found = faults(asked, kind) + missing(scene, asked)
        if scene.effort and not ({"thinking", "output_config"} & set(asked)):
            found.append("no reasoning is asked for")
        if scene.schema and "format" not in asked.get("output_config", {}):
            found.append("no schema is asked for")
        return found

    def is_stream(self, path: str, body: bytes) -> bool:
        return json.loads(body).get("stream") is True

    def answer(self, scene: Scene) -> bytes:
        made = {**self._head(scene), "content": self._blocks(scene), "stop_reason": STOPS[scene.said.finish]}
        Message.model_validate(made)
        return json.dumps(made).encode()

    def stream(self, scene: Scene) -> bytes:
        usage = self._usage(scene)
        start = {**self._head(scene), "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
        events: list[dict[str, Any]] = [{"type": "message_start", "message": start}, {"type": "ping"}]
        for index, block in enumerate(self._blocks(scene)):
            events += self._block(index, block)
        if not scene.breaks:
            delta = {"stop_reason": STOPS[scene.said.finish], "stop_sequence": None}
            events += [{"type": "message_delta", "delta": delta, "usage": usage}, {"type": "message_stop"}]
        return b"".join(sse(event, event["type"]) for event in events)

    def breakage(self) -> bytes:
        return sse({"type": "error", "error": {"type": "api_error", "message": "It broke."}}, "error")

    def error(self, scene: Scene) -> bytes:
        error = {"type": "invalid_request_error", "message": "messages: that cannot be asked"}
        return json.dumps({"type": "error", "error": error, "request_id": "req_1"}).encode()

    def _head(self, scene: Scene) -> dict[str, Any]:
        return {"id": "msg_1", "type": "message", "role": "assistant", "model": scene.name, "stop_sequence": None,
                "usage": self._usage(scene)}  # fmt: skip

    def _usage(self, scene: Scene) -> dict[str, Any]:
        prompt, cached, completion, reasoning = scene.said.tokens
        return {"input_tokens": prompt - cached, "cache_read_input_tokens": cached, "cache_creation_input_tokens": 0,
                "output_tokens": completion, "output_tokens_details": {"thinking_tokens": reasoning}}  # fmt: skip

    def _blocks(self, scene: Scene) -> list[dict[str, Any]]:
        said, blocks = scene.said, []
        if said.reasoning:
            blocks.append({"type": "thinking", "thinking": said.reasoning, "signature": SIGNATURE})
        if said.text:
            blocks.append({"type": "text", "text": said.text})
        for number, (name, arguments) in enumerate(said.calls):
            blocks.append({"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": json.loads(arguments)})
        return blocks

    def _block(self, index: int, block: dict[str, Any]) -> list[dict[str, Any]]:
        kind = block["type"]
        events: list[dict[str, Any]] = [
            {"type": "content_block_start", "index": index, "content_block": {**block, **EMPTY[kind]}}
        ]
        deltas: list[dict[str, Any]] = []
        if kind == "text":
            deltas += ({"type": "text_delta", "text": piece} for piece in pieces(block["text"]))
        elif kind == "thinking":
            deltas += ({"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"]))
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        elif block["input"]:
            written = json.dumps(block["input"], ensure_ascii=False)
            deltas += ({"type": "input_json_delta", "partial_json": piece} for piece in pieces(written))
        events += ({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas)
        return [*events, {"type": "content_block_stop", "index": index}]


WIRE = AnthropicWire()
