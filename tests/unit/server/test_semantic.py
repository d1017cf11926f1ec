"""Answers to requests that are like the one that asks, through the pipeline: found, told, kept apart, and paid for."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from server import errors
from server.chat.policy import RoutingPolicy
from server.errors import PerpetuoError
from server.pipeline import Pipeline
from server.providers.choice import dialect_for
from server.providers.registry import PROVIDERS
from server.routing.candidates import ProviderFacts
from server.routing.dispatch import Dispatcher
from server.routing.patience import Patience
from server.routing.router import Router
from server.semantic import MAX_CHARS, Semantic
from tests.unit.server import virtual_time
from tests.unit.server.routing.scripted import UNARY, Reply, whole
from tests.unit.server.shared_stage import Stage, collect, complete, stage, streamed, text_of, under_way

POLICY = RoutingPolicy(cache="semantic")
FRANCE = "What is the capital of France?"
ALIKE = "Hi, what's the capital of France?"
EMBEDDER = "embed-1"


def _unflagged(entry: str, reason: str) -> None:
    """Nobody is told of an entry's credential."""


def asking(*texts: str, **members: Any) -> bytes:
    roles = ["user", "assistant"] * len(texts)
    said = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]
    return json.dumps({"model": "m", "messages": said, **members}).encode()


def semantic_stage(
    *script: Reply | PerpetuoError, embedder: str = "lexical", policy: RoutingPolicy = POLICY, is_open: bool = True
) -> Stage:
    made = stage(*script, is_open=is_open)
    parts = made.pipeline._parts

    async def policy_of(workspace_id: str) -> RoutingPolicy:
        return policy

    facts = ProviderFacts(forms=frozenset(PROVIDERS["openai"].natives))
    sources = replace(parts.router._sources, policy_of=policy_of, facts_of=lambda _: facts)
    dispatcher = Dispatcher(
        made.gate, lambda name, request: dialect_for(PROVIDERS[name], request), Patience(), _unflagged
    )
    semantic = Semantic(made.sharing, 0.95, embedder)
    made.pipeline = Pipeline(replace(parts, router=Router(sources), dispatcher=dispatcher, semantic=semantic))
    return made


def vectors(*numbers: float) -> Reply:
    data = [{"object": "embedding", "index": 0, "embedding": list(numbers)}]
    usage = {"prompt_tokens": 4, "total_tokens": 4}
    return whole(json.dumps({"object": "list", "data": data, "model": EMBEDDER, "usage": usage}).encode())


async def test_a_request_that_is_like_another_has_its_answer() -> None:
    on = semantic_stage(whole())
    first = await complete(on, asking(FRANCE))
    second = await complete(on, asking(ALIKE))
    assert first["choices"] == second["choices"]
    assert {"cache", "cache_similarity", "cache_source"} & set(first["gateway_metadata"]) == set()
    metadata = second["gateway_metadata"]
    assert (metadata["cache_hit"], metadata["cost_usd"], metadata["attempts"]) == (True, 0, 0)
    assert (metadata["cache"], metadata["cache_source"]) == ("semantic", "req_1")
    assert 0.95 <= metadata["cache_similarity"] <= 1
    assert on.records[1].is_cache_hit
    assert on.records[1].saved_nanousd == 5
    assert on.records[1].notes == (
        f"Semantic cache: the answer to request req_1, {metadata['cache_similarity']} alike.",
    )
    assert (on.sharing.similar_count, on.sharing.kept_count, on.sharing.led_count) == (1, 0, 1)


async def test_the_very_same_request_is_an_exact_hit() -> None:
    on = semantic_stage(whole())
    await complete(on, asking(FRANCE))
    metadata = (await complete(on, asking(FRANCE)))["gateway_metadata"]
    assert metadata["cache_hit"]
    assert "cache" not in metadata
    assert (on.sharing.similar_count, on.sharing.kept_count) == (0, 1)


async def test_streams_and_answers_in_one_piece_serve_each_other() -> None:
    on = semantic_stage(streamed())
    events = await collect(on, asking(FRANCE, stream=True))
    one = await complete(on, asking(ALIKE))
    assert one["choices"][0]["message"]["content"] == text_of(events)
    again = await collect(on, asking("Please, " + FRANCE, stream=True))
    assert text_of(again) == text_of(events)
    assert again[-1]["gateway_metadata"]["cache"] == "semantic"
    assert len(on.gate.sent) == 1


