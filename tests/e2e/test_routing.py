"""Routing, catalogue and cache over REST, as a client meets them."""

import asyncio
import json
from typing import Any

import httpx2
import pytest

from cli.mock.upstream import MockUpstream
from tests.e2e.fake_upstream import Reply, fake_upstream
from tests.e2e.gateway import Account, Gateway, add_provider, sign_up

CHAT = "/v1/chat/completions"
EXPLAIN = "/v1/route:explain"


def asking(text: str = "hi", **members: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **members}


def client(perpetuo: Gateway, key: str | None = None, **headers: str) -> httpx2.AsyncClient:
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    return httpx2.AsyncClient(base_url=perpetuo.url, headers=headers, timeout=60)


async def test_the_catalogue_is_as_documented(perpetuo: Gateway) -> None:
    async with client(perpetuo) as http:
        answer = await http.get("/api/models", params={"provider": "openai", "supports_vision": "true"})
        models = answer.json()["models"]
    assert answer.status_code == 200
    [mini] = [model for model in models if model["id"] == "gpt-4o-mini"]
    assert mini["provider"] == "openai"
    assert mini["display_name"] == "GPT-4o mini"
    assert {"input_per_1m": 0.15, "output_per_1m": 0.6}.items() <= mini["pricing"].items()
    specs = {"context_window": 128_000, "max_output": 16_384, "supports_vision": True, "supports_streaming": True}
    assert specs.items() <= mini["specs"].items()
    assert mini["performance"] == {"speed_tier": 5, "quality_tier": 2}
    assert mini["retires_on"] is None


