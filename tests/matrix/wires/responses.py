"""OpenAI's side of the Responses API."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from openai.types.responses import Response, ResponseStreamEvent
from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)
from pydantic import TypeAdapter

from tests.matrix.scenes import SIGNATURE, Scene
from tests.matrix.wires.marks import missing, pieces, sse
from tests.providers.judge import faults

Json = dict[str, Any]
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class ResponsesWire:
    """See `Wire`."""

    content_type = "text/event-stream; charset=utf-8"
    settings: Mapping[str, str] = MappingProxyType({})
    shows_reasoning = True

    def scene_of(self, path: str, body: bytes) -> str:
        assert path == "responses"
        name: str = json.loads(body)["model"]
        return name

    def faults(self, scene: Scene, path: str, body: bytes) -> list[str]:
        asked = json.loads(body)
        kind = ResponseCreateParamsStreaming if asked.get("stream") else ResponseCreateParamsNonStreaming
        found = faults(asked, kind) + missing(scene, asked)
        if scene.effort and "reasoning" not in asked:
            found.append("no reasoning is asked for")
        if asked.get("store") is False:
            items = asked["input"] if isinstance(asked["input"], list) else []
            thought = [item for item in items if item.get("type") == "reasoning"]
            found += [f"{item['id']} is not kept" for item in thought if not item.get("encrypted_content")]
        if scene.schema and asked.get("text", {}).get("format", {}).get("type") != "json_schema":
            found.append("no schema is asked for")
        return found

    def is_stream(self, path: str, body: bytes) -> bool:
        return json.loads(body).get("stream") is True

    def answer(self, scene: Scene) -> bytes:
        return json.dumps(self._response(scene, self._items(scene))).encode()

    def stream(self, scene: Scene) -> bytes:
        begun = {**self._response(scene, []), "status": "in_progress", "usage": None, "incomplete_details": None}
        events: list[Json] = [{"type": "response.created", "response": begun}]
        for index, item in enumerate(self._items(scene)):
            events += self._item(index, item)
        if not scene.breaks:
            response = self._response(scene, self._items(scene))
            events.append({"type": f"response.{response['status']}", "response": response})
        numbered = [{**event, "sequence_number": number} for number, event in enumerate(events)]
        for event in numbered:
            EVENT.validate_python(event)
        return b"".join(sse(event, str(event["type"])) for event in numbered)

    def breakage(self) -> bytes:
        event = {"type": "error", "code": "server_error", "message": "It broke.", "param": None, "sequence_number": 99}
        EVENT.validate_python(event)
        return sse(event, "error")

    def error(self, scene: Scene) -> bytes:
        error = {"message": "That cannot be asked.", "type": "invalid_request_error", "param": None, "code": None}
        return json.dumps({"error": error}).encode()

    def _response(self, scene: Scene, items: list[Json]) -> Json:
        prompt, cached, completion, reasoning = scene.said.tokens
        why = INCOMPLETE.get(scene.said.finish)
        made = {
            "id": "resp_1",
            "object": "response",
            "created_at": 1763800000,
            "status": "incomplete" if why else "completed",
            "error": None,
            "incomplete_details": {"reason": why} if why else None,
            "instructions": None,
            "metadata": {},
            "model": scene.name,
            "output": items,
            "parallel_tool_calls": True,
            "temperature": 1.0,
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "usage": {
                "input_tokens": prompt,
                "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
                "output_tokens": completion,
                "output_tokens_details": {"reasoning_tokens": reasoning},
                "total_tokens": prompt + completion,
            },
        }
        Response.model_validate(made)
        return made

    def _items(self, scene: Scene) -> list[Json]:
        said, items = scene.said, []
        if said.reasoning:
            summary = [{"type": "summary_text", "text": said.reasoning}]
            items.append({"id": "rs_1", "type": "reasoning", "summary": summary, "encrypted_content": SIGNATURE})
        if said.text:
            content = [{"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}]
            items.append(
                {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": content}
            )
        for number, (name, arguments) in enumerate(said.calls):
            items.append(
                {"id": f"fc_{number}", "type": "function_call", "status": "completed", "call_id": f"call_{number}",
                 "name": name, "arguments": arguments}
            )  # fmt: skip
        return items

    def _item(self, index: int, item: Json) -> list[Json]:
        where = {"item_id": item["id"], "output_index": index}
        if item["type"] == "function_call":
            begun, deltas = {**item, "status": "in_progress", "arguments": ""}, self._arguments(where, item)
        elif item["type"] == "message":
            begun, deltas = {**item, "status": "in_progress", "content": []}, self._text(where, item["content"][0])
        else:
            begun, deltas = {**item, "summary": []}, self._summary(where, item["summary"][0])
        return [
            {"type": "response.output_item.added", "output_index": index, "item": begun},
            *deltas,
            {"type": "response.output_item.done", "output_index": index, "item": item},
        ]

    def _arguments(self, where: Json, item: Json) -> list[Json]:
        kind, written = "response.function_call_arguments", item["arguments"]
        return [
            *({"type": f"{kind}.delta", **where, "delta": piece} for piece in pieces(written)),
            {"type": f"{kind}.done", **where, "name": item["name"], "arguments": written},
        ]

    def _text(self, where: Json, part: Json) -> list[Json]:
        where = {**where, "content_index": 0}
        return [
            {"type": "response.content_part.added", **where, "part": {**part, "text": ""}},
            *(
                {"type": "response.output_text.delta", **where, "delta": piece, "logprobs": []}
                for piece in pieces(part["text"])
            ),
            {"type": "response.output_text.done", **where, "text": part["text"], "logprobs": []},
            {"type": "response.content_part.done", **where, "part": part},
        ]

    def _summary(self, where: Json, part: Json) -> list[Json]:
        where = {**where, "summary_index": 0}
        return [
            {"type": "response.reasoning_summary_part.added", **where, "part": {**part, "text": ""}},
            *(
                {"type": "response.reasoning_summary_text.delta", **where, "delta": piece}
                for piece in pieces(part["text"])
            ),
            {"type": "response.reasoning_summary_text.done", **where, "text": part["text"]},
        ]


WIRE = ResponsesWire()
