"""The anthropic SDK, unmodified, against a real gateway with a provider of OpenAI's dialect behind it."""

import asyncio
import json
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic.types import Message, MessageParam, ToolParam
from anthropic.types.beta import BetaMessageParam

from cli.mock.upstream import MockUpstream
from tests.e2e.gateway import Account, Gateway, sign_up

HELLO: list[MessageParam] = [{"role": "user", "content": "Say hello"}]
WEATHER: ToolParam = {
    "name": "get_weather",
    "description": "Tells the weather.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
TOOL = 'mock/tool?arguments={"city":"Bonn"}'


def client(gateway: Gateway, key: str) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=gateway.url, api_key=key, max_retries=0)


def metadata_of(message: Message) -> dict[str, Any]:
    assert message.model_extra is not None
    found: dict[str, Any] = message.model_extra["gateway_metadata"]
    return found


async def test_a_message(perpetuo: Gateway, account: Account) -> None:
    async with client(perpetuo, account.key) as sdk:
        message = await sdk.messages.create(model="mock/ok", max_tokens=100, messages=HELLO, system="Be brief.")
    assert message.id.startswith("msg_")
    assert [block.type for block in message.content] == ["text"]
    assert message.stop_reason == "end_turn"
    assert message.usage.input_tokens > 0
    assert metadata_of(message)["provider"] == "openai-compatible"
    assert message._request_id is not None
    assert message._request_id.startswith("req_")


def test_a_message_without_asyncio(perpetuo: Gateway) -> None:
    with anthropic.Anthropic(base_url=perpetuo.url, api_key=perpetuo.demo_key, max_retries=0) as sdk:
        message = sdk.messages.create(model="demo/echo", max_tokens=100, messages=HELLO)
        with sdk.messages.stream(model="demo/echo", max_tokens=100, messages=HELLO) as stream:
            text = "".join(stream.text_stream)
    assert [block.text for block in message.content if block.type == "text"] == [text]


async def test_a_token_instead_of_a_key(perpetuo: Gateway, account: Account) -> None:
    sdk = anthropic.AsyncAnthropic(base_url=perpetuo.url, auth_token=account.key, max_retries=0)
    async with sdk:
        assert (await sdk.messages.create(model="mock/ok", max_tokens=9, messages=HELLO)).content


async def test_a_stream_folds_to_the_same_message(perpetuo: Gateway, account: Account) -> None:
    async with client(perpetuo, account.key) as sdk:
        whole = await sdk.messages.create(model="mock/ok", max_tokens=100, messages=HELLO)
        async with sdk.messages.stream(model="mock/ok", max_tokens=100, messages=HELLO) as stream:
            kinds = [event.type async for event in stream]
            final = await stream.get_final_message()
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert [block.to_dict() for block in final.content] == [block.to_dict() for block in whole.content]
    assert (final.stop_reason, final.usage.output_tokens) == (whole.stop_reason, whole.usage.output_tokens)


async def test_a_raw_stream_ends_by_itself(perpetuo: Gateway, account: Account) -> None:
    async with client(perpetuo, account.key) as sdk:
        stream = await sdk.messages.create(model="mock/ok", max_tokens=100, messages=HELLO, stream=True)
        events = [event async for event in stream]
    assert events[0].type == "message_start"
    assert events[0].message.usage.input_tokens > 0
    assert events[-1].type == "message_stop"
    assert [event.type for event in events].count("message_delta") == 1


@pytest.mark.parametrize("streams", [False, True], ids=["in one piece", "as it is written"])
async def test_a_tool_round_trip(perpetuo: Gateway, account: Account, upstream: MockUpstream, streams: bool) -> None:
    asked: dict[str, Any] = {"model": TOOL, "max_tokens": 100, "tools": [WEATHER], "tool_choice": {"type": "any"}}
    async with client(perpetuo, account.key) as sdk:
        if streams:
            async with sdk.messages.stream(messages=HELLO, **asked) as stream:
                first: Message = await stream.get_final_message()
        else:
            first = await sdk.messages.create(messages=HELLO, **asked)
        assert first.stop_reason == "tool_use"
        [use] = [block for block in first.content if block.type == "tool_use"]
        assert (use.name, use.input) == ("get_weather", {"city": "Bonn"})
        result: MessageParam = {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "12 degrees"}],
        }
        turn: MessageParam = {"role": "assistant", "content": first.content}
        second = await sdk.messages.create(
            model="mock/ok", max_tokens=100, messages=[*HELLO, turn, result], tools=[WEATHER]
        )
    assert second.stop_reason == "end_turn"
    sent = json.loads(upstream.requests[-1].body)
    assert [message["role"] for message in sent["messages"]] == ["user", "assistant", "tool"]
    assert sent["messages"][2] == {"role": "tool", "tool_call_id": use.id, "content": "12 degrees"}
    assert json.loads(sent["messages"][1]["tool_calls"][0]["function"]["arguments"]) == {"city": "Bonn"}


