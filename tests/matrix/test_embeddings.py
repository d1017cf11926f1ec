"""Embeddings through both faces to every vendor's form that embeds: vectors and their order are what the vendor said.

The upstream holds what it is asked against the form, and answers vectors that tell their input. All cells in every run.
"""

import base64
import json
import re
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import openai
import pytest
import pytest_asyncio
from openai.types import CreateEmbeddingResponse, EmbeddingCreateParams
from perpetuo.v1 import embeddings_pb2, embeddings_pb2_grpc

from tests.e2e.fake_upstream import Asked, FakeUpstream, Reply, fake_upstream
from tests.e2e.gateway import Account, Gateway, add_provider, gateway, sign_up
from tests.providers.judge import faults

Json = dict[str, Any]
MODEL = "embed-1"
LENGTH = 4
TEXTS = ["Grüezi 👋", "a", "bb"]


def vector_of(text: str) -> list[float]:
    """A vector that tells its text."""
    return [len(text) + place / 8 for place in range(LENGTH)]


def openais(asked: Asked) -> Json:
    """The form of OpenAI, and of Azure."""
    body = asked.json()
    assert faults(body, EmbeddingCreateParams) == []
    assert body.get("model", MODEL) == MODEL
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    packs = body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": packed(vector_of(text)) if packs else vector_of(text)}
        for index, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
    return {"object": "list", "data": data, "model": MODEL, "usage": usage}


def googles(asked: Asked) -> Json:
    """The form of Gemini."""
    requests = asked.json()["requests"]
    assert {each["model"] for each in requests} == {f"models/{MODEL}"}
    texts = ["".join(part["text"] for part in each["content"]["parts"]) for each in requests]
    return {"embeddings": [{"values": vector_of(text)} for text in texts]}


def coheres(asked: Asked) -> Json:
    """The form of Cohere."""
    body = asked.json()
    assert (body["model"], body["embedding_types"]) == (MODEL, ["float"])
    assert body["input_type"]
    vectors = [vector_of(text) for text in body["texts"]]
    return {
        "id": "e-1",
        "embeddings": {"float": vectors},
        "texts": body["texts"],
        "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": len(vectors)}},
    }


def packed(vector: Sequence[float]) -> str:
    """A vector in base64."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


FORMS: dict[str, tuple[str, str, Callable[[Asked], Json]]] = {
    "openai": ("/openai", r"/openai/embeddings", openais),
    "azure": ("/azure", rf"/azure/.*openai/deployments/{MODEL}/embeddings\?api-version=.+", openais),
    "google": ("/google", rf"/google/models/{MODEL}:batchEmbedContents", googles),
    "cohere": ("/cohere", r"/cohere/.*embed", coheres),
}
"""By provider: where its entry leads, the path that it is asked at, and its answer."""


def answer(asked: Asked) -> Reply:
    """The answer of the provider whose path it is."""
    for _, path, form in FORMS.values():
        if re.fullmatch(path, asked.path):
            return Reply.of(form(asked))
    return Reply.of({"error": {"message": f"No such path: {asked.path}"}}, 404)


@asynccontextmanager
async def embedding(directory: Path) -> AsyncIterator[tuple[Gateway, Account, FakeUpstream]]:
    """A gateway with an entry for each form."""
    options = ("--allow-private-upstreams", "--default-plan", "enterprise")
    async with fake_upstream(answer) as upstream, gateway(directory, *options) as running:
        account = await sign_up(running.url, "embeds@example.com")
        for provider, (base, _, _) in FORMS.items():
            await add_provider(running.url, account, upstream.url + base, provider=provider, models=[MODEL])
        yield running, account, upstream


Place = tuple[Gateway, Account, FakeUpstream]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with embedding(tmp_path_factory.mktemp("embedding")) as made:
        yield made


@pytest.mark.parametrize("encoding", ["float", "base64", None], ids=["floats", "base64", "as the SDK likes it"])
@pytest.mark.parametrize("provider", FORMS)
async def test_the_sdk_gets_the_vectors_in_order(place: Place, provider: str, encoding: str | None) -> None:
    running, account, _ = place
    members: Json = {"model": f"{provider}/{MODEL}", "input": TEXTS}
    if encoding is not None:
        members["encoding_format"] = encoding
    async with openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key=account.key, max_retries=0) as sdk:
        found: CreateEmbeddingResponse = await sdk.embeddings.create(**members)
    expected: list[Any] = [vector_of(text) for text in TEXTS]
    assert [each.embedding for each in found.data] == (
        [packed(vector) for vector in expected] if encoding == "base64" else expected
    )
    assert found.usage.total_tokens >= len(TEXTS)


@pytest.mark.parametrize("provider", FORMS)
async def test_stubs_get_the_same(place: Place, provider: str) -> None:
    running, account, _ = place
    request = embeddings_pb2.CreateEmbeddingRequest(model=f"{provider}/{MODEL}")
    request.input.texts.values.extend(TEXTS)
    async with grpc.aio.insecure_channel(running.target) as channel:
        stub: Any = embeddings_pb2_grpc.EmbeddingsServiceStub(channel)
        found = await stub.CreateEmbedding(request, metadata=(("authorization", f"Bearer {account.key}"),))
    assert [list(each.embedding.numbers.values) for each in found.data] == [vector_of(text) for text in TEXTS]


async def test_each_was_asked_in_its_own_form(place: Place) -> None:
    _, _, upstream = place
    upstream.asked.clear()
    for provider in FORMS:
        await test_stubs_get_the_same(place, provider)
    assert [next(name for name, (_, path, _) in FORMS.items() if re.fullmatch(path, asked.path))
            for asked in upstream.asked] == list(FORMS)  # fmt: skip
    assert all(json.loads(asked.body) for asked in upstream.asked)
