"""EmbeddingsService: embeddings in a typed and a raw form over the pipeline of chat completions."""

from collections.abc import Awaitable

from google.api import httpbody_pb2
from perpetuo.v1 import embeddings_pb2, embeddings_pb2_grpc

from server.ingress.embeddings.face import EmbeddingsFace
from server.repeats import Completing
from server.services import facing
from server.services.calling import CallInfo, Calls, Context
from server.services.chat_json import json_to_message, message_to_json


class EmbeddingsServicer(embeddings_pb2_grpc.EmbeddingsServiceServicer):
    """Serves embeddings from a pipeline."""

    def __init__(self, pipeline: Completing, calls: Calls) -> None:
        self._pipeline = pipeline
        self._calls = calls
        self.raw_forms = {"CreateRawEmbedding": self._serve_raw}

    def _serve_raw(self, info: CallInfo, body: bytes) -> Awaitable[bytes]:
        return facing.complete(self._pipeline, self._calls.begun(info, EmbeddingsFace.name), body, EmbeddingsFace())

    async def CreateRawEmbedding(
        self, request: embeddings_pb2.CreateRawEmbeddingRequest, context: Context
    ) -> embeddings_pb2.CreateRawEmbeddingResponse:
        """JSON in, JSON out."""
        body = httpbody_pb2.HttpBody(content_type=facing.JSON, data=await self._embed(request.body.data, context))
        return embeddings_pb2.CreateRawEmbeddingResponse(body=body)

    async def CreateEmbedding(
        self, request: embeddings_pb2.CreateEmbeddingRequest, context: Context
    ) -> embeddings_pb2.CreateEmbeddingResponse:
        """A typed request, typed vectors."""
        answer = await self._embed(message_to_json(request), context)
        return json_to_message(answer, embeddings_pb2.CreateEmbeddingResponse)

    async def _embed(self, body: bytes, context: Context) -> bytes:
        call = self._calls.call(context, EmbeddingsFace.name)
        return await facing.complete(self._pipeline, call, body, EmbeddingsFace())