async def test_the_tool_runner_runs_to_its_end(perpetuo: Gateway, account: Account) -> None:
    ran: list[str] = []

    @anthropic.beta_async_tool
    async def get_weather(city: str) -> str:
        """Tells the weather.

        Args:
            city: Where.
        """
        ran.append(city)
        return "12 degrees"

    model = TOOL + "+times?n=1"
    question: list[BetaMessageParam] = [{"role": "user", "content": "How is the weather?"}]
    async with client(perpetuo, account.key) as sdk:
        runner = sdk.beta.messages.tool_runner(model=model, max_tokens=100, tools=[get_weather], messages=question)
        final = await runner.until_done()
    assert ran == ["Bonn"]
    assert [block.type for block in final.content] == ["text"]


async def test_what_claude_code_sends_is_taken(perpetuo: Gateway, account: Account, upstream: MockUpstream) -> None:
    mark: Any = {"type": "ephemeral"}
    async with client(perpetuo, account.key) as sdk:
        stream = await sdk.beta.messages.create(
            model="mock/ok",
            max_tokens=32000,
            system=[{"type": "text", "text": "You are an agent.", "cache_control": mark}],
            messages=[{"role": "user", "content": [{"type": "text", "text": "Go.", "cache_control": mark}]}],
            tools=[{**WEATHER, "cache_control": mark}],
            metadata={"user_id": "user_" + "a" * 64 + "_account__session_" + "b" * 36},
            thinking={"type": "enabled", "budget_tokens": 31999},
            betas=["claude-code-20250219", "interleaved-thinking-2025-05-14", "fine-grained-tool-streaming-2025-05-14"],
            stream=True,
        )
        events = [event async for event in stream]
    assert [events[0].type, events[-1].type] == ["message_start", "message_stop"]
    sent = json.loads(upstream.requests[-1].body)
    assert sent["max_completion_tokens"] == 32000
    assert len(sent["user"]) == 64


async def test_tokens_are_counted(perpetuo: Gateway, account: Account) -> None:
    async with client(perpetuo, account.key) as sdk:
        bare = await sdk.messages.count_tokens(model="claude-sonnet-4-5", messages=HELLO)
        more = await sdk.messages.count_tokens(model="claude-sonnet-4-5", messages=HELLO, tools=[WEATHER], system="Hi")
    assert 0 < bare.input_tokens < more.input_tokens


async def test_models_are_listed_in_pages(perpetuo: Gateway) -> None:
    async with client(perpetuo, perpetuo.demo_key) as sdk:
        names = [model.id async for model in sdk.models.list(limit=3)]
        one = await sdk.models.retrieve("demo/echo")
        with pytest.raises(anthropic.NotFoundError):
            await sdk.models.retrieve("demo/nope")
    assert len(names) > 3
    assert names == sorted(names)
    assert (one.id, one.type, one.lifecycle) == ("demo/echo", "model", "active")


async def test_other_clients_see_models_in_their_own_shape(perpetuo: Gateway) -> None:
    headers = {"x-api-key": perpetuo.demo_key}
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=headers, timeout=60) as web:
        usual = (await web.get("/v1/models")).json()
        anthropics = (await web.get("/v1/models", headers={"anthropic-version": "2023-06-01"})).json()
    assert usual["object"] == "list"
    assert set(anthropics) == {"data", "has_more", "first_id", "last_id"}


ERRORS: list[tuple[str, str, str, type[anthropic.APIStatusError], str, str]] = [
    ("a wrong key", "pk_wrong", "mock/ok", anthropic.AuthenticationError, "authentication_error", "invalid_api_key"),
    ("a model that no provider has", "", "mock/status-404", anthropic.NotFoundError, "not_found_error",
     "model_not_found"),
    ("a provider that limits", "", "mock/status-429?retry_after=3", anthropic.RateLimitError, "rate_limit_error",
     "rate_limit_exceeded"),
    ("a provider that fails", "", "mock/status-500", anthropic.ServiceUnavailableError, "overloaded_error",
     "upstream_unavailable"),
    ("a provider that refuses our key", "", "mock/status-401", anthropic.InternalServerError, "api_error",
     "upstream_auth"),
    ("a provider that blames the request", "", "mock/status-400", anthropic.BadRequestError, "invalid_request_error",
     "request_invalid"),
]  # fmt: skip


