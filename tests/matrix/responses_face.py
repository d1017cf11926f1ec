"""OpenAI's Responses, by the `openai` SDK."""

import json
from typing import Any

import openai

from tests.matrix.faces import Asking, Json
from tests.matrix.scenes import (
    CLOCK,
    EARLIER_CALL,
    MAX_TOKENS,
    PARAMETERS,
    PNG,
    RESULT,
    SCHEMA,
    SYSTEM,
    WEATHER,
    Heard,
    Scene,
)

INCOMPLETE = {"max_output_tokens": "length", "content_filter": "content_filter"}


class ResponsesFace:
    """See `Face`."""

    def lacks(self, scene: Scene) -> str:
        """See `Face`."""
        return ""

    async def ask(self, asking: Asking) -> Heard:
        """See `Face`."""
        sdk = openai.AsyncOpenAI(base_url=f"{asking.url}/v1", api_key=asking.key, max_retries=0)
        members = self._members(asking.model, asking.scene)
        try:
            if asking.is_stream:
                return await self._stream(sdk, members, asking)
            return self._heard(await sdk.responses.create(**members))
        except openai.APIStatusError as error:
            return Heard(failure=error.status_code)
        finally:
            await sdk.close()

    def _members(self, model: str, scene: Scene) -> Json:
        members: Json = {
            "model": model,
            "instructions": SYSTEM,
            "input": self._items(scene),
            "max_output_tokens": MAX_TOKENS,
        }
        if scene.tools:
            weather = {"name": WEATHER, "description": "Weather.", "parameters": PARAMETERS, "strict": False}
            clock = {"name": CLOCK, "parameters": {"type": "object", "properties": {}}, "strict": False}
            members["tools"] = [{"type": "function", **tool} for tool in (weather, clock)]
        if scene.schema:
            members["text"] = {"format": {"type": "json_schema", "name": "warmth", "schema": SCHEMA, "strict": True}}
        if scene.effort:
            members["reasoning"] = {"effort": scene.effort}
        return members

    def _items(self, scene: Scene) -> list[Json]:
        content: object = scene.words
        if scene.image:
            picture = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"}
            content = [{"type": "input_text", "text": scene.words}, picture]
        items: list[Json] = [{"role": "user", "content": content}]
        if scene.results:
            call = {"type": "function_call", "call_id": EARLIER_CALL, "name": WEATHER}
            items.append({**call, "arguments": '{"city": "Zürich"}'})
            items.append({"type": "function_call_output", "call_id": EARLIER_CALL, "output": RESULT})
        return items

    async def _stream(self, sdk: openai.AsyncOpenAI, members: Json, asking: Asking) -> Heard:
        text, last = "", None
        try:
            async for event in await sdk.responses.create(**members, stream=True):
                if event.type == "response.output_text.delta":
                    text += event.delta
                    asking.on_text()
                if event.type in ("response.completed", "response.incomplete"):
                    last = event.response
        except openai.APIStatusError:
            raise
        except openai.APIError:
            return Heard(text, failure="stream")
        heard = self._heard(last)
        assert heard.text == text
        return heard

    def _heard(self, response: Any) -> Heard:
        reasoning = "".join(part.text for item in response.output if item.type == "reasoning" for part in item.summary)
        calls = tuple(
            (item.name, json.loads(item.arguments)) for item in response.output if item.type == "function_call"
        )
        finish = "tool_calls" if calls else "stop"
        if response.status == "incomplete":
            finish = INCOMPLETE[response.incomplete_details.reason]
        usage = response.usage
        tokens = (usage.input_tokens, usage.input_tokens_details.cached_tokens, usage.output_tokens)
        return Heard(response.output_text, reasoning, calls, finish, tokens)
