"""Google's side of the Gemini API."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from google.genai import types

from tests.matrix.scenes import SIGNATURE, Scene
from tests.matrix.wires.marks import missing, pieces, sse
from tests.unit.server.providers.google.asked import judge

STOPS = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}


class GoogleWire:
    """See `Wire`."""

    content_type = "text/event-stream"
    settings: Mapping[str, str] = MappingProxyType({})
    shows_reasoning = True

    def scene_of(self, path: str, body: bytes) -> str:
        return path.removeprefix("models/").partition(":")[0]

    def faults(self, scene: Scene, path: str, body: bytes) -> list[str]:
        asked = json.loads(body)
        judge(asked)
        found = missing(scene, asked)
        config = asked.get("generationConfig", {})
        if scene.effort and "thinkingConfig" not in config:
            found.append("no reasoning is asked for")
        if scene.schema and "responseJsonSchema" not in config:
            found.append("no schema is asked for")
        return found

    def is_stream(self, path: str, body: bytes) -> bool:
        return path.endswith(":streamGenerateContent?alt=sse")

    def answer(self, scene: Scene) -> bytes:
        return json.dumps(self._piece(scene, self._parts(scene), is_last=True)).encode()

    def stream(self, scene: Scene) -> bytes:
        events: list[dict[str, Any]] = []
        for part in self._parts(scene):
            if "text" in part:
                events += (self._piece(scene, [{**part, "text": text}]) for text in pieces(part["text"]))
            else:
                events.append(self._piece(scene, [part]))
        if not scene.breaks:
            events.append(self._piece(scene, [{"text": ""}], is_last=True))
        return b"".join(sse(event) for event in events)

    def breakage(self) -> bytes:
        return sse({"error": {"code": 500, "message": "It broke.", "status": "INTERNAL"}})

    def error(self, scene: Scene) -> bytes:
        error = {"code": scene.status, "message": "That cannot be asked.", "status": "INVALID_ARGUMENT"}
        return json.dumps({"error": error}).encode()

    def _parts(self, scene: Scene) -> list[dict[str, Any]]:
        said, parts = scene.said, []
        if said.reasoning:
            parts.append({"text": said.reasoning, "thought": True})
        if said.text:
            parts.append({"text": said.text})
        for number, (name, arguments) in enumerate(said.calls):
            part: dict[str, Any] = {"functionCall": {"name": name, "args": json.loads(arguments)}}
            parts.append(part if number or not said.reasoning else {**part, "thoughtSignature": SIGNATURE})
        return parts

    def _piece(self, scene: Scene, parts: list[dict[str, Any]], *, is_last: bool = False) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
        made: dict[str, Any] = {"candidates": [candidate], "modelVersion": scene.name, "responseId": "r1"}
        if is_last:
            prompt, cached, completion, reasoning = scene.said.tokens
            candidate["finishReason"] = STOPS[scene.said.finish]
            made["usageMetadata"] = {
                "promptTokenCount": prompt,
                "cachedContentTokenCount": cached,
                "candidatesTokenCount": completion - reasoning,
                "thoughtsTokenCount": reasoning,
                "totalTokenCount": prompt + completion,
            }
        types.GenerateContentResponse.model_validate(made)
        return made


WIRE = GoogleWire()