@pytest.mark.parametrize("streams", [False, True], ids=["in one piece", "as it is written"])
@pytest.mark.parametrize(
    ("key", "model", "raised", "kind", "code"), [case[1:] for case in ERRORS], ids=[case[0] for case in ERRORS]
)
async def test_errors_raise_the_class_that_the_sdk_documents(
    perpetuo: Gateway,
    account: Account,
    key: str,
    model: str,
    raised: type[anthropic.APIStatusError],
    kind: str,
    code: str,
    streams: bool,
) -> None:
    asked: Any = {"model": model, "max_tokens": 9, "messages": HELLO, "stream": streams}
    async with client(perpetuo, key or account.key) as sdk:
        with pytest.raises(raised) as caught:
            await sdk.messages.create(**asked)
    assert (caught.value.type, caught.value.error_code) == (kind, code)
    assert caught.value.request_id is not None
    assert caught.value.request_id.startswith("req_")
    body: Any = caught.value.body
    assert body["request_id"] == caught.value.request_id


async def test_a_stream_that_breaks_raises_what_broke_it(perpetuo: Gateway, account: Account) -> None:
    model = "mock/slow?n=9&ms=40+error-event?n=6"
    async with client(perpetuo, account.key) as sdk:
        stream = await sdk.messages.create(model=model, max_tokens=9, messages=HELLO, stream=True)
        kinds: list[str] = []
        with pytest.raises(anthropic.APIStatusError) as caught:
            async for event in stream:
                kinds.append(event.type)
    assert "content_block_delta" in kinds
    assert "message_stop" not in kinds
    assert caught.value.error_code == "upstream_stream_interrupted"


async def test_events_are_named_and_nothing_follows_the_last(perpetuo: Gateway, account: Account) -> None:
    headers = {"x-api-key": account.key, "anthropic-version": "2023-06-01"}
    body = {"model": "mock/ok", "max_tokens": 9, "messages": HELLO, "stream": True}
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=headers, timeout=60) as web:
        text = (await web.post("/v1/messages", json=body)).text
    lines = [line for line in text.split("\n") if line]
    names, datas = lines[::2], lines[1::2]
    assert all(name.startswith("event: ") for name in names)
    assert [f"event: {json.loads(data[6:])['type']}" for data in datas] == names
    assert names[1] == "event: ping"
    assert text.endswith('data: {"type":"message_stop"}\n\n')


OF_THE_EDGE = [
    ("no key", "POST", "/v1/messages", {}, b"{}", 401, "authentication_error"),
    ("another method", "GET", "/v1/messages", {}, None, 405, "invalid_request_error"),
    ("a path below", "POST", "/v1/messages/nope", {}, b"{}", 404, "not_found_error"),
    ("another type", "POST", "/v1/messages", {"content-type": "text/plain"}, b"{}", 415, "invalid_request_error"),
    ("an encoding", "POST", "/v1/messages", {"content-encoding": "gzip"}, b"{}", 415, "invalid_request_error"),
    ("a body too large", "POST", "/v1/messages", {}, b" " * (33 << 20), 413, "invalid_request_error"),
    ("a deadline that is none", "POST", "/v1/messages", {"x-request-timeout": "soon"}, b"{}", 400,
     "invalid_request_error"),
    ("another path, with the header", "GET", "/v1/nope", {"anthropic-version": "2023-06-01"}, None, 404,
     "not_found_error"),
    ("models without a key", "GET", "/v1/models", {"anthropic-version": "2023-06-01"}, None, 401,
     "authentication_error"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "headers", "content", "status", "kind"),
    [case[1:] for case in OF_THE_EDGE],
    ids=[case[0] for case in OF_THE_EDGE],
)
async def test_what_the_edge_refuses_is_refused_in_anthropics_form(
    perpetuo: Gateway,
    method: str,
    path: str,
    headers: dict[str, str],
    content: bytes | None,
    status: int,
    kind: str,
) -> None:
    async with httpx2.AsyncClient(base_url=perpetuo.url, timeout=60) as web:
        answer = await web.request(method, path, headers=headers, content=content)
    assert answer.status_code == status
    body = answer.json()
    assert (body["type"], body["error"]["type"]) == ("error", kind)
    assert body["request_id"] == answer.headers["request-id"]


async def test_an_abort_reaches_the_upstream(perpetuo: Gateway, account: Account, upstream: MockUpstream) -> None:
    before = len(upstream.disconnects)
    arrived = asyncio.Event()

    async def ask() -> None:
        async with client(perpetuo, account.key) as sdk:
            model = "mock/slow?ms=100&n=200"
            stream = await sdk.messages.create(model=model, max_tokens=9, messages=HELLO, stream=True)
            async for event in stream:
                if event.type == "content_block_delta":
                    arrived.set()

    task = asyncio.ensure_future(ask())
    async with asyncio.timeout(60):
        await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(15):
        while len(upstream.disconnects) == before:
            await asyncio.sleep(0.002)


async def test_a_new_user_signs_up_and_asks(perpetuo: Gateway) -> None:
    made = await sign_up(perpetuo.url, "messages@example.com")
    async with client(perpetuo, made.key) as sdk:
        with pytest.raises(anthropic.APIStatusError) as caught:
            await sdk.messages.create(model="mock/ok", max_tokens=9, messages=HELLO)
    assert caught.value.type is not None
