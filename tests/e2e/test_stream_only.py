"""Upstreams that only stream, over real sockets: whoever asks for an answer in one piece gets one, by every face."""

import json
from collections.abc import AsyncIterator

import anthropic
import openai
import pytest
import pytest_asyncio
from aiohttp import web

from tests.e2e.gateway import Account, Gateway, add_provider, sign_up
from tests.e2e.vendors import streamed
from tests.providers.folding import whole
from tests.providers.test_golden import FOLDERS, stream_of

REFUSAL = {"error": {"message": "This model only support stream mode, please enable the stream parameter."}}
REFUSING, UNASKED = "refusing", "unasked"


def application(seen: list[tuple[str, bool]]) -> web.Application:
    async def answer(request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        is_stream = asked.get("stream") is True
        seen.append((asked["model"], is_stream))
        if asked["model"] == REFUSING and not is_stream:
            return web.json_response(REFUSAL, status=400)
        provider = "anthropic" if request.path.endswith("/messages") else "qwen"
        return await streamed(request, stream_of(provider), "text/event-stream; charset=utf-8")

    app = web.Application()
    app.router.add_post("/{rest:.*}", answer)
    return app


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def streaming() -> AsyncIterator[tuple[str, list[tuple[str, bool]]]]:
    seen: list[tuple[str, bool]] = []
    runner = web.AppRunner(application(seen))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    yield f"http://{host}:{port}", seen
    await runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def account(perpetuo: Gateway, streaming: tuple[str, list[tuple[str, bool]]]) -> Account:
    made = await sign_up(perpetuo.url, "streams@example.com")
    for provider in ("qwen", "anthropic"):
        await add_provider(perpetuo.url, made, f"{streaming[0]}/{provider}/v1", provider=provider, api_key="sk-1")
    return made


@pytest.mark.parametrize("model", [UNASKED, REFUSING])
@pytest.mark.parametrize("provider", ["qwen", "anthropic"])
async def test_the_answer_in_one_piece_is_that_of_the_golden_folder(
    perpetuo: Gateway, streaming: tuple[str, list[tuple[str, bool]]], account: Account, provider: str, model: str
) -> None:
    streaming[1].clear()
    async with openai.AsyncOpenAI(base_url=f"{perpetuo.url}/v1", api_key=account.key, max_retries=0) as asking:
        raw = await asking.chat.completions.with_raw_response.create(
            model=f"{provider}/{model}", messages=[{"role": "user", "content": "Weather?"}]
        )
    told = json.loads(raw.text)
    golden = json.loads((FOLDERS / provider / "answer.json").read_bytes())["body"]
    assert whole(told) == whole(golden)
    assert told["object"] == "chat.completion"
    assert told["usage"]["total_tokens"] == golden["usage"]["total_tokens"]
    asked = [(UNASKED, False)] if model == UNASKED else [(REFUSING, False), (REFUSING, True)]
    assert streaming[1] == asked
    assert told["gateway_metadata"]["attempts"] == len(asked)


async def test_the_messages_face_gets_one_piece_too(perpetuo: Gateway, account: Account) -> None:
    async with anthropic.AsyncAnthropic(base_url=perpetuo.url, api_key=account.key, max_retries=0) as asking:
        for provider in ("anthropic", "qwen"):
            message = await asking.messages.create(
                model=f"{provider}/{UNASKED}", max_tokens=500, messages=[{"role": "user", "content": "Weather?"}]
            )
            golden = json.loads((FOLDERS / provider / "answer.json").read_bytes())["body"]["choices"][0]["message"]
            text = "".join(block.text for block in message.content if block.type == "text")
            calls = [block.name for block in message.content if block.type == "tool_use"]
            assert text == (golden["content"] or "")
            assert calls == [call["function"]["name"] for call in golden.get("tool_calls", ())]
