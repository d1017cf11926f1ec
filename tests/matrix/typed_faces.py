"""Messages, responses and legacy completions over gRPC, by the typed stubs."""

import json
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import grpc.aio
from perpetuo.v1 import (
    messages_pb2,
    messages_pb2_grpc,
    responses_pb2,
    responses_pb2_grpc,
    text_completions_pb2,
    text_completions_pb2_grpc,
)

from tests.matrix.completions_face import CompletionsFace
from tests.matrix.faces import STOPS, Asking
from tests.matrix.grpc_face import STATUSES
from tests.matrix.responses_face import INCOMPLETE
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

EMPTY = {"type": "object", "properties": {}}
EARLIER = {"city": "Zürich"}


def raw(value: object) -> bytes:
    """JSON, as fields take it that have no type of their own."""
    return json.dumps(value).encode()


class Methods(NamedTuple):
    """The method that answers in one piece, the one that streams, and the request of that, which holds the other's."""

    unary: Any
    stream: Any
    streamed: Any


class TypedFace(ABC):
    """See `Face`."""

    def lacks(self, scene: Scene) -> str:
        """See `Face`."""
        return ""

    async def ask(self, asking: Asking) -> Heard:
        """See `Face`."""
        self.text, self._has_heard = "", False
        try:
            async with grpc.aio.insecure_channel(asking.target) as channel:
                return await self._heard(channel, asking, (("authorization", f"Bearer {asking.key}"),))
        except grpc.aio.AioRpcError as error:
            return Heard(self.text, failure="stream" if self._has_heard else STATUSES[error.code()])

    async def _heard(self, channel: grpc.aio.Channel, asking: Asking, metadata: Any) -> Heard:
        methods, request = self.methods(channel), self.request(asking)
        if not asking.is_stream:
            return self.whole(await methods.unary(request, metadata=metadata))
        last = None
        async for event in methods.stream(methods.streamed(request=request), metadata=metadata):
            self._has_heard = True
            last = self.take(event, last)
            if self.text:
                asking.on_text()
        return self.end(last)

    text = ""
    """What was said in a stream so far."""
    _has_heard = False

    @abstractmethod
    def request(self, asking: Asking) -> Any:
        """The typed request."""

    @abstractmethod
    def methods(self, channel: grpc.aio.Channel) -> Methods:
        """How the service is called."""

    @abstractmethod
    def whole(self, answer: Any) -> Heard:
        """What an answer in one piece says."""

    @abstractmethod
    def take(self, event: Any, so_far: Any) -> Any:
        """Takes an event; what is to be kept until the end."""

    @abstractmethod
    def end(self, so_far: Any) -> Heard:
        """What a stream has said."""


class TypedMessagesFace(TypedFace):
    """`MessagesService`."""

    def request(self, asking: Asking) -> messages_pb2.CreateMessageRequest:
        """See `TypedFace`."""
        scene = asking.scene
        made = messages_pb2.CreateMessageRequest(model=asking.model, max_tokens=MAX_TOKENS)
        made.system.text = SYSTEM
        asked = made.messages.add(role="user").content
        if scene.image:
            asked.list.blocks.add(type="text", text=scene.words)
            source = {"type": "base64", "media_type": "image/png", "data": PNG}
            asked.list.blocks.add(type="image", source=raw(source))
        else:
            asked.text = scene.words
        if scene.results:
            used = made.messages.add(role="assistant").content.list.blocks
            used.add(type="tool_use", id=EARLIER_CALL, name=WEATHER, input=raw(EARLIER))
            result = made.messages.add(role="user").content.list.blocks.add(type="tool_result")
            result.tool_use_id, result.content.text = EARLIER_CALL, RESULT
        if scene.tools:
            made.tools.add(name=WEATHER, description="Weather.", input_schema=raw(PARAMETERS))
            made.tools.add(name=CLOCK, input_schema=raw(EMPTY))
        if scene.schema:
            made.output_config = raw({"format": {"type": "json_schema", "schema": SCHEMA}})
        if scene.effort:
            made.thinking = raw({"type": "enabled", "budget_tokens": 1024})
        return made

    def methods(self, channel: grpc.aio.Channel) -> Methods:
        """See `TypedFace`."""
        stub: Any = messages_pb2_grpc.MessagesServiceStub(channel)
        return Methods(stub.CreateMessage, stub.StreamMessage, messages_pb2.StreamMessageRequest)

    def whole(self, answer: Any) -> Heard:
        """See `TypedFace`."""
        text = "".join(block.text for block in answer.content if block.type == "text")
        reasoning = "".join(block.thinking for block in answer.content if block.type == "thinking")
        calls = tuple((block.name, json.loads(block.input)) for block in answer.content if block.type == "tool_use")
        used = answer.usage
        prompt = used.input_tokens + used.cache_read_input_tokens + used.cache_creation_input_tokens
        tokens = (prompt, used.cache_read_input_tokens, used.output_tokens)
        return Heard(text, reasoning, calls, STOPS.get(answer.stop_reason, answer.stop_reason), tokens)

    def take(self, event: Any, so_far: Any) -> Any:
        """See `TypedFace`. Blocks are put together as a client does that has only the events."""
        message = so_far
        if event.type == "message_start":
            message = messages_pb2.CreateMessageResponse()
            message.CopyFrom(event.message)
        elif event.type == "content_block_start":
            assert event.index == len(message.content)
            message.content.append(event.content_block)
            if event.content_block.type == "tool_use":
                message.content[event.index].input = b""
        elif event.type == "content_block_delta":
            block = message.content[event.index]
            block.text += event.delta.text
            block.thinking += event.delta.thinking
            block.input += event.delta.partial_json.encode()
            self.text += event.delta.text
        elif event.type == "message_delta":
            message.stop_reason = event.delta.stop_reason
            message.usage.MergeFrom(event.usage)
        return message

    def end(self, so_far: Any) -> Heard:
        """See `TypedFace`."""
        for block in so_far.content:
            block.input = block.input or b"{}"
        return self.whole(so_far)


