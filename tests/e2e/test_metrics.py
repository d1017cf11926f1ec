"""`GET /metrics` of a running gateway, in one process and in two: what it counts, and that nobody can swell it."""

import asyncio
import random
import string

import httpx2

from cli.mock.upstream import MockUpstream
from tests.e2e.gateway import Account, Gateway
from tests.e2e.test_apart import Apart, apart
from tests.unit.server.telemetry.test_metrics import Values, of, values_in

__all__ = ["apart"]

MAX_SERIES = 2_000
STRANGERS = 300


async def metrics_of(client: httpx2.AsyncClient) -> Values:
    answer = await client.get("/metrics")
    assert answer.status_code == 200, answer.text
    return values_in(answer.content)


async def settled(client: httpx2.AsyncClient) -> Values:
    """The metrics, once no model call is under way."""
    async with asyncio.timeout(20):
        while (values := await metrics_of(client))[of("perpetuo_requests_in_flight")]:
            await asyncio.sleep(0.05)
    return values


async def complete(client: httpx2.AsyncClient, account: Account, model: str, *, stream: bool) -> int:
    body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "Hello!"}]}
    answer = await client.post(
        "/v1/chat/completions", json=body, headers={"authorization": f"Bearer {account.key}", "user-agent": model}
    )
    return answer.status_code


async def check(url: str, account: Account) -> None:
    """One answer and one stream, each seen on both faces."""
    async with httpx2.AsyncClient(base_url=url, timeout=30) as client:
        before = await settled(client)
        assert await complete(client, account, "mock/ok", stream=False) == 200
        assert await complete(client, account, "mock/ok", stream=True) == 200
        assert await complete(client, account, "mock/status-500", stream=False) in (502, 503)
        after = await settled(client)

    def grown(name: str, **labels: str) -> float:
        return after[of(name, **labels)] - before.get(of(name, **labels), 0)

    assert grown("perpetuo_requests_total", surface="rest", stream="false", outcome="ok") == 1
    assert grown("perpetuo_requests_total", surface="rest", stream="true", outcome="ok") == 1
    assert grown("perpetuo_attempts_total", provider="openai-compatible", outcome="ok") == 2
    assert grown("perpetuo_unpriced_calls_total", provider="openai-compatible", model="other") == 2
    assert grown("perpetuo_upstream_first_token_seconds_count", provider="openai-compatible") == 1
    assert grown("perpetuo_upstream_answer_seconds_count", provider="openai-compatible") == 1
    assert grown("perpetuo_overhead_seconds_count", stream="false") == 1
    assert grown("perpetuo_overhead_seconds_count", stream="true") == 1
    route = "/v1/chat/completions"
    assert grown("perpetuo_http_requests_total", method="POST", route=route, status="200") == 2
    assert after[of("process_resident_memory_bytes")] > 0
    assert after[of("perpetuo_core_process_resident_memory_bytes")] > 0


async def test_what_is_served_is_counted_in_one_process(perpetuo: Gateway, account: Account) -> None:
    await check(perpetuo.url, account)


async def test_what_is_served_is_counted_in_two_processes(apart: Apart) -> None:
    await check(apart.url, apart.account)


async def test_random_models_paths_methods_and_agents_make_no_series(
    perpetuo: Gateway, account: Account, upstream: MockUpstream
) -> None:
    draw = random.Random(31)

    def word() -> str:
        return "".join(draw.choices(string.ascii_letters + string.digits + "-._/", k=draw.randint(1, 40)))

    async with httpx2.AsyncClient(base_url=perpetuo.url, timeout=30) as client:
        for _ in range(STRANGERS):
            await complete(client, account, word(), stream=draw.random() < 0.5)
            method = draw.choice(("GET", "POST", "DELETE", "PURGE", word().replace("/", "").replace("_", "") or "X"))
            await client.request(method, f"/{word()}", headers={"user-agent": word()})
        values = await settled(client)
    labels = {value for _, pairs in values for _, value in pairs}
    print(f"{len(values)} series after {2 * STRANGERS} requests of strangers")
    assert len(values) <= MAX_SERIES
    assert max(map(len, labels)) < 80
    assert account.key not in labels
    assert "PURGE" not in labels


async def test_who_comes_through_a_proxy_from_afar_sees_nothing(perpetuo: Gateway) -> None:
    async with httpx2.AsyncClient(base_url=perpetuo.url, timeout=60) as client:
        answer = await client.get("/metrics", headers={"x-forwarded-for": "8.8.8.8"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "permission_denied")
        assert (await client.post("/metrics")).status_code == 405