OTHERS: list[tuple[str, bytes]] = [
    ("another country", asking("What is the capital of Spain?")),
    ("another number", asking("What is the capital of France 2?")),
    ("a system prompt", asking(ALIKE)[:-1].replace(b'[{"role"', b'[{"role":"system","content":"x"},{"role"') + b"}"),
    ("a history", asking("Hi", "Hello", ALIKE)),
    ("another model", asking(ALIKE, model="n")),
    ("a tool", asking(ALIKE, tools=[{"type": "function", "function": {"name": "f"}}])),
    ("another temperature", asking(ALIKE, temperature=0.3)),
    ("a form of the answer", asking(ALIKE, response_format={"type": "json_object"})),
    ("a request that will have none", asking(ALIKE, gateway={"cache": "no-store"})),
    ("one that will have a new one", asking(ALIKE, gateway={"cache": "no-cache"})),
]


@pytest.mark.parametrize("body", [case[1] for case in OTHERS], ids=[case[0] for case in OTHERS])
async def test_another_request_is_not_answered_so(body: bytes) -> None:
    on = semantic_stage(whole(), whole())
    await complete(on, asking(FRANCE))
    assert not (await complete(on, body))["gateway_metadata"]["cache_hit"]


async def test_another_workspace_is_not_answered_so() -> None:
    on = semantic_stage(whole(), whole())
    await complete(on, asking(FRANCE))
    assert not (await complete(on, asking(ALIKE), workspace="ws_2"))["gateway_metadata"]["cache_hit"]


async def test_only_who_asks_for_it_is_answered_so() -> None:
    on = semantic_stage(whole(), whole(), policy=RoutingPolicy(cache="exact"))
    await complete(on, asking(FRANCE, gateway={"cache": "semantic"}))
    assert not (await complete(on, asking("Hey, " + FRANCE)))["gateway_metadata"]["cache_hit"]
    assert (await complete(on, asking(ALIKE, gateway={"cache": "semantic"})))["gateway_metadata"]["cache_hit"]
    assert (await complete(on, asking(ALIKE), cache="semantic"))["gateway_metadata"]["cache"] == "semantic"


async def test_an_age_holds_for_it_too() -> None:
    on = semantic_stage(whole(), whole())
    await complete(on, asking(FRANCE))
    assert not (await complete(on, asking(ALIKE, gateway={"cache": "max-age=0"})))["gateway_metadata"]["cache_hit"]


@pytest.mark.parametrize(
    "first",
    [UNARY.replace(b'"stop"', b'"length"'), UNARY.replace(b'"stop"', b'"content_filter"')],
    ids=["cut short", "filtered"],
)
async def test_an_answer_that_did_not_end_by_itself_serves_nobody_else(first: bytes) -> None:
    assert first != UNARY
    on = semantic_stage(whole(first), whole())
    await complete(on, asking(FRANCE))
    assert not (await complete(on, asking(ALIKE)))["gateway_metadata"]["cache_hit"]