class TypedResponsesFace(TypedFace):
    """`ResponsesService`."""

    def request(self, asking: Asking) -> responses_pb2.CreateResponseRequest:
        """See `TypedFace`."""
        scene = asking.scene
        made = responses_pb2.CreateResponseRequest(
            model=asking.model, instructions=SYSTEM, max_output_tokens=MAX_TOKENS
        )
        items = made.input.items.items
        asked = items.add(role="user").content
        if scene.image:
            asked.parts.parts.add(type="input_text", text=scene.words)
            asked.parts.parts.add(type="input_image", image_url=f"data:image/png;base64,{PNG}", detail="auto")
        else:
            asked.text = scene.words
        if scene.results:
            items.add(type="function_call", call_id=EARLIER_CALL, name=WEATHER, arguments=json.dumps(EARLIER))
            items.add(type="function_call_output", call_id=EARLIER_CALL).output.text = RESULT
        if scene.tools:
            weather = made.tools.add(type="function", name=WEATHER, description="Weather.", strict=False)
            weather.parameters = raw(PARAMETERS)
            made.tools.add(type="function", name=CLOCK, parameters=raw(EMPTY), strict=False)
        if scene.schema:
            made.text = raw({"format": {"type": "json_schema", "name": "warmth", "schema": SCHEMA, "strict": True}})
        if scene.effort:
            made.reasoning = raw({"effort": scene.effort})
        return made

    def methods(self, channel: grpc.aio.Channel) -> Methods:
        """See `TypedFace`."""
        stub: Any = responses_pb2_grpc.ResponsesServiceStub(channel)
        return Methods(stub.CreateResponse, stub.StreamResponse, responses_pb2.StreamResponseRequest)

    def whole(self, answer: Any) -> Heard:
        """See `TypedFace`."""
        text = "".join(
            part.text for item in answer.output if item.type == "message" for part in item.content.parts.parts
        )
        reasoning = "".join(part.text for item in answer.output if item.type == "reasoning" for part in item.summary)
        calls = tuple((item.name, json.loads(item.arguments)) for item in answer.output if item.type == "function_call")
        finish = "tool_calls" if calls else "stop"
        if answer.status == "incomplete":
            finish = INCOMPLETE[json.loads(answer.incomplete_details)["reason"]]
        used = answer.usage
        cached = json.loads(used.input_tokens_details)["cached_tokens"]
        return Heard(text, reasoning, calls, finish, (used.input_tokens, cached, used.output_tokens))

    def take(self, event: Any, so_far: Any) -> Any:
        """See `TypedFace`."""
        if event.type == "response.output_text.delta":
            self.text += event.delta
        return event.response if event.type in ("response.completed", "response.incomplete") else so_far

    def end(self, so_far: Any) -> Heard:
        """See `TypedFace`."""
        heard = self.whole(so_far)
        assert heard.text == self.text
        return heard


class TypedCompletionsFace(TypedFace):
    """`TextCompletionsService`."""

    def lacks(self, scene: Scene) -> str:
        """See `Face`."""
        return CompletionsFace().lacks(scene)

    def request(self, asking: Asking) -> text_completions_pb2.CreateTextCompletionRequest:
        """See `TypedFace`."""
        made = text_completions_pb2.CreateTextCompletionRequest(model=asking.model, max_tokens=MAX_TOKENS)
        made.prompt.text = f"{SYSTEM}\n{asking.scene.words}"
        if asking.is_stream:
            made.stream_options.include_usage = True
        return made

    def methods(self, channel: grpc.aio.Channel) -> Methods:
        """See `TypedFace`."""
        stub: Any = text_completions_pb2_grpc.TextCompletionsServiceStub(channel)
        return Methods(
            stub.CreateTextCompletion, stub.StreamTextCompletion, text_completions_pb2.StreamTextCompletionRequest
        )

    def whole(self, answer: Any) -> Heard:
        """See `TypedFace`."""
        [choice] = answer.choices
        return Heard(choice.text, finish=choice.finish_reason, tokens=_tokens(answer.usage))

    def take(self, event: Any, so_far: Any) -> Any:
        """See `TypedFace`."""
        finish, tokens = so_far or ("", (0, 0, 0))
        for choice in event.choices:
            self.text += choice.text
            finish = choice.finish_reason or finish
        return finish, _tokens(event.usage) if event.HasField("usage") else tokens

    def end(self, so_far: Any) -> Heard:
        """See `TypedFace`."""
        return Heard(self.text, finish=so_far[0], tokens=so_far[1])


def _tokens(usage: Any) -> tuple[int, int, int]:
    return usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens, usage.completion_tokens
