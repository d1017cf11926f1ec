"""The mock as its users see it: through the official SDK and over plain HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import openai
import pytest

from cli.mock.upstream import MockUpstream


@pytest.fixture
async def mock() -> AsyncIterator[MockUpstream]:
    async with MockUpstream() as running:
        yield running


@pytest.fixture
async def client(mock: MockUpstream) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=mock.base_url, api_key="sk-mock", max_retries=0) as made:
        yield made


@pytest.fixture
async def http(mock: MockUpstream) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(mock.origin) as session:
        yield session


MESSAGES: Any = [{"role": "user", "content": "hi"}]


async def test_answers_the_official_client(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    assert answer.choices[0].message.content == "Hello from the mock upstream."


async def test_streams_to_the_official_client(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="mock/slow?n=3&ms=1", messages=MESSAGES, stream=True)
    text = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert "".join(text) == "token0 token1 token2 "


async def test_the_header_wins_over_the_model(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        await client.chat.completions.create(
            model="mock/long", messages=MESSAGES, extra_headers={"x-mock-scenario": "status-429?retry_after=2"}
        )
    assert caught.value.response.headers["retry-after"] == "2"


async def test_lists_models(client: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()] == ["gpt-4o-mini", "gpt-4o", "mock/ok"]
    listed = client.models.list(extra_headers={"x-mock-scenario": "models?ids=a,b"})
    assert [model.id async for model in listed] == ["a", "b"]


async def test_a_scenario_can_hold_for_the_first_requests_only(client: openai.AsyncOpenAI) -> None:
    outcomes = []
    for _ in range(3):
        try:
            await client.chat.completions.create(model="mock/status-500+times?n=2", messages=MESSAGES)
            outcomes.append(200)
        except openai.APIStatusError as error:
            outcomes.append(error.status_code)
    assert outcomes == [500, 500, 200]


async def test_records_what_arrived_exactly(mock: MockUpstream, http: aiohttp.ClientSession) -> None:
    body = b'{"b": 1.0, "model":"m", "big": 9007199254740993, "t": "\\u00e9"}'
    async with http.post("/v1/chat/completions?x=1", data=body, headers={"X-Test": "yes"}) as answer:
        assert answer.status == 200
    assert mock.requests[0].body == body
    assert mock.requests[0].path == "/v1/chat/completions?x=1"
    async with http.get("/mock/requests") as answer:
        (shown,) = (await answer.json())["requests"]
    assert shown["body"] == body.decode()
    assert ["X-Test", "yes"] in shown["headers"]
    async with http.delete("/mock/requests") as answer:
        assert answer.status == 200
    assert mock.requests == []


async def test_tells_that_a_client_left(mock: MockUpstream, http: aiohttp.ClientSession) -> None:
    answer = await http.post("/v1/chat/completions", json={"model": "mock/stall-after?n=1", "stream": True})
    await answer.content.readany()
    answer.close()
    gone = await mock.disconnected()
    assert gone is mock.requests[0]
    async with http.get("/mock/requests") as shown:
        assert (await shown.json())["requests"][0]["disconnected"] is True


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/chat/completions", b"{", 400),
        ("POST", "/v1/chat/completions", b'{"model":"mock/nonsense"}', 400),
        ("GET", "/v1/chat/completions", b"", 404),
        ("GET", "/v1/nothing", b"", 404),
        ("PUT", "/mock/requests", b"", 404),
        ("GET", "/mock/scenarios", b"", 200),
    ],
)
async def test_other_requests(http: aiohttp.ClientSession, method: str, path: str, body: bytes, status: int) -> None:
    async with http.request(method, path, data=body) as answer:
        assert answer.status == status
        assert await answer.json()


async def test_counts_connections_and_drops_them_when_closed() -> None:
    async with MockUpstream() as mock, aiohttp.ClientSession(mock.origin) as session:
        for _ in range(2):
            async with session.post("/v1/chat/completions", json={"model": "m"}) as answer:
                await answer.read()
        assert (mock.connections_opened, mock.connections_open) == (1, 1)
    await mock.idle()
    assert mock.connections_open == 0
