"""A vendor that another package teaches the gateway, from its installation to an answer; and broken packages."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai
import pytest
import pytest_asyncio
from aiohttp import web

from tests.e2e.gateway import Account, Gateway, add_provider, gateway, sign_up
from tests.plugins.installing import install

EXAMPLE = Path(__file__).parents[1] / "plugins/perpetuo_parrot.py"
ASKED: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello!"}]


@dataclass(slots=True)
class Parrot:
    """The vendor."""

    port: int = 0
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    async def speak(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        self.keys.append(request.headers["X-Parrot-Key"])
        if body["voice"] == "mute":
            return web.json_response({"problem": "unknown model: mute"}, status=404)
        counted = {"heard": 5, "spoken": 2}
        if not body["live"]:
            return web.json_response({"id": "p1", "says": "Hello! Héllo!", "why": "done", "counted": counted})
        events = [{"says": "Hello! "}, {"says": "Héllo!"}, {"why": "full", "counted": counted}]
        text = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
        return web.Response(text=text, content_type="text/event-stream")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def parrot() -> AsyncIterator[Parrot]:
    made = Parrot()
    app = web.Application()
    app.router.add_post("/speak", made.speak)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.port = runner.addresses[0][1]
        yield made
    finally:
        await runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway with three packages beside it, of which one works."""
    site = tmp_path_factory.mktemp("site")
    install(site, "perpetuo_parrot", EXAMPLE.read_text(encoding="utf-8"), {"parrot": "perpetuo_parrot:providers"})
    install(site, "perpetuo_broken", "raise RuntimeError('half written')", {"broken": "perpetuo_broken:rows"})
    install(site, "perpetuo_gone", "rows = 7", {"gone": "perpetuo_gone:rows"})
    directory = tmp_path_factory.mktemp("plugins")
    async with gateway(directory, "--allow-private-upstreams", packages=site) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def account(running: Gateway, parrot: Parrot) -> Account:
    made = await sign_up(running.url, "parrot@example.com")
    url = f"http://127.0.0.1:{parrot.port}"
    await add_provider(running.url, made, url, provider="parrot", api_key="parrot-key")
    return made


def client(running: Gateway, account: Account) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key=account.key, max_retries=0)


async def test_its_models_answer_whole_and_streamed(running: Gateway, account: Account, parrot: Parrot) -> None:
    async with client(running, account) as asking:
        assert {"grey", "macaw"} <= {model.id async for model in asking.models.list()}
        whole = await asking.chat.completions.create(model="parrot/grey", messages=ASKED, max_tokens=9)
        stream = await asking.chat.completions.create(
            model="parrot/grey", messages=ASKED, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    assert whole.choices[0].message.content == "Hello! Héllo!"
    assert whole.choices[0].finish_reason == "stop"
    assert whole.usage is not None
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (5, 2)
    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == "Hello! Héllo!"
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "length"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 7
    lines = [{"who": "rules", "says": "Be brief."}, {"who": "you", "says": "Hello!"}]
    assert parrot.asked[0] == {"voice": "grey", "lines": lines, "live": False, "longest": 9}
    assert set(parrot.keys) == {"parrot-key"}


async def test_what_it_does_not_carry_is_told(running: Gateway, account: Account) -> None:
    async with client(running, account) as asking:
        answer = await asking.chat.completions.create(model="parrot/grey", messages=ASKED, seed=7)
    assert answer.model_dump()["gateway_metadata"]["notes"] == ["seed is not sent: the provider has no such parameter."]


async def test_its_refusals_have_a_reason(running: Gateway, account: Account) -> None:
    async with client(running, account) as asking:
        with pytest.raises(openai.NotFoundError):
            await asking.chat.completions.create(model="parrot/mute", messages=ASKED)


def test_broken_packages_are_named_in_the_log_and_stop_nothing(running: Gateway) -> None:
    log = running.log.read_text(encoding="utf-8")
    assert "perpetuo-broken 1.2 (broken): RuntimeError: half written" in log
    assert "perpetuo-gone 1.2 (gone): 'perpetuo_gone:rows' is a int" in log
    assert "Providers of other packages: echo, parrot" in log
