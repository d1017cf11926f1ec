"""The mock as its users see it: through the official SDK and over plain HTTP."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import anthropic
import openai
import pytest
from yarl import URL

from cli.mock.scenario import ScenarioUnknownError
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


SCENARIO = {"x-mock-scenario": "lasts?ms=100+status-500"}


async def ask(http: aiohttp.ClientSession, **body: Any) -> int:
    async with http.post("/v1/chat/completions", json={"model": "m", **body}) as answer:
        await answer.read()
        return answer.status


async def test_requests_that_name_no_scenario_get_those_of_the_port_in_turn() -> None:
    async with MockUpstream(scenarios=["status-500", "ok"]) as mock, aiohttp.ClientSession(mock.origin) as http:
        assert [await ask(http) for _ in range(4)] == [500, 200, 500, 200]
        assert await ask(http, model="mock/status-404") == 404
        mock.play("status-429")
        assert await ask(http) == 429
        async with http.put("/mock/scenario", data=b"status-503,ok") as answer:
            assert await answer.json() == {"scenarios": ["status-503", "ok"]}
        assert [await ask(http) for _ in range(2)] == [503, 200]
        async with http.put("/mock/scenario", data=b"nonsense") as answer:
            assert answer.status == 400
        async with http.put("/mock/scenario", data=b"") as answer:
            assert answer.status == 200
        assert await ask(http) == 200
        assert [record.scenario for record in mock.requests] == [
            "status-500",
            "ok",
            "status-500",
            "ok",
            "status-404",
            "status-429",
            "status-503",
            "ok",
            "",
        ]


async def test_what_is_served_well_can_be_chosen() -> None:
    async with MockUpstream(plain="named?value=other") as mock, aiohttp.ClientSession(mock.origin) as http:
        mock.play("status-500+times?n=1")
        assert await ask(http) == 500
        async with http.post("/v1/chat/completions", json={"model": "m"}) as answer:
            assert (await answer.json())["model"] == "other"


async def test_a_scenario_can_hold_for_a_time(http: aiohttp.ClientSession) -> None:
    async with http.post("/v1/chat/completions", json={"model": "m"}, headers=SCENARIO) as answer:
        assert answer.status == 500
    async with asyncio.timeout(20):
        while answer.status == 500:
            async with http.post("/v1/chat/completions", json={"model": "m"}, headers=SCENARIO) as answer:
                await answer.read()


async def test_a_connection_can_break_when_it_is_used_again(mock: MockUpstream, http: aiohttp.ClientSession) -> None:
    assert await ask(http, model="mock/stale-reset") == 200
    with pytest.raises(aiohttp.ClientError):
        await ask(http, model="mock/stale-reset")
    assert [record.exchange for record in mock.requests[:2]] == [1, 2]


async def test_a_conversation_that_ends_with_the_assistant_can_be_refused(http: aiohttp.ClientSession) -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert await ask(http, model="mock/no-prefill", messages=turns) == 400
    assert await ask(http, model="mock/no-prefill", messages=turns[:1]) == 200


@pytest.mark.parametrize("scenarios", [["refused", "ok"], ["refused+crlf"], ["nonsense"]])
def test_scenarios_that_cannot_be_served_are_refused(scenarios: list[str]) -> None:
    with pytest.raises(ScenarioUnknownError):
        MockUpstream(scenarios=scenarios)


async def test_a_request_cannot_choose_what_holds_for_a_port(http: aiohttp.ClientSession) -> None:
    assert await ask(http, model="mock/refused") == 400


async def test_a_port_can_speak_tls() -> None:
    async with MockUpstream(scenarios=["tls"]) as mock:
        assert mock.base_url.startswith("https://")
        trust = ssl.create_default_context(cadata=mock.authority_pem.decode())
        async with aiohttp.ClientSession(mock.origin) as http, http.get("/v1/models", ssl=trust) as answer:
            assert answer.status == 200


async def test_counts_connections_and_drops_them_when_closed() -> None:
    async with MockUpstream() as mock, aiohttp.ClientSession(mock.origin) as session:
        for _ in range(2):
            async with session.post("/v1/chat/completions", json={"model": "m"}) as answer:
                await answer.read()
        assert (mock.connections_opened, mock.connections_open) == (1, 1)
    await mock.idle()
    assert mock.connections_open == 0


async def test_answers_the_client_of_anthropic(mock: MockUpstream) -> None:
    async with (
        anthropic.AsyncAnthropic(base_url=mock.origin, api_key="sk-mock", max_retries=0) as client,
        client.messages.stream(model="mock/long?n=3", max_tokens=9, messages=MESSAGES) as stream,
    ):
        assert await stream.get_final_text() == "token0 token1 token2 "


async def test_answers_as_gemini_where_gemini_is_asked(http: aiohttp.ClientSession) -> None:
    body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    path = "/v1beta/models/mock%2Fno-finish:streamGenerateContent?alt=sse"
    async with http.post(URL(path, encoded=True), json=body) as answer:
        text = await answer.text()
    assert text.startswith('data: {"responseId"')
    assert "finishReason" not in text
