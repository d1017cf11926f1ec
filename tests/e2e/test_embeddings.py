"""Embeddings with the openai SDK, unmodified, against a real gateway and a provider that embeds."""

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import httpx2
import openai
import pytest
import pytest_asyncio
from perpetuo.v1 import embeddings_pb2, embeddings_pb2_grpc

from tests.e2e.fake_upstream import Asked, FakeUpstream, Reply, fake_upstream
from tests.e2e.gateway import Account, Gateway, add_provider, sign_up
from tests.e2e.test_parity import record_of

SMALL = "text-embedding-3-small"
LENGTH = 6


def vector_of(one: Any, length: int) -> list[float]:
    """A vector that tells its input."""
    seed = len(one) if isinstance(one, str) else sum(one)
    return [seed + place / 8 for place in range(length)]


def answer(asked: Asked) -> Reply:
    body = asked.json()
    if body["model"] == "embed-broken":
        return Reply.of({"error": {"message": "Overloaded", "type": "server_error"}}, 503)
    inputs = body["input"]
    if isinstance(inputs, str) or isinstance(inputs[0], int):
        inputs = [inputs]
    length = LENGTH if body["model"] == "embed-stubborn" else body.get("dimensions", LENGTH)
    vectors = [vector_of(one, length) for one in inputs]
    data: list[dict[str, Any]] = [
        {"object": "embedding", "index": index, "embedding": encoded(vector, body.get("encoding_format"))}
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": len(inputs), "total_tokens": len(inputs)}
    return Reply.of({"object": "list", "data": data[::-1], "model": body["model"], "usage": usage})


def encoded(vector: list[float], encoding: str | None) -> Any:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode() if encoding == "base64" else vector


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def embedding() -> AsyncIterator[FakeUpstream]:
    async with fake_upstream(answer) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def owner(perpetuo: Gateway, embedding: FakeUpstream) -> Account:
    made = await sign_up(perpetuo.url, "embeddings@example.com")
    base_url = f"{embedding.url}/v1"
    await add_provider(perpetuo.url, made, base_url, provider="openai")
    await add_provider(perpetuo.url, made, base_url, provider="openai-compatible", models=["embed-plain"])
    await add_provider(perpetuo.url, made, base_url, provider="groq", models=["embed-nowhere"])
    return made


def client(gateway: Gateway, key: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0)


@pytest.mark.parametrize("model", [SMALL, "embed-plain"], ids=["a provider that knows base64", "one that does not"])
async def test_both_encodings_give_the_same_vectors(perpetuo: Gateway, owner: Account, model: str) -> None:
    async with client(perpetuo, owner.key) as sdk:
        usual = await sdk.embeddings.create(model=model, input="Hello")
        floats = await sdk.embeddings.create(model=model, input="Hello", encoding_format="float")
        packed = await sdk.embeddings.create(model=model, input="Hello", encoding_format="base64")
    assert usual.data[0].embedding == floats.data[0].embedding == vector_of("Hello", LENGTH)
    text: Any = packed.data[0].embedding
    assert list(struct.unpack(f"<{LENGTH}f", base64.b64decode(text))) == floats.data[0].embedding
    assert usual.usage.prompt_tokens == 1
    assert usual.model_extra is not None
    assert usual.model_extra["gateway_metadata"]["routed_to"] == model


@pytest.mark.parametrize(
    "inputs", [["a", "bb", "ccc"], [[1, 2], [3]], [7, 8]], ids=["texts", "tokens of several", "tokens of one"]
)
async def test_vectors_are_in_the_order_of_the_inputs(perpetuo: Gateway, owner: Account, inputs: Any) -> None:
    async with client(perpetuo, owner.key) as sdk:
        found = await sdk.embeddings.create(model=SMALL, input=inputs)
    expected = [inputs] if isinstance(inputs[0], int) else inputs
    assert [each.index for each in found.data] == list(range(len(expected)))
    assert [each.embedding for each in found.data] == [vector_of(one, LENGTH) for one in expected]


async def test_a_batch_above_the_vendors_limit_is_cut_and_summed_up(
    perpetuo: Gateway, owner: Account, embedding: FakeUpstream
) -> None:
    before = len(embedding.asked)
    inputs = ["x" * (number % 50 + 1) for number in range(2500)]
    async with client(perpetuo, owner.key) as sdk:
        found = await sdk.embeddings.create(model=SMALL, input=inputs, dimensions=2)
    assert [len(asked.json()["input"]) for asked in embedding.asked[before:]] == [2048, 452]
    assert [each.embedding for each in found.data] == [vector_of(one, 2) for one in inputs]
    assert found.usage.total_tokens == 2500
    assert found.model_extra is not None
    record = await record_of(perpetuo, found.model_extra["gateway_metadata"]["request_id"])
    assert (record["surface"], record["outcome"], record["is_first_try"]) == ("rest/embeddings", "ok", True)
    assert record["cost_nanousd"] == 2500 * 20


async def test_a_length_is_honoured_or_refused(perpetuo: Gateway, owner: Account) -> None:
    async with client(perpetuo, owner.key) as sdk:
        short = await sdk.embeddings.create(model=SMALL, input="Hello", dimensions=3)
        with pytest.raises(openai.BadRequestError) as caught:
            await sdk.embeddings.create(model="openai/embed-stubborn", input="Hello", dimensions=3)
    assert len(short.data[0].embedding) == 3
    assert caught.value.param == "dimensions"


REFUSED = [
    ("no input", {"input": []}, openai.BadRequestError, "request_invalid"),
    ("no model of one's own", {"model": "auto"}, openai.BadRequestError, "request_invalid"),
    ("a provider that does not embed", {"model": "groq/embed-nowhere"}, openai.BadRequestError, "param_unsupported"),
    ("a provider that fails", {"model": "openai/embed-broken"}, openai.InternalServerError, "upstream_unavailable"),
]


@pytest.mark.parametrize(("change", "raised", "code"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED])
async def test_what_cannot_be_embedded_is_told(
    perpetuo: Gateway, owner: Account, change: dict[str, Any], raised: type[openai.APIStatusError], code: str
) -> None:
    async with client(perpetuo, owner.key) as sdk:
        with pytest.raises(raised) as caught:
            await sdk.embeddings.create(**{"model": SMALL, "input": "Hello", **change})
    assert caught.value.code == code


async def test_another_entry_stands_in_for_one_that_fails(perpetuo: Gateway, embedding: FakeUpstream) -> None:
    made = await sign_up(perpetuo.url, "embeddings-failover@example.com")
    await add_provider(perpetuo.url, made, "http://127.0.0.1:9/v1", provider="openai")
    await add_provider(perpetuo.url, made, f"{embedding.url}/v1", provider="openai", priority=2)
    async with client(perpetuo, made.key) as sdk:
        found = await sdk.embeddings.create(model=SMALL, input="Hello")
    assert found.model_extra is not None
    assert found.model_extra["gateway_metadata"]["attempts"] > 1
    assert found.data[0].embedding == vector_of("Hello", LENGTH)


async def test_every_way_gives_the_same_vectors_and_the_same_record(perpetuo: Gateway, owner: Account) -> None:
    body = {"model": SMALL, "input": ["a", "bb"], "encoding_format": "float"}
    headers = {"authorization": f"Bearer {owner.key}"}
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=headers, timeout=60) as web:
        rest = (await web.post("/v1/embeddings", json=body)).json()
    metadata = (("authorization", f"Bearer {owner.key}"),)
    async with grpc.aio.insecure_channel(perpetuo.target) as channel:
        stub: Any = embeddings_pb2_grpc.EmbeddingsServiceStub(channel)
        asked = embeddings_pb2.CreateRawEmbeddingRequest()
        asked.body.data = json.dumps(body).encode()
        raw = json.loads((await stub.CreateRawEmbedding(asked, metadata=metadata)).body.data)
        texts = embeddings_pb2.EmbeddingInput()
        texts.texts.values.extend(["a", "bb"])
        request = embeddings_pb2.CreateEmbeddingRequest(model=SMALL, input=texts, encoding_format="float")
        typed = await stub.CreateEmbedding(request, metadata=metadata)
    ids = [one.pop("gateway_metadata")["request_id"] for one in (rest, raw)] + [typed.gateway_metadata.request_id]
    assert rest == raw
    assert [list(each.embedding.numbers.values) for each in typed.data] == [each["embedding"] for each in rest["data"]]
    records = await asyncio.gather(*(record_of(perpetuo, one) for one in ids))
    assert [record.pop("surface") for record in records] == ["rest/embeddings", "grpc/embeddings", "grpc/embeddings"]
    assert all(record == records[0] for record in records)