@pytest.mark.parametrize(
    ("query", "param"),
    [
        pytest.param("min_context=many", "min_context", id="a number that is none"),
        pytest.param("min_context=-5", "min_context", id="a number below nothing"),
        pytest.param("supports_vision=maybe", "supports_vision", id="a boolean that is none"),
        pytest.param("provider=nobody", "provider", id="a provider that is none"),
    ],
)
async def test_a_bad_filter_is_a_400_that_names_it(perpetuo: Gateway, query: str, param: str) -> None:
    async with client(perpetuo) as http:
        answer = await http.get(f"/api/models?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


async def test_models_one_by_one_and_side_by_side(perpetuo: Gateway) -> None:
    async with client(perpetuo) as http:
        one = await http.get("/api/models/groq/openai/gpt-oss-120b")
        both = await http.post("/api/models/compare", json={"model_ids": ["gpt-4o-mini", "gpt-4.1"]})
        many = await http.post("/api/models/compare", json={"model_ids": ["gpt-4o-mini"] * 5})
        none = await http.get("/api/models/gpt-4o-minni")
    assert one.json()["provider"] == "groq"
    assert [model["id"] for model in both.json()["models"]] == ["gpt-4o-mini", "gpt-4.1"]
    assert (many.status_code, many.json()["error"]["param"]) == (400, "model_ids")
    assert (none.status_code, none.json()["error"]["code"]) == (404, "model_not_found")
    assert "gpt-4o-mini" in none.json()["error"]["message"]


async def test_the_models_of_a_key_carry_what_is_known(perpetuo: Gateway, upstream: MockUpstream) -> None:
    account = await sign_up(perpetuo.url, "models@example.com")
    models = ["gpt-4o-mini", "my-own"]
    await add_provider(perpetuo.url, account, upstream.base_url, provider="openai", models=models)
    async with client(perpetuo, account.key) as http:
        listed = (await http.get("/v1/models")).json()
        one = (await http.get("/v1/models/my-own")).json()
    assert listed["object"] == "list"
    known = listed["data"][0]
    assert (known["id"], known["object"], known["owned_by"]) == ("gpt-4o-mini", "model", "openai")
    assert (known["context_window"], known["supports_vision"]) == (128_000, True)
    assert known["pricing"]["input_per_1m"] == 0.15
    assert (one["id"], one["context_window"], one["pricing"]["input_per_1m"]) == ("my-own", None, None)


async def test_the_gateway_chooses_a_model_that_fits(perpetuo: Gateway, upstream: MockUpstream) -> None:
    account = await sign_up(perpetuo.url, "chooses@example.com")
    models = ["gpt-6.1-sol", "gpt-4o-mini"]
    await add_provider(perpetuo.url, account, upstream.base_url, provider="openai", models=models)
    async with client(perpetuo, account.key) as http:
        for text, level, model in [
            ("Hi", "simple", "gpt-4o-mini"),
            ("Prove the theorem", "expert", "gpt-6.1-sol"),
        ]:
            explained = (await http.post(EXPLAIN, json=asking(text))).json()
            served = (await http.post(CHAT, json=asking(text))).json()["gateway_metadata"]
            assert explained["candidates"][0]["model"] == served["routed_to"] == model
            assert explained["complexity"]["level"] == served["complexity"] == level
        best = (await http.post(CHAT, json=asking(model="auto:best"))).json()
        assert best["gateway_metadata"]["routed_to"] == "gpt-6.1-sol"
        cheap = await http.post(CHAT, json=asking("Prove it"), headers={"x-perpetuo-strategy": "cheapest"})
        assert cheap.json()["gateway_metadata"]["strategy"] == "cheapest"


@pytest.mark.parametrize(
    ("members", "param"),
    [
        pytest.param({"gateway": {"strategy": "sideways"}}, "gateway.strategy", id="an unknown strategy"),
        pytest.param({"model": "auto:good"}, "model", id="an unknown auto"),
    ],
)
@pytest.mark.parametrize("path", [CHAT, EXPLAIN])
async def test_bad_wishes_name_what_is_allowed(
    perpetuo: Gateway, account: Account, path: str, members: dict[str, Any], param: str
) -> None:
    async with client(perpetuo, account.key) as http:
        answer = await http.post(path, json=asking(**members))
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert "cheap" in answer.json()["error"]["message"]


async def test_nobody_left_says_which_filter_took_away_which(perpetuo: Gateway, upstream: MockUpstream) -> None:
    account = await sign_up(perpetuo.url, "nobody@example.com")
    await add_provider(perpetuo.url, account, upstream.base_url, provider="groq", models=["openai/gpt-oss-20b"])
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    body = {"messages": [{"role": "user", "content": [image]}]}
    async with client(perpetuo, account.key) as http:
        refused = await http.post(CHAT, json=body)
        explained = (await http.post(EXPLAIN, json=body)).json()
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (400, "param_unsupported")
    assert "groq/openai/gpt-oss-20b: it does not take images" in error["message"]
    assert error["details"]["vision"] == "groq/openai/gpt-oss-20b"
    assert explained["candidates"] == []
    assert [item["filter"] for item in explained["rejected"]] == ["vision"]
    assert explained["error"] == {"reason": "PARAM_UNSUPPORTED", "message": error["message"]}


async def test_a_prompt_that_fits_nowhere_is_refused_here_and_no_provider_is_asked(perpetuo: Gateway) -> None:
    account = await sign_up(perpetuo.url, "too-long@example.com")
    async with fake_upstream(lambda _: Reply.of({"error": {"message": "asked"}}, 500)) as upstream:
        for provider, models in (("openai", ["gpt-4o-mini"]), ("groq", ["openai/gpt-oss-20b"])):
            await add_provider(perpetuo.url, account, f"{upstream.url}/v1", provider=provider, models=models)
        async with client(perpetuo, account.key) as http:
            # By name there must be no doubt; where the gateway chooses, it must fit.
            for model, words, stream in (("gpt-4o-mini", 250_000, False), ("auto", 160_000, True)):
                answer = await http.post(CHAT, json=asking("word " * words, model=model, stream=stream))
                error = answer.json()["error"]
                assert (answer.status_code, error["code"]) == (400, "context_length_exceeded")
                assert error["param"] == "messages"
                assert "do not fit its 128000 tokens" in error["message"]
                assert answer.headers["x-should-retry"] == "false"
        assert upstream.asked == []


async def test_the_cache_over_http(perpetuo: Gateway, account: Account) -> None:
    body = asking("what the cache is asked", model="m", temperature=0)
    async with client(perpetuo, account.key) as http:

        async def hit(**headers: str) -> bool:
            answer = await http.post(
                CHAT, json=body, headers={name.replace("_", "-"): headers[name] for name in headers}
            )
            found: bool = answer.json()["gateway_metadata"]["cache_hit"]
            return found

        assert [await hit(), await hit()] == [False, True]
        assert not await hit(cache_control="no-store")
        assert not await hit(cache_control="no-cache")
        assert await hit(cache_control="max-age=60")
        lines = (await http.post(CHAT, json={**body, "stream": True})).text.split("\n\n")
    assert lines[-2] == "data: [DONE]"
    assert json.loads(lines[-3].removeprefix("data: "))["gateway_metadata"]["cache_hit"] is True


async def test_identical_requests_at_once_are_one_call(perpetuo: Gateway, upstream: MockUpstream) -> None:
    account = await sign_up(perpetuo.url, "stampede@example.com")
    await add_provider(perpetuo.url, account, upstream.base_url, models=["m"])
    body = asking("all at once", model="m", temperature=0)
    async with client(perpetuo, account.key) as http:
        answers = await asyncio.gather(*(http.post(CHAT, json=body) for _ in range(100)))
    metadata = [answer.json()["gateway_metadata"] for answer in answers]
    assert sum(item["attempts"] for item in metadata) == 1
    assert [item["cache_hit"] for item in metadata].count(False) == 1
