"""What a face of the gateway is to the matrix, and the two that most people use, each through its own SDK."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import anthropic
import openai

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

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asking:
    """Whom to ask, for what, and how; `on_text` is called when the first text of a stream was heard."""

    url: str
    target: str
    """Where gRPC is served."""
    key: str
    model: str
    scene: Scene
    is_stream: bool
    on_text: Callable[[], None]


class Face(Protocol):
    """A way to ask the gateway."""

    def lacks(self, scene: Scene) -> str:
        """Why a scene cannot be played on this face, because of what the face itself is; empty if it can."""

    async def ask(self, asking: Asking) -> Heard:
        """What is heard when a scene is asked."""


class ChatFace:
    """Chat completions, by the `openai` SDK."""

    def lacks(self, scene: Scene) -> str:
        """See `Face`."""
        return ""

    async def ask(self, asking: Asking) -> Heard:
        sdk = openai.AsyncOpenAI(base_url=f"{asking.url}/v1", api_key=asking.key, max_retries=0)
        members = self.members(asking.model, asking.scene)
        try:
            if asking.is_stream:
                return await self._stream(sdk, members, asking.on_text)
            return self._whole(await sdk.chat.completions.create(**members))
        except openai.APIStatusError as error:
            return Heard(failure=error.status_code)
        finally:
            await sdk.close()

    def members(self, model: str, scene: Scene) -> Json:
        """The request."""
        members: Json = {"model": model, "messages": self._messages(scene), "max_completion_tokens": MAX_TOKENS}
        if scene.tools:
            members["tools"] = [
                {
                    "type": "function",
                    "function": {"name": WEATHER, "description": "Weather.", "parameters": PARAMETERS},
                },
                {"type": "function", "function": {"name": CLOCK}},
            ]
        if scene.schema:
            form = {"name": "warmth", "schema": SCHEMA, "strict": True}
            members["response_format"] = {"type": "json_schema", "json_schema": form}
        if scene.effort:
            members["reasoning_effort"] = scene.effort
        return members

    def _messages(self, scene: Scene) -> list[Json]:
        content: object = scene.words
        if scene.image:
            picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
            content = [{"type": "text", "text": scene.words}, picture]
        messages: list[Json] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": content}]
        if scene.results:
            function = {"name": WEATHER, "arguments": '{"city": "Zürich"}'}
            call = {"id": EARLIER_CALL, "type": "function", "function": function}
            messages += [
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": EARLIER_CALL, "content": RESULT},
            ]
        return messages

    def _whole(self, answer: Any) -> Heard:
        [choice] = answer.choices
        message = choice.message
        calls = tuple((call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or ())
        reasoning = getattr(message, "reasoning_content", None) or ""
        return Heard(message.content or "", reasoning, calls, choice.finish_reason, self._tokens(answer.usage))

    async def _stream(self, sdk: openai.AsyncOpenAI, members: Json, on_text: Callable[[], None]) -> Heard:
        stream = await sdk.chat.completions.create(**members, stream=True, stream_options={"include_usage": True})
        listener = ChatListener()
        tokens = (0, 0, 0)
        try:
            async for chunk in stream:
                tokens = self._tokens(chunk.usage) if chunk.usage else tokens
                for choice in chunk.choices:
                    listener.take(choice)
                if listener.text:
                    on_text()
        except openai.APIError:
            return Heard(listener.text, failure="stream")
        return listener.heard(tokens)

    def _tokens(self, usage: Any) -> tuple[int, int, int]:
        details = usage.prompt_tokens_details
        return usage.prompt_tokens, (details.cached_tokens if details else 0) or 0, usage.completion_tokens


class ChatListener:
    """Puts the deltas of a stream together."""

    def __init__(self) -> None:
        self.text = ""
        self._reasoning = ""
        self._finish = ""
        self._calls: list[list[str]] = []

    def take(self, choice: Any) -> None:
        """Takes a choice of a chunk."""
        delta = choice.delta
        self.text += delta.content or ""
        self._reasoning += getattr(delta, "reasoning_content", None) or ""
        self._finish = choice.finish_reason or self._finish
        for call in delta.tool_calls or ():
            if call.index == len(self._calls):
                self._calls.append([call.function.name, ""])
            self._calls[call.index][1] += call.function.arguments or ""

    def heard(self, tokens: tuple[int, int, int]) -> Heard:
        """What was heard to the end."""
        calls = tuple((name, json.loads(arguments)) for name, arguments in self._calls)
        return Heard(self.text, self._reasoning, calls, self._finish, tokens)


STOPS = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls", "refusal": "content_filter"}


class MessagesFace:
    """Anthropic's Messages, by the `anthropic` SDK."""

    def lacks(self, scene: Scene) -> str:
        """See `Face`."""
        return ""

    async def ask(self, asking: Asking) -> Heard:
        sdk = anthropic.AsyncAnthropic(base_url=asking.url, api_key=asking.key, max_retries=0)
        members = self._members(asking.model, asking.scene)
        heard: list[str] = []
        try:
            if not asking.is_stream:
                return self._heard(await sdk.messages.create(**members))
            async with sdk.messages.stream(**members) as stream:
                async for text in stream.text_stream:
                    heard.append(text)
                    asking.on_text()
                return self._heard(await stream.get_final_message())
        except anthropic.APIStatusError as error:
            return Heard("".join(heard), failure="stream" if heard else error.status_code)
        finally:
            await sdk.close()

    def _members(self, model: str, scene: Scene) -> Json:
        members: Json = {
            "model": model,
            "max_tokens": MAX_TOKENS,
            "system": SYSTEM,
            "messages": self._messages(scene),
        }
        if scene.tools:
            members["tools"] = [
                {"name": WEATHER, "description": "Weather.", "input_schema": PARAMETERS},
                {"name": CLOCK, "input_schema": {"type": "object", "properties": {}}},
            ]
        if scene.schema:
            members["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
        if scene.effort:
            members["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        return members

    def _messages(self, scene: Scene) -> list[Json]:
        content: object = scene.words
        if scene.image:
            source = {"type": "base64", "media_type": "image/png", "data": PNG}
            content = [{"type": "text", "text": scene.words}, {"type": "image", "source": source}]
        messages: list[Json] = [{"role": "user", "content": content}]
        if scene.results:
            use = {"type": "tool_use", "id": EARLIER_CALL, "name": WEATHER, "input": {"city": "Zürich"}}
            result = {"type": "tool_result", "tool_use_id": EARLIER_CALL, "content": RESULT}
            messages += [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
        return messages

    def _heard(self, message: Any) -> Heard:
        text = "".join(block.text for block in message.content if block.type == "text")
        reasoning = "".join(block.thinking for block in message.content if block.type == "thinking")
        calls = tuple((block.name, block.input) for block in message.content if block.type == "tool_use")
        usage = message.usage
        cached = usage.cache_read_input_tokens or 0
        prompt = usage.input_tokens + cached + (usage.cache_creation_input_tokens or 0)
        finish = STOPS.get(message.stop_reason, message.stop_reason)
        return Heard(text, reasoning, calls, finish, (prompt, cached, usage.output_tokens))
