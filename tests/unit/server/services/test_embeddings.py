"""EmbeddingsService over the in-process channel, where no provider embeds: everything else about it."""

import grpc.aio
import pytest
from google.api import httpbody_pb2
from perpetuo.v1 import chat_pb2, embeddings_pb2, embeddings_pb2_grpc

from server.services.chat_json import json_to_message, message_to_json
from tests.unit.server.services.calls import DEMO, refused


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> "embeddings_pb2_grpc.EmbeddingsServiceAsyncStub":
    return embeddings_pb2_grpc.EmbeddingsServiceStub(channel)


def raw(body: bytes) -> embeddings_pb2.CreateRawEmbeddingRequest:
    return embeddings_pb2.CreateRawEmbeddingRequest(body=httpbody_pb2.HttpBody(data=body))


def typed(model: str = "demo/echo") -> embeddings_pb2.CreateEmbeddingRequest:
    return embeddings_pb2.CreateEmbeddingRequest(model=model, input=embeddings_pb2.EmbeddingInput(text="Hello"))


async def test_a_provider_that_does_not_embed_is_not_asked(
    stub: "embeddings_pb2_grpc.EmbeddingsServiceAsyncStub",
) -> None:
    refusal = await refused(stub.CreateEmbedding(typed(), metadata=DEMO))
    assert refusal == ("PARAM_UNSUPPORTED", "model")
    body = b'{"model":"demo/echo","input":"Hello"}'
    assert await refused(stub.CreateRawEmbedding(raw(body), metadata=DEMO)) == refusal


async def test_what_is_wrong_is_named(stub: "embeddings_pb2_grpc.EmbeddingsServiceAsyncStub") -> None:
    assert await refused(stub.CreateRawEmbedding(raw(b'{"model":"m"}'), metadata=DEMO)) == ("REQUEST_INVALID", "input")
    assert await refused(stub.CreateEmbedding(typed("auto"), metadata=DEMO)) == ("REQUEST_INVALID", "model")


async def test_a_key_is_needed(stub: "embeddings_pb2_grpc.EmbeddingsServiceAsyncStub") -> None:
    assert (await refused(stub.CreateEmbedding(typed())))[0] == "KEY_MISSING"


@pytest.mark.parametrize(
    "text",
    [
        b'{"model":"m","input":"a"}',
        b'{"model":"m","input":["a","b"],"dimensions":8}',
        b'{"model":"m","input":[1,2]}',
        b'{"model":"m","input":[[1],[2,3]],"encoding_format":"base64"}',
    ],
)
def test_every_kind_of_input_has_a_typed_form(text: bytes) -> None:
    assert message_to_json(json_to_message(text, embeddings_pb2.CreateEmbeddingRequest)) == text


def test_vectors_have_a_typed_form_in_both_encodings() -> None:
    text = b'{"object":"list","data":[{"index":0,"embedding":[0.5,1]},{"index":1,"embedding":"AAAAPw=="}],"model":"m"}'
    found = json_to_message(text, embeddings_pb2.CreateEmbeddingResponse)
    assert list(found.data[0].embedding.numbers.values) == [0.5, 1.0]
    assert found.data[1].embedding.base64 == "AAAAPw=="
    assert isinstance(found.gateway_metadata, chat_pb2.GatewayMetadata)
