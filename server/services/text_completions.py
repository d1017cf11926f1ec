"""TextCompletionsService: legacy text completions in a typed and a raw form over the pipeline of chat completions."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable

from google.api import httpbody_pb2
from perpetuo.v1 import text_completions_pb2 as texts
from perpetuo.v1 import text_completions_pb2_grpc

from server.chat.principal import Push
from server.ingress.completions.face import CompletionsFace
from server.repeats import Completing
from server.services import facing
from server.services.calling import CallInfo, Calls, Context, push_of
from server.services.chat_json import json_to_message, message_to_json


class TextCompletionsServicer(text_completions_pb2_grpc.TextCompletionsServiceServicer):
    """Serves text completions from a pipeline."""

    def __init__(self, pipeline: Completing, calls: Calls) -> None:
        self._pipeline = pipeline
        self._calls = calls
        self.raw_forms = {"CreateRawTextCompletion": self._serve_raw}
        self.raw_streams = {"StreamRawTextCompletion": self._stream_raw}

    def _serve_raw(self, info: CallInfo, body: bytes) -> Awaitable[bytes]:
        call = self._calls.begun(info, CompletionsFace.name)
        return facing.complete(self._pipeline, call, body, CompletionsFace())

    def _stream_raw(self, info: CallInfo, body: bytes, push: Push) -> AsyncGenerator[list[bytes], None]:
        return facing.stream(
            self._pipeline, self._calls.begun(info, CompletionsFace.name, push), body, CompletionsFace()
        )

    async def CreateRawTextCompletion(
        self, request: texts.CreateRawTextCompletionRequest, context: Context
    ) -> texts.CreateRawTextCompletionResponse:
        """JSON in, JSON out."""
        answer = await self._complete(request.body.data, context)
        return texts.CreateRawTextCompletionResponse(body=httpbody_pb2.HttpBody(content_type=facing.JSON, data=answer))

    async def StreamRawTextCompletion(
        self, request: texts.StreamRawTextCompletionRequest, context: Context
    ) -> AsyncIterator[texts.StreamRawTextCompletionResponse]:
        """JSON in, the data of events out."""
        async for events in self._stream(
            request.body.data, context, push_of(context, texts.StreamRawTextCompletionResponse)
        ):
            yield texts.StreamRawTextCompletionResponse(events=events)

    async def CreateTextCompletion(
        self, request: texts.CreateTextCompletionRequest, context: Context
    ) -> texts.CreateTextCompletionResponse:
        """A typed request, a typed answer."""
        answer = await self._complete(message_to_json(request), context)
        return json_to_message(answer, texts.CreateTextCompletionResponse)

    async def StreamTextCompletion(
        self, request: texts.StreamTextCompletionRequest, context: Context
    ) -> AsyncIterator[texts.StreamTextCompletionResponse]:
        """A typed request, typed pieces."""
        async for events in self._stream(message_to_json(request.request), context):
            for event in events:
                yield json_to_message(event, texts.StreamTextCompletionResponse)

    async def _complete(self, body: bytes, context: Context) -> bytes:
        call = self._calls.call(context, CompletionsFace.name)
        return await facing.complete(self._pipeline, call, body, CompletionsFace())

    def _stream(self, body: bytes, context: Context, push: Push | None = None) -> AsyncIterator[list[bytes]]:
        call = self._calls.call(context, CompletionsFace.name, push)
        return facing.stream(self._pipeline, call, body, CompletionsFace())
