"""Amazon's side of Converse."""

import base64
import json
import struct
import zlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

from tests.matrix.scenes import SIGNATURE, Scene
from tests.matrix.wires.marks import missing, pieces
from tests.unit.server.providers.bedrock.schema import faults, shape_of

Json = dict[str, Any]
STOPS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "content_filtered",
}
SIGNED = base64.b64encode(SIGNATURE.encode()).decode()


class BedrockWire:
    """See `Wire`."""

    content_type = "application/vnd.amazon.eventstream"
    settings: Mapping[str, str] = MappingProxyType({})
    shows_reasoning = True

    def scene_of(self, path: str, body: bytes) -> str:
        return unquote(path.split("/")[1])

    def faults(self, scene: Scene, path: str, body: bytes) -> list[str]:
        asked = json.loads(body)
        found = faults({"modelId": scene.name, **asked}, shape_of("Converse"))
        # How much to reason is told in each family's own way, and a scene's name is of no family.
        return missing(scene, asked) + ([found] if found else [])

    def is_stream(self, path: str, body: bytes) -> bool:
        return path.endswith("/converse-stream")

    def answer(self, scene: Scene) -> bytes:
        message = {"role": "assistant", "content": self._blocks(scene)}
        made = {"output": {"message": message}, "stopReason": STOPS[scene.said.finish], **self._metadata(scene)}
        assert faults(made, shape_of("Converse", is_output=True)) == ""
        return json.dumps(made).encode()

    def stream(self, scene: Scene) -> bytes:
        events: list[tuple[str, Json]] = [("messageStart", {"role": "assistant"})]
        for index, block in enumerate(self._blocks(scene)):
            events += self._block(index, block)
        if not scene.breaks:
            events += [("messageStop", {"stopReason": STOPS[scene.said.finish]}), ("metadata", self._metadata(scene))]
        for kind, body in events:
            assert faults(body, shape_of("ConverseStream", "stream", kind, is_output=True)) == ""
        return b"".join(framed({":message-type": "event", ":event-type": kind}, body) for kind, body in events)

    def breakage(self) -> bytes:
        headers = {":message-type": "exception", ":exception-type": "modelStreamErrorException"}
        return framed(headers, {"message": "It broke."})

    def error(self, scene: Scene) -> bytes:
        return json.dumps({"message": "That cannot be asked.", "__type": "ValidationException"}).encode()

    def _metadata(self, scene: Scene) -> Json:
        prompt, cached, completion, _ = scene.said.tokens
        usage = {
            "inputTokens": prompt - cached,
            "outputTokens": completion,
            "totalTokens": prompt + completion,
            "cacheReadInputTokens": cached,
            "cacheWriteInputTokens": 0,
        }
        return {"usage": usage, "metrics": {"latencyMs": 1}}

    def _blocks(self, scene: Scene) -> list[Json]:
        said = scene.said
        blocks: list[Json] = []
        if said.reasoning:
            blocks.append({"reasoningContent": {"reasoningText": {"text": said.reasoning, "signature": SIGNATURE}}})
        if said.text:
            blocks.append({"text": said.text})
        for number, (name, arguments) in enumerate(said.calls):
            use = {"toolUseId": f"tooluse_{number}", "name": name, "input": json.loads(arguments)}
            blocks.append({"toolUse": use})
        return blocks

    def _block(self, index: int, block: Json) -> list[tuple[str, Json]]:
        where = {"contentBlockIndex": index}
        deltas: list[Json] = []
        begun: list[tuple[str, Json]] = []
        if "text" in block:
            deltas += ({"text": piece} for piece in pieces(block["text"]))
        elif "toolUse" in block:
            use = block["toolUse"]
            start = {"toolUse": {"toolUseId": use["toolUseId"], "name": use["name"]}}
            begun.append(("contentBlockStart", {**where, "start": start}))
            written = json.dumps(use["input"], ensure_ascii=False) if use["input"] else ""
            deltas += ({"toolUse": {"input": piece}} for piece in pieces(written))
        else:
            text = block["reasoningContent"]["reasoningText"]
            deltas += ({"reasoningContent": {"text": piece}} for piece in pieces(text["text"]))
            deltas.append({"reasoningContent": {"signature": text["signature"]}})
        told = [("contentBlockDelta", {**where, "delta": delta}) for delta in deltas]
        return [*begun, *told, ("contentBlockStop", where)]


def framed(headers: Mapping[str, str], body: Json) -> bytes:
    """One message of the event stream."""
    head = b"".join(
        struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", 7, len(value)) + value.encode()
        for name, value in {**headers, ":content-type": "application/json"}.items()
    )
    payload = json.dumps(body, ensure_ascii=False).encode()
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + head + payload
    return message + struct.pack(">I", zlib.crc32(message))


WIRE = BedrockWire()
