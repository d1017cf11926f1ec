"""Azure through the whole gateway: a token of Entra's, what the filters found, and a prompt that they refused."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai
import pytest
import pytest_asyncio
from aiohttp import web

from tests.e2e.gateway import Account, Gateway, add_provider, sign_up

GOLDEN = Path(__file__).parents[1] / "providers/azure"
SECRET = "entra-s3cret~value"
TOKEN = "ey.Entra-{}.sig"
ASKED: Any = [{"role": "user", "content": "Hi"}]
REFUSED: Any = [{"role": "user", "content": "refuse"}]


@dataclass(slots=True)
class Azure:
    """A resource and the service that grants tokens for it; `asked` are path and query of each request."""

    port: int = 0
    granted: int = 0
    good: str = ""
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def grant(self, request: web.Request) -> web.Response:
        form = await request.post()
        if form["client_secret"] != SECRET or form["grant_type"] != "client_credentials":
            return web.json_response({"error": "invalid_client", "error_description": SECRET}, status=401)
        self.granted += 1
        self.good = TOKEN.format(self.granted)
        return web.json_response({"token_type": "Bearer", "expires_in": 3599, "access_token": self.good})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("authorization") != f"Bearer {self.good}":
            return web.json_response({"error": {"code": "401", "message": "Expired."}}, status=401)
        self.asked.append(request.path_qs)
        body = await request.json()
        if body["messages"] == REFUSED:
            found = json.loads((GOLDEN / "error.json").read_text(encoding="utf-8"))[0]
            return web.Response(status=found["status"], text=found["body"], content_type="application/json")
        if not body.get("stream"):
            return web.Response(body=(GOLDEN / "response.json").read_bytes(), content_type="application/json")
        return web.Response(body=(GOLDEN / "stream.sse").read_bytes(), content_type="text/event-stream")


@asynccontextmanager
async def running() -> AsyncIterator[Azure]:
    azure = Azure()
    app = web.Application()
    app.router.add_post("/tenant-1/oauth2/v2.0/token", azure.grant)
    app.router.add_post("/openai/deployments/{name}/chat/completions", azure.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        azure.port = runner.addresses[0][1]
        yield azure
    finally:
        await runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def azure() -> AsyncIterator[Azure]:
    async with running() as made:
        yield made


def app_of(azure: Azure, secret: str = SECRET) -> str:
    return f"tenant_id=tenant-1;client_id=app-1;client_secret={secret};authority={azure.url}"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def account(perpetuo: Gateway, azure: Azure) -> Account:
    made = await sign_up(perpetuo.url, "azure@example.com")
    await add_provider(perpetuo.url, made, azure.url, provider="azure", api_key=app_of(azure))
    return made


def client(perpetuo: Gateway, account: Account) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{perpetuo.url}/v1", api_key=account.key, max_retries=0)


async def test_a_token_is_granted_once_and_again_when_it_is_refused(
    perpetuo: Gateway, azure: Azure, account: Account
) -> None:
    async with client(perpetuo, account) as asking:
        for _ in range(2):
            answer = await asking.chat.completions.create(model="azure/gpt-4o", messages=ASKED)
            assert answer.choices[0].message.content == "A dog in Zürich."
        assert azure.granted == 1
        azure.good = "another"
        await asking.chat.completions.create(model="azure/gpt-4o", messages=ASKED)
    assert azure.granted == 2
    assert set(azure.asked) == {"/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"}


async def test_what_the_filters_found_reaches_the_caller(perpetuo: Gateway, account: Account) -> None:
    async with client(perpetuo, account) as asking:
        whole = (await asking.chat.completions.create(model="azure/gpt-4o", messages=ASKED)).model_dump()
        stream = await asking.chat.completions.create(model="azure/gpt-4o", messages=ASKED, stream=True)
        chunks = [chunk.model_dump() async for chunk in stream]
    assert whole["prompt_filter_results"] == chunks[0]["prompt_filter_results"]
    assert whole["choices"][0]["content_filter_results"]["hate"] == {"filtered": False, "severity": "safe"}
    assert chunks[2]["choices"][0]["content_filter_results"]["hate"] == {"filtered": False, "severity": "safe"}
    assert len({(chunk["id"], chunk["model"], chunk["created"], chunk["object"]) for chunk in chunks}) == 1


async def test_a_prompt_that_the_filters_refused_is_the_callers(perpetuo: Gateway, account: Account) -> None:
    async with client(perpetuo, account) as asking:
        with pytest.raises(openai.BadRequestError) as caught:
            await asking.chat.completions.create(model="azure/gpt-4o", messages=REFUSED)
    assert caught.value.code == "content_policy_violation"


async def test_an_application_that_is_granted_nothing_is_told_so_without_its_secret(
    perpetuo: Gateway, azure: Azure
) -> None:
    account = await sign_up(perpetuo.url, "azure-wrong@example.com")
    await add_provider(perpetuo.url, account, azure.url, provider="azure", api_key=app_of(azure, "wrong-s3cret"))
    async with client(perpetuo, account) as asking:
        with pytest.raises(openai.APIStatusError) as caught:
            await asking.chat.completions.create(model="azure/gpt-4o", messages=ASKED)
    assert caught.value.status_code == 502
    assert "s3cret" not in caught.value.response.text
