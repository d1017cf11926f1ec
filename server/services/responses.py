"""ResponsesService: OpenAI's Responses in a typed and a raw form over the pipeline of chat completions."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import aclosing
from functools import partial

import msgspec
from google.api import httpbody_pb2
from perpetuo.v1 import responses_pb2, responses_pb2_grpc

from server.chat.principal import Call, Push
from server.errors import ParamUnsupported
from server.ingress.responses import kept as lists
from server.ingress.responses.face import ResponsesFace
from server.repeats import Completing
from server.services import facing
from server.services.calling import CallInfo, Calls, Context, push_of
from server.services.chat_json import json_to_message, message_to_json
from server.services.response_states import ResponseStates
from server.storage.responses import KeptResponse


class ResponsesServicer(responses_pb2_grpc.ResponsesServiceServicer):
    """Serves responses from a pipeline, and those that are kept."""

    def __init__(self, pipeline: Completing, calls: Calls, states: ResponseStates) -> None:
        self._pipeline = pipeline
        self._calls = calls
        self._states = states
        self.raw_forms = {"CreateRawResponse": self._serve_raw}
        self.raw_streams = {"StreamRawResponse": self._stream_raw}

    def _serve_raw(self, info: CallInfo, body: bytes) -> Awaitable[bytes]:
        return self._answer(self._calls.begun(info, ResponsesFace.name), body)

    def _stream_raw(self, info: CallInfo, body: bytes, push: Push) -> AsyncGenerator[list[bytes], None]:
        return self._streamed(self._calls.begun(info, ResponsesFace.name, push), body)

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
        async for events in self._stream(
            request.body.data, context, push_of(context, responses_pb2.StreamRawResponseResponse)
        ):
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

    async def GetResponse(
        self, request: responses_pb2.GetResponseRequest, context: Context
    ) -> responses_pb2.GetResponseResponse:
        """A kept response, typed."""
        kept = await self._kept(request.response_id)
        response = json_to_message(kept.response, responses_pb2.CreateResponseResponse)
        return responses_pb2.GetResponseResponse(response=response)

    async def GetRawResponse(
        self, request: responses_pb2.GetRawResponseRequest, context: Context
    ) -> responses_pb2.GetRawResponseResponse:
        """A kept response as it was answered."""
        if request.stream:
            raise ParamUnsupported("A kept response is not streamed; leave out 'stream'.", param="stream")
        kept = await self._kept(request.response_id)
        body = httpbody_pb2.HttpBody(content_type=facing.JSON, data=kept.response)
        return responses_pb2.GetRawResponseResponse(body=body)

    async def ListInputItems(
        self, request: responses_pb2.ListInputItemsRequest, context: Context
    ) -> responses_pb2.ListInputItemsResponse:
        """A page of what a kept response answered."""
        kept = await self._kept(request.response_id)
        items = lists.listed(kept.items, kept.response_id)
        page = lists.page_of(items, request.limit, request.order, request.after)
        data = [msgspec.json.encode(item) for item in page.pop("data")]
        return responses_pb2.ListInputItemsResponse(object="list", data=data, **page)

    async def DeleteResponse(
        self, request: responses_pb2.DeleteResponseRequest, context: Context
    ) -> responses_pb2.DeleteResponseResponse:
        """Forgets a kept response; those that went on from it stay."""
        await self._states.kept.remove(self._calls.principal().workspace_id, request.response_id)
        return responses_pb2.DeleteResponseResponse(id=request.response_id, object="response", deleted=True)

    async def _kept(self, response_id: str) -> KeptResponse:
        return await self._states.kept.get(self._calls.principal().workspace_id, response_id)

    async def _complete(self, body: bytes, context: Context) -> bytes:
        return await self._answer(self._calls.call(context, ResponsesFace.name), body)

    async def _answer(self, call: Call, body: bytes) -> bytes:
        body = await self._states.resolved(call, body)
        face = await self._states.face(call, body)
        [answer] = await self._states.end(call, face, [await facing.complete(self._pipeline, call, body, face)])
        return answer

    def _stream(self, body: bytes, context: Context, push: Push | None = None) -> AsyncIterator[list[bytes]]:
        return self._streamed(self._calls.call(context, ResponsesFace.name, push), body)

    async def _streamed(self, call: Call, body: bytes) -> AsyncGenerator[list[bytes], None]:
        body = await self._states.resolved(call, body)
        face = await self._states.face(call, body)
        end = partial(self._states.end, call, face)
        async with aclosing(facing.stream(self._pipeline, call, body, face, end)) as lists_of_events:
            async for events in lists_of_events:
                yield events