async def test_a_turn_that_is_too_long_is_compared_with_none() -> None:
    on = semantic_stage(whole(), whole())
    text = "word " * (MAX_CHARS // 5) + "end of it"
    await complete(on, asking(text))
    assert not (await complete(on, asking("Please " + text)))["gateway_metadata"]["cache_hit"]


async def test_a_model_says_what_is_alike_in_a_request_of_its_own_with_its_own_cost() -> None:
    on = semantic_stage(vectors(3, 4), whole(), vectors(3, 4.01), embedder=EMBEDDER)
    first = (await complete(on, asking("How do I reset my password?")))["gateway_metadata"]
    second = (await complete(on, asking("I forgot my password, what now?")))["gateway_metadata"]
    assert (first["cache_hit"], second["cache_hit"]) == (False, True)
    assert (second["cache"], second["cache_source"], second["cache_similarity"]) == ("semantic", "req_1", 1.0)
    embedded, answered, embedded_again, found = on.records
    assert [json.loads(sent.body)["model"] for sent in on.gate.sent] == [EMBEDDER, "m", EMBEDDER]
    assert json.loads(on.gate.sent[0].body)["input"] == "How do I reset my password?"
    for record in (embedded, embedded_again):
        assert (record.surface, record.client_request_id, record.cost_nanousd) == ("grpc/embeddings", "req_1", 4)
    assert (answered.cost_nanousd, found.cost_nanousd) == (5, 0)
    assert answered.notes == (f"Semantic cache: a vector from embed-1; its cost is in request {embedded.request_id}.",)
    # What was noted of the first request is not told to the second.
    assert all(embedded.request_id not in note for note in found.notes)
    assert any(embedded_again.request_id in note for note in found.notes)


@pytest.mark.parametrize(
    ("text", "hits"),
    [("How do I reset 3 passwords?", True), ("How do I reset 4 passwords?", False)],
    ids=["same", "other"],
)
async def test_numbers_are_compared_whatever_the_model_says(text: str, hits: bool) -> None:
    on = semantic_stage(vectors(3, 4), whole(), vectors(3, 4), whole(), embedder=EMBEDDER)
    await complete(on, asking("Tell me how I reset 3 passwords"))
    assert (await complete(on, asking(text)))["gateway_metadata"]["cache_hit"] is hits


NO_VECTORS: list[tuple[str, Reply | PerpetuoError, str]] = [
    ("down", errors.UpstreamUnavailable("x", details={"phase": "connect"}), "UPSTREAM_UNAVAILABLE"),
    ("no vector", whole(b'{"data":[{"embedding":["a"]}]}'), "UPSTREAM_BAD_RESPONSE"),
    ("zeros", vectors(0, 0), "UPSTREAM_BAD_RESPONSE"),
    ("refused", whole(b'{"error":{"message":"no","type":"invalid_request_error"}}', 400), "UPSTREAM_REJECTED"),
]


@pytest.mark.parametrize(("reply", "reason"), [case[1:] for case in NO_VECTORS], ids=[case[0] for case in NO_VECTORS])
async def test_without_a_vector_the_answer_is_made_and_a_note_says_why(
    reply: Reply | PerpetuoError, reason: str
) -> None:
    script: Sequence[Reply | PerpetuoError] = [reply, whole()]
    on = semantic_stage(*script, embedder=EMBEDDER)
    metadata = (await complete(on, asking(FRANCE)))["gateway_metadata"]
    assert not metadata["cache_hit"]
    [note] = metadata["notes"]
    assert note.startswith("Semantic cache: no vector from embed-1 (")
    assert reason in note or "REQUEST_INVALID" in note
    assert on.records[0].surface == "grpc/embeddings"


def test_a_slow_model_is_not_waited_for() -> None:
    async def ask() -> tuple[float, dict[str, Any]]:
        slow = Reply((30.0, b"{}"), 200, "application/json")
        on = semantic_stage(slow, whole(), embedder=EMBEDDER)
        began = asyncio.get_running_loop().time()
        answer = await complete(on, asking(FRANCE), seconds=20.0)
        return asyncio.get_running_loop().time() - began, answer["gateway_metadata"]

    took_s, metadata = virtual_time.run(ask())
    assert took_s < 2
    assert "DEADLINE_EXCEEDED" in metadata["notes"][0]


async def test_who_follows_a_stream_is_not_told_what_its_leader_paid() -> None:
    on = semantic_stage(vectors(3, 4), streamed(), embedder=EMBEDDER)
    first = asyncio.ensure_future(collect(on, asking(FRANCE, stream=True)))
    await under_way(on, 2)
    second = await collect(on, asking(FRANCE, stream=True))
    assert "notes" in (await first)[-1]["gateway_metadata"]
    assert "notes" not in second[-1]["gateway_metadata"]
    assert len(on.gate.sent) == 2


async def test_without_memory_for_answers_no_vector_is_paid_for() -> None:
    on = semantic_stage(whole(), embedder=EMBEDDER)
    on.sharing.answers.max_bytes = 0
    await complete(on, asking(FRANCE))
    assert len(on.gate.sent) == 1


async def test_who_waits_for_the_same_call_pays_for_no_vector() -> None:
    on = semantic_stage(whole(), is_open=False)
    first = asyncio.ensure_future(complete(on, asking(FRANCE)))
    await under_way(on)
    second = asyncio.ensure_future(complete(on, asking(FRANCE)))
    await asyncio.sleep(0)
    on.gate.is_open.set()
    assert (await first)["choices"] == (await second)["choices"]
    assert len(on.gate.sent) == 1
