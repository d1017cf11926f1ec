"""OpenAI's own client through the gateway to vendors whose wire is another: whole, streamed, and back with tools."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import openai
import pytest
import pytest_asyncio
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from tests.e2e.fake_upstream import Reply, fake_upstream
from tests.e2e.gateway import Account, Gateway, add_provider, sign_up
from tests.e2e.vendors import ACCESS_KEY_ID, SECRET, Vendors, running_vendors
from tests.providers.folding import folded
from tests.providers.folding import whole as whole_of

TOOL: ChatCompletionToolParam = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
PAIR = f"access_key_id={ACCESS_KEY_ID};secret_access_key={SECRET};region=eu-central-1"
QUESTION: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Weather in Zürich and Bern?"}]


@dataclass(frozen=True, slots=True)
class Wire:
    """A vendor: its entry, and a model of it."""

    provider: str
    path: str
    api_key: str
    model: str


WIRES = [
    Wire("bedrock", "/bedrock", PAIR, "anthropic.claude-sonnet-4-5-20250929-v1:0"),
    Wire("openai-responses", "/openai/v1", "sk-1", "gpt-6-luna"),
]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def vendors() -> AsyncIterator[Vendors]:
    async with running_vendors() as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def wired(perpetuo: Gateway, vendors: Vendors) -> Account:
    made = await sign_up(perpetuo.url, "wires@example.com")
    for wire in WIRES:
        await add_provider(perpetuo.url, made, vendors.url + wire.path, provider=wire.provider, api_key=wire.api_key)
    return made


def client(perpetuo: Gateway, account: Account) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{perpetuo.url}/v1", api_key=account.key, max_retries=0)


def answered(calls: list[Any]) -> list[ChatCompletionMessageParam]:
    return [{"role": "tool", "tool_call_id": call.id, "content": "21 C"} for call in calls]


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.provider)
async def test_an_answer_with_tools_and_back(perpetuo: Gateway, vendors: Vendors, wired: Account, wire: Wire) -> None:
    async with client(perpetuo, wired) as asking:
        model = f"{wire.provider}/{wire.model}"
        first = await asking.chat.completions.create(model=model, messages=QUESTION, tools=[TOOL], max_tokens=500)
        message = first.choices[0].message
        assert first.choices[0].finish_reason == "tool_calls"
        assert first.id.startswith("chatcmpl-")
        assert first.model
        assert first.usage is not None
        assert first.usage.total_tokens == first.usage.prompt_tokens + first.usage.completion_tokens
        calls = message.tool_calls or []
        assert [call.type for call in calls] == ["function", "function"]
        history: list[Any] = [*QUESTION, message.model_dump(exclude_none=True), *answered(calls)]
        await asking.chat.completions.create(model=model, messages=history, tools=[TOOL], max_tokens=500)
    sent = str(vendors.last()[2])
    assert all(call.id in sent for call in calls)
    assert "signature" in sent or "encrypted_content" in sent


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.provider)
async def test_a_stream_is_the_same_answer(perpetuo: Gateway, vendors: Vendors, wired: Account, wire: Wire) -> None:
    async with client(perpetuo, wired) as asking:
        model = f"{wire.provider}/{wire.model}"
        asked: dict[str, Any] = {"model": model, "messages": QUESTION, "tools": [TOOL]}
        whole = await asking.chat.completions.create(**asked)
        stream = await asking.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
        chunks = [chunk.model_dump() async for chunk in stream]
    assert folded(chunks) == whole_of(whole.model_dump())
    assert chunks[-1]["usage"]["total_tokens"] == whole.model_dump()["usage"]["total_tokens"]


PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


def looking(url: str) -> list[ChatCompletionMessageParam]:
    part: Any = {"type": "image_url", "image_url": {"url": url}}
    return [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, part]}]


@pytest.mark.parametrize("stream", [False, True], ids=["in one piece", "streamed"])
async def test_a_picture_by_address_arrives_as_bytes_where_only_bytes_are_taken(
    perpetuo: Gateway, vendors: Vendors, wired: Account, stream: bool
) -> None:
    async with client(perpetuo, wired) as asking, fake_upstream(lambda _: Reply([PNG])) as site:
        model, url = f"bedrock/{WIRES[0].model}", f"{site.url}/a.png"
        made: Any = await asking.chat.completions.create(model=model, messages=looking(url), stream=stream)
        if stream:
            assert [chunk async for chunk in made]
    image = vendors.last()[2]["messages"][0]["content"][1]["image"]
    assert image == {"format": "png", "source": {"bytes": base64.b64encode(PNG).decode()}}
    assert [(asked.method, asked.path) for asked in site.asked] == [("GET", "/a.png")]
    assert SECRET not in str(site.asked)


async def test_a_picture_that_cannot_be_had_is_a_refusal_that_names_it(
    perpetuo: Gateway, vendors: Vendors, wired: Account
) -> None:
    async with client(perpetuo, wired) as asking, fake_upstream(lambda _: Reply([b"gone"], 404)) as site:
        before = len(vendors.seen)
        with pytest.raises(openai.BadRequestError) as caught:
            await asking.chat.completions.create(
                model=f"bedrock/{WIRES[0].model}", messages=looking(f"{site.url}/a.png")
            )
    assert caught.value.param == "messages[0].content[1].image_url.url"
    assert "answered 404" in caught.value.message
    assert len(vendors.seen) == before


async def test_credentials_are_checked_where_they_are_used(perpetuo: Gateway, vendors: Vendors, wired: Account) -> None:
    path = f"/workspaces/{wired.workspace_id}/providers"
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=wired.bearer, timeout=60) as asking:
        for api_key, is_taken in ((PAIR, True), (PAIR.replace("EXAMPLEKEY", "EXAMPLEKEX"), False)):
            body = {"provider": "bedrock", "api_key": api_key, "base_url": f"{vendors.url}/bedrock", "verify": True}
            made = (await asking.post(path, json=body)).json()["data"]
            assert made["verified"] is is_taken, made
            assert SECRET not in str(made)
            await asking.delete(f"{path}/{made['id']}")


async def test_a_credential_that_is_half_there_is_refused_with_what_is_missing(
    perpetuo: Gateway, vendors: Vendors, wired: Account
) -> None:
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=wired.bearer, timeout=60) as asking:
        body = {"provider": "bedrock", "api_key": f"secret_access_key={SECRET}", "base_url": f"{vendors.url}/bedrock"}
        answer = await asking.post(f"/workspaces/{wired.workspace_id}/providers", json=body)
    assert answer.status_code == 400
    assert "access_key_id" in answer.text
    assert SECRET not in answer.text
