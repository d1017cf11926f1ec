"""Mistral's side of its chat completions: thoughts in chunks of the content, and ids of nine characters."""

import json
from typing import Any

from mistralai.client.models import (
    ChatCompletionRequest,
    ChatCompletionResponse,
    ChatCompletionStreamRequest,
    CompletionChunk,
)

from tests.matrix.scenes import SIGNATURE, Scene
from tests.matrix.wires.marks import missing, pieces, sse
from tests.matrix.wires.openai import OpenAiWire
from tests.providers.judge import faults

Json = dict[str, Any]
ID_CHARS = 9


def thinking(text: str, **members: object) -> Json:
    """A chunk of what was thought."""
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}], **members}


class MistralWire(OpenAiWire):
    """See `Wire`."""

    def faults(self, scene: Scene, path: str, body: bytes) -> list[str]:
        asked = json.loads(body)
        found = faults(asked, ChatCompletionStreamRequest if asked.get("stream") else ChatCompletionRequest)
        found += missing(scene, asked) + self._odd_ids(asked)
        if scene.effort and "reasoning_effort" not in asked:
            found.append("no reasoning is asked for")
        if scene.schema and asked.get("response_format", {}).get("type") != "json_schema":
            found.append("no schema is asked for")
        return found

    def _odd_ids(self, asked: Json) -> list[str]:
        """Ids that Mistral refuses, and results without their call."""
        called = [call["id"] for message in asked["messages"] for call in message.get("tool_calls") or ()]
        told = [message["tool_call_id"] for message in asked["messages"] if message["role"] == "tool"]
        odd = [f"the id {each!r}" for each in called + told if len(each) != ID_CHARS or not each.isalnum()]
        return odd if called == told else [*odd, f"{called} are not {told}"]

    def answer(self, scene: Scene) -> bytes:
        made: Json = json.loads(super().answer(scene))
        said, [choice] = scene.said, made["choices"]
        message: Json = {"role": "assistant", "content": said.text, "tool_calls": None, "prefix": False}
        if said.reasoning:
            content = [thinking(said.reasoning, signature=SIGNATURE, closed=True)]
            message["content"] = [*content, {"type": "text", "text": said.text}] if said.text else content
        if said.calls:
            message["tool_calls"] = [self._call(number, call) for number, call in enumerate(said.calls)]
        choice["message"] = message
        ChatCompletionResponse.model_validate(made)
        return json.dumps(made).encode()

    def stream(self, scene: Scene) -> bytes:
        said = scene.said
        deltas: list[Json] = [{"role": "assistant", "content": ""}]
        deltas += ({"content": [thinking(piece)]} for piece in pieces(said.reasoning))
        if said.reasoning:
            deltas.append({"content": [thinking("", signature=SIGNATURE, closed=True)]})
        deltas += ({"content": piece} for piece in pieces(said.text))
        body = b"".join(self._event(scene, delta) for delta in deltas)
        if scene.breaks:
            return body
        calls = [{"index": number, **self._call(number, call)} for number, call in enumerate(said.calls)]
        last: Json = {"content": "", **({"tool_calls": calls} if calls else {})}
        return body + self._event(scene, last, said.finish, usage=self._usage(scene)) + b"data: [DONE]\n\n"

    def error(self, scene: Scene) -> bytes:
        error = {"object": "error", "message": "That cannot be asked.", "type": "invalid_request", "param": None,
                 "code": "1500"}  # fmt: skip
        return json.dumps(error).encode()

    def _call(self, number: int, call: tuple[str, str]) -> Json:
        return {"id": f"Mistral0{number}", "type": "function", "function": {"name": call[0], "arguments": call[1]}}

    def _event(self, scene: Scene, delta: Json, finish: str | None = None, **members: object) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        made = {**self._head(scene, "chat.completion.chunk"), "choices": [choice], **members}
        CompletionChunk.model_validate(made)
        return sse(made)


WIRE = MistralWire()
