"""The semantic cache over REST and gRPC, as a client meets it, with and without a model that embeds."""

import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import grpc.aio
import httpx2
import pytest
import pytest_asyncio
from perpetuo.v1 import chat_pb2, completions_pb2_grpc

from tests.e2e.fake_upstream import Asked, FakeUpstream, Reply, fake_upstream
from tests.e2e.gateway import Account, Gateway, add_provider, gateway, sign_up
from tests.e2e.test_logs import listed

CHAT = "/v1/chat/completions"
EMBEDDER = "text-embedding-3-small"
FRANCE = "What is the capital of France?"
ALIKE = "hi, what's the capital of France"
TOOL = {"type": "function", "function": {"name": "lookup", "parameters": {"type": "object", "properties": {}}}}


def answer(asked: Asked) -> Reply:
    """Vectors by what is asked about, and answers that say how many were asked before."""
    body = asked.json()
    if asked.path.endswith("/embeddings"):
        text = body["input"] if isinstance(body["input"], str) else body["input"][0]
        if "broken" in text:
            return Reply.of({"error": {"message": "Overloaded", "type": "server_error"}}, 500)
        vector = [1.0, 0.02] if "password" in text else [0.02, 1.0]
        data = [{"object": "embedding", "index": 0, "embedding": vector}]
        usage = {"prompt_tokens": 7, "total_tokens": 7}
        return Reply.of({"object": "list", "data": data, "model": body["model"], "usage": usage})
    said = f"answer to {body['messages'][-1]['content']!s:.200}"
    head = {"id": "chatcmpl-1", "created": 1, "model": body["model"]}
    usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
    if not body.get("stream"):
        choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
        return Reply.of({**head, "object": "chat.completion", "choices": [choice], "usage": usage})
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": said}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": usage},
    ]
    lines = [json.dumps({**head, "object": "chat.completion.chunk", **chunk}).encode() for chunk in chunks]
    return Reply([b"data: " + line + b"\n\n" for line in (*lines, b"[DONE]")], content_type="text/event-stream")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def vendor() -> AsyncIterator[FakeUpstream]:
    async with fake_upstream(answer) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def embedding(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway that has a model say what is alike."""
    options = ("--allow-private-upstreams", "--default-plan", "enterprise", "--semantic-embedder", EMBEDDER)
    async with gateway(tmp_path_factory.mktemp("embedding"), *options) as running:
        yield running


async def owner(gateway: Gateway, vendor: FakeUpstream, name: str, policy: str = "semantic") -> Account:
    """A user with an entry for the vendor, whose workspace has the policy."""
    made = await sign_up(gateway.url, f"{name}@example.com")
    await add_provider(gateway.url, made, f"{vendor.url}/v1", provider="openai")
    async with httpx2.AsyncClient(base_url=gateway.url, headers=made.bearer, timeout=60) as http:
        changed = await http.patch(f"/workspaces/{made.workspace_id}", json={"cache_policy": policy})
        assert changed.status_code == 200, changed.text
    return made


def asking(*texts: str, **members: Any) -> dict[str, Any]:
    roles = ["user", "assistant"] * len(texts)
    said = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]
    return {"model": "gpt-4o-mini", "messages": said, **members}


async def ask(gateway: Gateway, account: Account, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    async with httpx2.AsyncClient(
        base_url=gateway.url, headers={"authorization": f"Bearer {account.key}"}, timeout=60
    ) as http:
        sent = await http.post(CHAT, json=body, headers={name.replace("_", "-"): headers[name] for name in headers})
        assert sent.status_code == 200, sent.text
        found: dict[str, Any] = sent.json()
        return found


async def told(gateway: Gateway, account: Account, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    found: dict[str, Any] = (await ask(gateway, account, body, **headers))["gateway_metadata"]
    return found


async def test_a_request_that_is_like_another_has_its_answer_and_is_told_whose(
    perpetuo: Gateway, vendor: FakeUpstream
) -> None:
    account = await owner(perpetuo, vendor, "semantic-hit")
    first = await ask(perpetuo, account, asking(FRANCE))
    second = await ask(perpetuo, account, asking(ALIKE))
    metadata = second["gateway_metadata"]
    assert second["choices"] == first["choices"]
    assert (metadata["cache"], metadata["cache_hit"], metadata["cost_usd"]) == ("semantic", True, 0)
    assert metadata["cache_source"] == first["gateway_metadata"]["request_id"]
    assert 0.95 <= metadata["cache_similarity"] <= 1
    assert not {"cache", "cache_similarity", "cache_source"} & set(first["gateway_metadata"])


async def test_a_stream_is_answered_so_too(perpetuo: Gateway, vendor: FakeUpstream) -> None:
    account = await owner(perpetuo, vendor, "semantic-stream")
    first = await told(perpetuo, account, asking(FRANCE))
    async with httpx2.AsyncClient(
        base_url=perpetuo.url, headers={"authorization": f"Bearer {account.key}"}, timeout=60
    ) as http:
        lines = (await http.post(CHAT, json=asking(ALIKE, stream=True))).text.split("\n\n")
    assert lines[-2] == "data: [DONE]"
    last = json.loads(lines[-3].removeprefix("data: "))["gateway_metadata"]
    assert (last["cache"], last["cache_source"]) == ("semantic", first["request_id"])


async def test_the_typed_face_tells_it_too(perpetuo: Gateway, vendor: FakeUpstream) -> None:
    account = await owner(perpetuo, vendor, "semantic-grpc")
    async with grpc.aio.insecure_channel(perpetuo.target) as channel:
        stub = completions_pb2_grpc.CompletionsServiceStub(channel)
        metadata = []
        for text in (FRANCE, ALIKE):
            content = chat_pb2.MessageContent(text=text)
            message = chat_pb2.ChatMessage(role="user", content=content)
            request = chat_pb2.CreateChatCompletionRequest(model="gpt-4o-mini", messages=[message])
            answered = await stub.CreateChatCompletion(request, metadata=[("authorization", f"Bearer {account.key}")])
            metadata.append(answered.gateway_metadata)
    assert metadata[1].cache == "semantic"
    assert metadata[1].cache_source == metadata[0].request_id
    assert 0.95 <= metadata[1].cache_similarity <= 1
    assert not metadata[0].HasField("cache")


async def test_another_face_is_answered_so_too(perpetuo: Gateway, vendor: FakeUpstream) -> None:
    account = await owner(perpetuo, vendor, "semantic-messages")
    async with anthropic.AsyncAnthropic(base_url=perpetuo.url, api_key=account.key, max_retries=0) as sdk:
        said = [
            await sdk.messages.create(model="gpt-4o-mini", max_tokens=50, messages=[{"role": "user", "content": text}])
            for text in (FRANCE, ALIKE, "What is the capital of Spain?")
        ]
    texts = [message.content[0].text for message in said if message.content[0].type == "text"]
    assert texts[0] == texts[1] != texts[2]


PROMPTED = [{"role": "system", "content": "x"}, {"role": "user", "content": ALIKE}]
OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("another system prompt", {"model": "gpt-4o-mini", "messages": PROMPTED}),
    ("a tool", asking(ALIKE, tools=[TOOL])),
    ("another model", asking(ALIKE, model="gpt-4o")),
    ("a history", asking("Hello", "Hi", ALIKE)),
    ("another country", asking("What is the capital of Spain?")),
    ("no-store", asking(ALIKE, gateway={"cache": "no-store"})),
]


async def test_whatever_else_differs_it_is_another_request(perpetuo: Gateway, vendor: FakeUpstream) -> None:
    account = await owner(perpetuo, vendor, "semantic-miss")
    await told(perpetuo, account, asking(FRANCE))
    for name, body in OTHERS:
        assert not (await told(perpetuo, account, body))["cache_hit"], name
    assert (await told(perpetuo, account, asking("Hello", "Hi", FRANCE)))["cache"] == "semantic"
    other = await owner(perpetuo, vendor, "semantic-other")
    assert not (await told(perpetuo, other, asking(FRANCE)))["cache_hit"]
    assert not (await told(perpetuo, other, asking("Where is France?")))["cache_hit"]


async def test_a_request_asks_for_it_where_the_workspace_does_not(perpetuo: Gateway, vendor: FakeUpstream) -> None:
    account = await owner(perpetuo, vendor, "semantic-knob", "off")
    wanted = {"gateway": {"cache": "semantic"}}
    assert not (await told(perpetuo, account, asking(FRANCE, **wanted)))["cache_hit"]
    assert not (await told(perpetuo, account, asking(ALIKE)))["cache_hit"]
    assert (await told(perpetuo, account, asking(ALIKE, **wanted)))["cache"] == "semantic"
    assert (await told(perpetuo, account, asking("Please, " + FRANCE), x_perpetuo_cache="semantic"))["cache_hit"]


async def test_a_model_of_the_workspace_says_what_is_alike_and_its_cost_is_in_the_log(
    embedding: Gateway, vendor: FakeUpstream
) -> None:
    account = await owner(embedding, vendor, "semantic-model")
    first = await told(embedding, account, asking("How do I reset my password?"))
    found = await told(embedding, account, asking("I forgot my password"))
    assert (found["cache"], found["cache_source"], found["cost_usd"]) == ("semantic", first["request_id"], 0)
    assert not (await told(embedding, account, asking("I forgot 2 passwords")))["cache_hit"]
    assert not (await told(embedding, account, asking("I never forgot my password")))["cache_hit"]
    async with httpx2.AsyncClient(base_url=embedding.url, headers=account.bearer, timeout=60) as http:
        records = (await listed(http, f"/workspaces/{account.workspace_id}/logs", 8))["logs"]
    vectors = [record for record in records if record["model"] == EMBEDDER]
    assert len(vectors) == 4
    assert all(record["cost"] > 0 and record["surface"] == "rest/embeddings" for record in vectors)
    assert any(vectors[-1]["request_id"] in note for note in first["notes"])


async def test_without_a_vector_the_answer_is_made(embedding: Gateway, vendor: FakeUpstream) -> None:
    account = await owner(embedding, vendor, "semantic-down")
    metadata = await told(embedding, account, asking("This one is broken"))
    assert not metadata["cache_hit"]
    assert any(note.startswith(f"Semantic cache: no vector from {EMBEDDER} (") for note in metadata["notes"])
