"""ResponsesService: OpenAI's Responses in a typed and a raw form over the pipeline of chat completions."""

from collections.abc import AsyncIterator

from google.api import httpbody_pb2
from perpetuo.v1 import responses_pb2, responses_pb2_grpc

from server.chat.principal import Call
from server.ingress.responses.face import ResponsesFace
from server.pipeline import Pipeline
from server.services import facing
from server.services.calling import Calls, Context
from server.services.chat_json import json_to_message, message_to_json


class ResponsesServicer(responses_pb2_grpc.ResponsesServiceServicer):
    """Serves responses from a pipeline."""

    def __init__(self, pipeline: Pipeline, calls: Calls) -> None:
        self._pipeline = pipeline
        self._calls = calls

    async def CreateRawResponse(
        self, request: responses_pb2.CreateRawResponseRequest, context: Context
    ) -> responses_pb2.CreateRawResponseResponse:
        """JSON in, JSON out."""
        body = httpbody_pb2.HttpBody(content_type=facing.JSON, data=await self._complete(request.body.data, context))
        return responses_pb2.CreateRawResponseResponse(body=body)

    async def StreamRawResponse(
        self, request: responses_pb2.StreamRawResponseRequest, context: Context
    ) -> AsyncIterator[responses_pb2.StreamRawResponseResponse]:
        """JSON in, the data of events out."""
        async for events in self._stream(request.body.data, context):
            yield responses_pb2.StreamRawResponseResponse(events=events)

    async def CreateResponse(
        self, request: responses_pb2.CreateResponseRequest, context: Context
    ) -> responses_pb2.CreateResponseResponse:
        """A typed request, a typed answer."""
        answer = await self._complete(message_to_json(request), context)
        return json_to_message(answer, responses_pb2.CreateResponseResponse)

    async def StreamResponse(
        self, request: responses_pb2.StreamResponseRequest, context: Context
    ) -> AsyncIterator[responses_pb2.StreamResponseResponse]:
        """A typed request, typed events."""
        async for events in self._stream(message_to_json(request.request), context):
            for event in events:
                yield json_to_message(event, responses_pb2.StreamResponseResponse)

    async def _complete(self, body: bytes, context: Context) -> bytes:
        call = self._calls.call(context, ResponsesFace.name)
        return await facing.complete(self._pipeline, call, body, ResponsesFace(_id_of(call)))

    def _stream(self, body: bytes, context: Context) -> AsyncIterator[list[bytes]]:
        call = self._calls.call(context, ResponsesFace.name)
        return facing.stream(self._pipeline, call, body, ResponsesFace(_id_of(call)))


def _id_of(call: Call) -> str:
    """The response's id: that of the request under another prefix."""
    return "resp_" + call.request_id.removeprefix("req_")
