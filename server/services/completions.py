"""CompletionsService: the typed and the raw form of a chat completion over one pipeline.

The typed form is turned into the JSON that a REST caller would have sent, and the answer is read back; whatever the
request says of `stream`, the method that is called decides.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable

from google.api import httpbody_pb2
from perpetuo.v1 import chat_pb2, completions_pb2, completions_pb2_grpc

from server.chat.principal import Push
from server.repeats import Completing
from server.services.calling import CallInfo, Calls, Context, push_of
from server.services.chat_json import json_to_message, message_to_json

_JSON = "application/json"


class CompletionsServicer(completions_pb2_grpc.CompletionsServiceServicer):
    """Serves completions from a pipeline."""

    def __init__(self, pipeline: Completing, calls: Calls) -> None:
        self._pipeline = pipeline
        self._calls = calls
        self.raw_forms = {"CreateRawChatCompletion": self._serve_raw}
        self.raw_streams = {"StreamRawChatCompletion": self._stream_raw}

    def _serve_raw(self, info: CallInfo, body: bytes) -> Awaitable[bytes] | bytes:
        return self._pipeline.serve(self._calls.begun(info), body)

    def _stream_raw(self, info: CallInfo, body: bytes, push: Push) -> AsyncGenerator[list[bytes], None]:
        return self._pipeline.stream(self._calls.begun(info, "", push), body)

    async def CreateRawChatCompletion(
        self,
        request: completions_pb2.CreateRawChatCompletionRequest,
        context: Context,
    ) -> completions_pb2.CreateRawChatCompletionResponse:
        """JSON in, JSON out."""
        answer = await self._pipeline.complete(self._calls.call(context), request.body.data)
        return completions_pb2.CreateRawChatCompletionResponse(
            body=httpbody_pb2.HttpBody(content_type=_JSON, data=answer)
        )

    async def StreamRawChatCompletion(
        self,
        request: completions_pb2.StreamRawChatCompletionRequest,
        context: Context,
    ) -> AsyncIterator[completions_pb2.StreamRawChatCompletionResponse]:
        """JSON in, the data of events out."""
        call = self._calls.call(context, push=push_of(context, completions_pb2.StreamRawChatCompletionResponse))
        async for events in self._pipeline.stream(call, request.body.data):
            yield completions_pb2.StreamRawChatCompletionResponse(events=events)

    async def CreateChatCompletion(
        self,
        request: chat_pb2.CreateChatCompletionRequest,
        context: Context,
    ) -> chat_pb2.CreateChatCompletionResponse:
        """A typed request, a typed answer."""
        answer = await self._pipeline.complete(self._calls.call(context), message_to_json(request))
        return json_to_message(answer, chat_pb2.CreateChatCompletionResponse)

    async def StreamChatCompletion(
        self,
        request: chat_pb2.StreamChatCompletionRequest,
        context: Context,
    ) -> AsyncIterator[chat_pb2.StreamChatCompletionResponse]:
        """A typed request, typed pieces."""
        async for events in self._pipeline.stream(self._calls.call(context), message_to_json(request.request)):
            for event in events:
                yield json_to_message(event, chat_pb2.StreamChatCompletionResponse)
