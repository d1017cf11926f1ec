"""MessagesService: Anthropic's Messages in a typed and a raw form over the pipeline of chat completions."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterable

from google.api import httpbody_pb2
from msgspec.structs import replace
from perpetuo.v1 import messages_pb2, messages_pb2_grpc

from server.chat.estimate import estimate_tokens
from server.chat.principal import Call, Push
from server.ingress.messages.face import MessagesFace
from server.ingress.messages.rates import with_kin
from server.ingress.messages.request import read_count
from server.repeats import Completing
from server.services import facing
from server.services.calling import CallInfo, Calls, Context, push_of
from server.services.chat_json import json_to_message, message_to_json


class MessagesServicer(messages_pb2_grpc.MessagesServiceServicer):
    """Serves messages from a pipeline."""

    def __init__(self, pipeline: Completing, calls: Calls) -> None:
        self._pipeline = pipeline
        self._calls = calls
        self.raw_forms = {"CreateRawMessage": self._serve_raw}
        self.raw_streams = {"StreamRawMessage": self._stream_raw}

    def _serve_raw(self, info: CallInfo, body: bytes) -> Awaitable[bytes]:
        call = _with_kin(self._calls.begun(info, MessagesFace.name))
        return facing.complete(self._pipeline, call, body, MessagesFace(call.knobs))

    def _stream_raw(self, info: CallInfo, body: bytes, push: Push) -> AsyncGenerator[list[bytes], None]:
        call = _with_kin(self._calls.begun(info, MessagesFace.name, push))
        return facing.stream(self._pipeline, call, body, MessagesFace(call.knobs))

    async def CreateRawMessage(
        self, request: messages_pb2.CreateRawMessageRequest, context: Context
    ) -> messages_pb2.CreateRawMessageResponse:
        """JSON in, JSON out."""
        answer = await self._complete(request.body.data, context)
        return messages_pb2.CreateRawMessageResponse(body=httpbody_pb2.HttpBody(content_type=facing.JSON, data=answer))

    async def StreamRawMessage(
        self, request: messages_pb2.StreamRawMessageRequest, context: Context
    ) -> AsyncIterator[messages_pb2.StreamRawMessageResponse]:
        """JSON in, the data of events out."""
        async for events in self._stream(
            request.body.data, context, push_of(context, messages_pb2.StreamRawMessageResponse)
        ):
            yield messages_pb2.StreamRawMessageResponse(events=events)

    async def CreateMessage(
        self, request: messages_pb2.CreateMessageRequest, context: Context
    ) -> messages_pb2.CreateMessageResponse:
        """A typed request, a typed answer."""
        answer = await self._complete(message_to_json(request), context)
        return json_to_message(answer, messages_pb2.CreateMessageResponse)

    async def StreamMessage(
        self, request: messages_pb2.StreamMessageRequest, context: Context
    ) -> AsyncIterator[messages_pb2.StreamMessageResponse]:
        """A typed request, typed events."""
        async for events in self._stream(message_to_json(request.request), context):
            for event in events:
                yield json_to_message(event, messages_pb2.StreamMessageResponse)

    async def CountRawMessageTokens(
        self, request: messages_pb2.CountRawMessageTokensRequest, context: Context
    ) -> messages_pb2.CountRawMessageTokensResponse:
        """JSON in, an estimate out."""
        return messages_pb2.CountRawMessageTokensResponse(count=_count(request.body.data))

    async def CountMessageTokens(
        self, request: messages_pb2.CountMessageTokensRequest, context: Context
    ) -> messages_pb2.CountMessageTokensResponse:
        """A typed request, an estimate."""
        return _count(message_to_json(request))

    async def _complete(self, body: bytes, context: Context) -> bytes:
        call = self._call(context)
        return await facing.complete(self._pipeline, call, body, MessagesFace(call.knobs))

    def _stream(self, body: bytes, context: Context, push: Push | None = None) -> AsyncIterator[list[bytes]]:
        call = self._call(context, push)
        return facing.stream(self._pipeline, call, body, MessagesFace(call.knobs))

    def _call(self, context: Context, push: Push | None = None) -> Call:
        return _with_kin(self._calls.call(context, MessagesFace.name, push))


def _with_kin(call: Call) -> Call:
    def announce(pairs: Iterable[tuple[str, str]]) -> None:
        call.announce(with_kin(pairs))

    return replace(call, announce=announce)


def _count(body: bytes) -> messages_pb2.CountMessageTokensResponse:
    return messages_pb2.CountMessageTokensResponse(input_tokens=estimate_tokens(read_count(body)))
