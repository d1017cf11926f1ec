"""The side of whoever serves OpenAI's chat completions."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)

from tests.matrix.scenes import Scene
from tests.matrix.wires.marks import missing, pieces, sse
from tests.providers.judge import faults


class OpenAiWire:
    """See `Wire`."""

    content_type = "text/event-stream; charset=utf-8"
    settings: Mapping[str, str] = MappingProxyType({})
    shows_reasoning = True

    def scene_of(self, path: str, body: bytes) -> str:
        assert path == "chat/completions"
        name: str = json.loads(body)["model"]
        return name

    def faults(self, scene: Scene, path: str, body: bytes) -> list[str]:
        asked = json.loads(body)
        kind = CompletionCreateParamsStreaming if asked.get("stream") else CompletionCreateParamsNonStreaming
        found = faults(asked, kind) + missing(scene, asked)
        if scene.effort and "reasoning_effort" not in asked:
            found.append("no reasoning is asked for")
        if scene.schema and asked.get("response_format", {}).get("type") != "json_schema":
            found.append("no schema is asked for")
        return found

    def is_stream(self, path: str, body: bytes) -> bool:
        return json.loads(body).get("stream") is True

    def answer(self, scene: Scene) -> bytes:
        said = scene.said
        message: dict[str, Any] = {"role": "assistant", "content": said.text or None, "refusal": None}
        if said.reasoning:
            message["reasoning_content"] = said.reasoning
        if said.calls:
            message["tool_calls"] = [self._call(number, call) for number, call in enumerate(said.calls)]
        choice = {"index": 0, "message": message, "finish_reason": said.finish, "logprobs": None}
        made = {**self._head(scene, "chat.completion"), "choices": [choice], "usage": self._usage(scene)}
        ChatCompletion.model_validate(made)
        return json.dumps(made).encode()

    def stream(self, scene: Scene) -> bytes:
        said = scene.said
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += ({"reasoning_content": piece} for piece in pieces(said.reasoning))
        deltas += ({"content": piece} for piece in pieces(said.text))
        for number, call in enumerate(said.calls):
            made = self._call(number, call)
            arguments = made["function"]["arguments"]
            made["function"] = {**made["function"], "arguments": ""}
            deltas.append({"tool_calls": [{"index": number, **made}]})
            deltas += (
                {"tool_calls": [{"index": number, "function": {"arguments": piece}}]} for piece in pieces(arguments)
            )
        body = b"".join(sse(self._chunk(scene, delta)) for delta in deltas)
        if scene.breaks:
            return body
        last = {**self._head(scene, "chat.completion.chunk"), "choices": [], "usage": self._usage(scene)}
        return body + sse(self._chunk(scene, {}, said.finish)) + sse(last) + b"data: [DONE]\n\n"

    def breakage(self) -> bytes:
        return sse({"error": {"message": "It broke.", "type": "server_error", "code": None, "param": None}})

    def error(self, scene: Scene) -> bytes:
        error = {"message": "That cannot be asked.", "type": "invalid_request_error", "param": None, "code": None}
        return json.dumps({"error": error}).encode()

    def _head(self, scene: Scene, kind: str) -> dict[str, Any]:
        return {"id": "chatcmpl-1", "object": kind, "created": 1763800000, "model": scene.name}

    def _call(self, number: int, call: tuple[str, str]) -> dict[str, Any]:
        return {"id": f"call_{number}", "type": "function", "function": {"name": call[0], "arguments": call[1]}}

    def _chunk(self, scene: Scene, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        made = {**self._head(scene, "chat.completion.chunk"), "choices": [choice]}
        ChatCompletionChunk.model_validate(made)
        return made

    def _usage(self, scene: Scene) -> dict[str, Any]:
        prompt, cached, completion, reasoning = scene.said.tokens
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": cached},
            "completion_tokens_details": {"reasoning_tokens": reasoning},
        }


WIRE = OpenAiWire()
