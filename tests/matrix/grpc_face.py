"""Chat completions over gRPC, by the typed stubs."""

import json
from collections.abc import Iterable
from typing import Any

import grpc.aio
from perpetuo.v1 import chat_pb2, completions_pb2_grpc

from tests.matrix.faces import Asking, ChatListener
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

STATUSES = {grpc.StatusCode.INVALID_ARGUMENT: 400}


class GrpcFace:
    """See `Face`."""

    def lacks(self, scene: Scene) -> str:
        """See `Face`."""
        return ""

    async def ask(self, asking: Asking) -> Heard:
        """See `Face`."""
        request = self._request(asking.model, asking.scene)
        metadata = (("authorization", f"Bearer {asking.key}"),)
        async with grpc.aio.insecure_channel(asking.target) as channel:
            stub: Any = completions_pb2_grpc.CompletionsServiceStub(channel)
            if asking.is_stream:
                request.stream_options.include_usage = True
                wrapped = chat_pb2.StreamChatCompletionRequest(request=request)
                return await self._stream(stub.StreamChatCompletion(wrapped, metadata=metadata), asking)
            try:
                return self._whole(await stub.CreateChatCompletion(request, metadata=metadata))
            except grpc.aio.AioRpcError as error:
                return Heard(failure=STATUSES[error.code()])

    def _request(self, model: str, scene: Scene) -> chat_pb2.CreateChatCompletionRequest:
        request = chat_pb2.CreateChatCompletionRequest(model=model, max_completion_tokens=MAX_TOKENS)
        request.messages.add(role="system").content.text = SYSTEM
        asked = request.messages.add(role="user")
        if scene.image:
            parts = asked.content.parts.parts
            parts.add(type="text", text=scene.words)
            parts.add(type="image_url").image_url.url = f"data:image/png;base64,{PNG}"
        else:
            asked.content.text = scene.words
        if scene.results:
            call = request.messages.add(role="assistant").tool_calls.add(id=EARLIER_CALL, type="function")
            call.function.name, call.function.arguments = WEATHER, '{"city": "Zürich"}'
            request.messages.add(role="tool", tool_call_id=EARLIER_CALL).content.text = RESULT
        if scene.tools:
            weather = request.tools.add(type="function").function
            weather.name, weather.description = WEATHER, "Weather."
            weather.parameters = json.dumps(PARAMETERS).encode()
            request.tools.add(type="function").function.name = CLOCK
        if scene.schema:
            form = {"name": "warmth", "schema": SCHEMA, "strict": True}
            request.response_format = json.dumps({"type": "json_schema", "json_schema": form}).encode()
        if scene.effort:
            request.reasoning_effort = scene.effort
        return request

    def _whole(self, answer: Any) -> Heard:
        [choice] = answer.choices
        message = choice.message
        calls = tuple((call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls)
        reasoning = _extra(message.extra, "reasoning_content")
        return Heard(message.content.text, reasoning, calls, choice.finish_reason, self._tokens(answer.usage))

    async def _stream(self, chunks: Any, asking: Asking) -> Heard:
        listener = ChatListener()
        tokens, has_heard = (0, 0, 0), False
        try:
            async for chunk in chunks:
                has_heard = True
                tokens = self._tokens(chunk.usage) if chunk.HasField("usage") else tokens
                for choice in chunk.choices:
                    listener.take(_Plain(choice))
                if listener.text:
                    asking.on_text()
        except grpc.aio.AioRpcError as error:
            return Heard(listener.text, failure="stream" if has_heard else STATUSES[error.code()])
        return listener.heard(tokens)

    def _tokens(self, usage: Any) -> tuple[int, int, int]:
        return usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens, usage.completion_tokens


class _Plain:
    """A choice of a chunk, with its reasoning where the listener looks for it."""

    def __init__(self, choice: Any) -> None:
        self.delta = self
        self.finish_reason = choice.finish_reason
        self.content = choice.delta.content
        self.tool_calls = choice.delta.tool_calls
        self.reasoning_content = _extra(choice.delta.extra, "reasoning_content")


def _extra(extra: Iterable[chat_pb2.Extra], name: str) -> str:
    """A text among members that the message has no field for."""
    found = [json.loads(each.json) for each in extra if each.key == name]
    return found[0] or "" if found else ""
