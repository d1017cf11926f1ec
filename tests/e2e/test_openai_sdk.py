"""The unmodified OpenAI SDK, with only the base URL and the key changed."""

import asyncio
from typing import Any

import openai
import pytest

from cli.mock.upstream import MockUpstream
from tests.e2e.gateway import Account, Gateway

HELLO: list[Any] = [{"role": "user", "content": "Hello!"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def client(gateway: Gateway, key: str, *, retries: int = 0) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=retries)


async def test_a_completion_in_one_piece(perpetuo: Gateway, account: Account) -> None:
    async with client(perpetuo, account.key) as sdk:
        answer = await sdk.chat.completions.create(model="mock/ok", messages=HELLO)
    assert answer.object == "chat.completion"
    assert answer.id.startswith("chatcmpl-")
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.model_extra is not None
    metadata = answer.model_extra["gateway_metadata"]
    assert metadata["provider"] == "openai-compatible"
    assert metadata["complexity"] == "simple"
    assert metadata["request_id"].startswith("req_")
    assert metadata["attempts"] == 1
    assert metadata["cache_hit"] is False
    assert isinstance(metadata["latency_ms"], int)


async def test_the_synchronous_client(perpetuo: Gateway, account: Account) -> None:
    def ask() -> str | None:
        with openai.OpenAI(base_url=f"{perpetuo.url}/v1", api_key=account.key, max_retries=0) as sdk:
            return sdk.chat.completions.create(model="mock/ok", messages=HELLO).choices[0].message.content

    assert await asyncio.to_thread(ask)


async def test_a_stream_ends_with_a_finish_reason_and_the_metadata(perpetuo: Gateway, account: Account) -> None:
    async with client(perpetuo, account.key) as sdk:
        stream = await sdk.chat.completions.create(model="mock/ok", messages=HELLO, stream=True)
        chunks = [chunk async for chunk in stream]
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text
    assert len({chunk.id for chunk in chunks}) == 1
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason] == ["stop"]
    assert all(chunk.usage is None for chunk in chunks)
    assert chunks[-1].model_extra is not None
    assert chunks[-1].model_extra["gateway_metadata"]["attempts"] == 1


async def test_a_stream_tells_the_usage_once_if_asked(perpetuo: Gateway, account: Account) -> None:
    async with client(perpetuo, account.key) as sdk:
        stream = await sdk.chat.completions.create(
            model="mock/ok",
            messages=HELLO,
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
    assert [bool(chunk.usage) for chunk in chunks].count(True) == 1
    assert chunks[-1].usage is not None
    assert chunks[-1].choices == []
    assert chunks[-1].model_extra is not None
    assert "gateway_metadata" in chunks[-1].model_extra


async def test_a_tool_round_trip(perpetuo: Gateway, account: Account) -> None:
    async with client(perpetuo, account.key) as sdk:
        first = await sdk.chat.completions.create(model="mock/tool", messages=HELLO, tools=[WEATHER])
        calls = first.choices[0].message.tool_calls
        assert calls is not None
        assert first.choices[0].finish_reason == "tool_calls"
        history = [
            *HELLO,
            first.choices[0].message.model_dump(exclude_none=True),
            {"role": "tool", "tool_call_id": calls[0].id, "content": "12 degrees"},
        ]
        second = await sdk.chat.completions.create(model="mock/ok", messages=history, tools=[WEATHER])
    assert second.choices[0].message.content


async def test_streamed_tool_calls_fold_to_valid_arguments(perpetuo: Gateway, account: Account) -> None:
    async with (
        client(perpetuo, account.key) as sdk,
        sdk.chat.completions.stream(model="mock/tool", messages=HELLO, tools=[WEATHER]) as stream,
    ):
        final = await stream.get_final_completion()
    calls = final.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].function.name == "get_weather"


ERRORS = [
    ("a wrong key", "pk_wrong", "mock/ok", openai.AuthenticationError, "invalid_api_key"),
    ("a model that no provider has", "", "mock/status-404", openai.NotFoundError, "model_not_found"),
    ("a provider that limits", "", "mock/status-429?retry_after=3", openai.RateLimitError, "rate_limit_exceeded"),
    ("a provider that fails", "", "mock/status-500", openai.InternalServerError, "upstream_unavailable"),
    ("a provider that refuses our key", "", "mock/status-401", openai.InternalServerError, "upstream_auth"),
    ("a provider that blames the request", "", "mock/status-400", openai.BadRequestError, "request_invalid"),
]


@pytest.mark.parametrize(("key", "model", "raised", "code"), [case[1:] for case in ERRORS], ids=[c[0] for c in ERRORS])
async def test_errors_raise_the_class_that_the_sdk_documents(
    perpetuo: Gateway, account: Account, key: str, model: str, raised: type[openai.APIStatusError], code: str
) -> None:
    async with client(perpetuo, key or account.key) as sdk:
        with pytest.raises(raised) as caught:
            await sdk.chat.completions.create(model=model, messages=HELLO)
    assert caught.value.code == code
    assert caught.value.request_id is not None
    assert caught.value.request_id.startswith("req_")
    assert caught.value.body is not None


async def test_the_models_of_the_key_are_listed(perpetuo: Gateway) -> None:
    async with client(perpetuo, perpetuo.demo_key) as sdk:
        names = [model.id async for model in sdk.models.list()]
        one = await sdk.models.retrieve("demo/echo")
    assert "demo/echo" in names
    assert one.id == "demo/echo"


@pytest.mark.parametrize(
    "model", ["mock/slow?ms=100&n=200", "mock/delay-headers?ms=20000", "mock/delay-first?ms=20000"]
)
async def test_an_abort_reaches_the_upstream(
    perpetuo: Gateway, account: Account, upstream: MockUpstream, model: str
) -> None:
    async with client(perpetuo, account.key) as sdk:
        before = len(upstream.disconnects)

        async def ask() -> None:
            stream = await sdk.chat.completions.create(model=model, messages=HELLO, stream=True)
            async for _ in stream:
                arrived.set()

        arrived = asyncio.Event()
        seen = len(upstream.requests)
        task = asyncio.ensure_future(ask())
        async with asyncio.timeout(60):
            while len(upstream.requests) == seen:
                await asyncio.sleep(0.005)
            if model.startswith("mock/slow"):
                await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(8):
            while len(upstream.disconnects) == before:
                await asyncio.sleep(0.002)
