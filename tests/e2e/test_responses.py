"""The Responses API by the openai SDK, unmodified, with a provider of chat completions behind the gateway."""

import json
from typing import Any

import httpx2
import openai
import pytest
import pytest_asyncio
from openai.types.responses import Response
from pydantic import BaseModel

from cli.mock.upstream import MockUpstream
from tests.e2e.gateway import Account, Gateway, add_provider, sign_up
from tests.unit.server.ingress.responses.test_stream import check

WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": False,
}
TOOL = 'mock/tool?arguments={"city":"Bonn"}'


def client(gateway: Gateway, key: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0)


def metadata_of(response: Response) -> dict[str, Any]:
    assert response.model_extra is not None
    found: dict[str, Any] = response.model_extra["gateway_metadata"]
    return found


async def test_a_response(perpetuo: Gateway, account: Account) -> None:
    async with client(perpetuo, account.key) as sdk:
        response = await sdk.responses.create(model="mock/ok", input="Say hello", instructions="Be brief.")
    assert response.id == "resp_" + metadata_of(response)["request_id"].removeprefix("req_")
    assert (response.status, response.error, response.instructions) == ("completed", None, "Be brief.")
    assert [item.type for item in response.output] == ["message"]
    assert response.output_text
    assert response.usage is not None
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens
    assert metadata_of(response)["provider"] == "openai-compatible"


async def test_a_stream_folds_to_the_same_response(perpetuo: Gateway, account: Account) -> None:
    async with client(perpetuo, account.key) as sdk:
        whole = await sdk.responses.create(model="mock/ok", input="Say hello")
        async with sdk.responses.stream(model="mock/ok", input="Say hello") as stream:
            kinds = [event.type async for event in stream]
            final = await stream.get_final_response()
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    assert final.output_text == whole.output_text
    assert final.usage == whole.usage


@pytest.mark.parametrize("streams", [False, True], ids=["in one piece", "as it is written"])
async def test_a_tool_round_trip(perpetuo: Gateway, account: Account, upstream: MockUpstream, streams: bool) -> None:
    asked: dict[str, Any] = {"model": TOOL, "tools": [WEATHER], "tool_choice": "required"}
    history: list[Any] = [{"role": "user", "content": "How is the weather?"}]
    async with client(perpetuo, account.key) as sdk:
        if streams:
            async with sdk.responses.stream(input=history, **asked) as stream:
                first: Response = await stream.get_final_response()
        else:
            first = await sdk.responses.create(input=history, **asked)
        [call] = [item for item in first.output if item.type == "function_call"]
        assert (call.name, json.loads(call.arguments)) == ("get_weather", {"city": "Bonn"})
        history += first.output
        history.append({"type": "function_call_output", "call_id": call.call_id, "output": "12 degrees"})
        second = await sdk.responses.create(model="mock/ok", input=history, tools=[WEATHER])
    assert second.output_text
    sent = json.loads(upstream.requests[-1].body)
    assert [message["role"] for message in sent["messages"]] == ["user", "assistant", "tool"]
    assert sent["messages"][2] == {"role": "tool", "tool_call_id": call.call_id, "content": "12 degrees"}
    assert sent["tools"][0]["function"]["name"] == "get_weather"


BONN = 'mock/text?value={"name":"Bonn","people":330000}'


class City(BaseModel):
    """What is asked for."""

    name: str
    people: int


async def test_an_answer_has_the_form_that_is_asked(
    perpetuo: Gateway, account: Account, upstream: MockUpstream
) -> None:
    async with client(perpetuo, account.key) as sdk:
        response = await sdk.responses.parse(model=BONN, input="A city", text_format=City)
    assert isinstance(response.output_parsed, City)
    sent = json.loads(upstream.requests[-1].body)["response_format"]
    assert (sent["type"], sent["json_schema"]["name"], sent["json_schema"]["strict"]) == ("json_schema", "City", True)


async def test_an_image_and_a_file_arrive(perpetuo: Gateway, account: Account, upstream: MockUpstream) -> None:
    parts: Any = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
    ]
    async with client(perpetuo, account.key) as sdk:
        await sdk.responses.create(model="mock/ok", input=[{"role": "user", "content": parts}])
    [message] = json.loads(upstream.requests[-1].body)["messages"]
    assert message["content"][1]["image_url"] == {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}
    assert message["content"][2]["file"] == {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("no input", {"input": None}, "input"),
    ("an empty list", {"input": []}, "input"),
    ("a text of the wrong kind", {"input": [{"role": "user", "content": [{"type": "input_text"}]}]},
     "input[0].content[0].text"),
    ("an item that nobody knows", {"input": [{"type": "nope"}]}, "input"),
    ("a role that nobody knows", {"input": [{"role": "nobody", "content": "Hi"}]}, "input[0].role"),
    ("a tool that OpenAI runs", {"tools": [{"type": "web_search"}]}, "tools"),
    ("a tool without a name", {"tools": [{"type": "function"}]}, "tools[0].name"),
    ("a choice that nobody knows", {"tool_choice": "maybe"}, "tool_choice"),
    ("a temperature too high", {"temperature": 3}, "temperature"),
    ("no tokens", {"max_output_tokens": 0}, "max_output_tokens"),
    ("the background", {"background": True}, "background"),
    ("a conversation that OpenAI keeps", {"conversation": "conv_1"}, "conversation"),
    ("a prompt that OpenAI keeps", {"prompt": {"id": "pmpt_1"}}, "prompt"),
]  # fmt: skip


@pytest.mark.parametrize("streams", [False, True], ids=["in one piece", "as it is written"])
@pytest.mark.parametrize(("change", "param"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
async def test_what_cannot_be_answered_is_refused_by_the_name_of_the_member(
    perpetuo: Gateway, account: Account, change: dict[str, Any], param: str, streams: bool
) -> None:
    asked: Any = {"model": "mock/ok", "input": "Hi", "stream": streams} | change
    async with client(perpetuo, account.key) as sdk:
        with pytest.raises(openai.BadRequestError) as caught:
            await sdk.responses.create(**asked)
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"


ERRORS: list[tuple[str, str, str, type[openai.APIStatusError], str]] = [
    ("a wrong key", "pk_wrong", "mock/ok", openai.AuthenticationError, "invalid_api_key"),
    ("a model that no provider has", "", "mock/status-404", openai.NotFoundError, "model_not_found"),
    ("a provider that limits", "", "mock/status-429?retry_after=3", openai.RateLimitError, "rate_limit_exceeded"),
    ("a provider that fails", "", "mock/status-500", openai.InternalServerError, "upstream_unavailable"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def failing(perpetuo: Gateway, upstream: MockUpstream) -> Account:
    """A user of whose entry it may be remembered that it fails."""
    made = await sign_up(perpetuo.url, "failing-responses@example.com")
    await add_provider(perpetuo.url, made, upstream.base_url)
    return made


@pytest.mark.parametrize("streams", [False, True], ids=["in one piece", "as it is written"])
@pytest.mark.parametrize(("key", "model", "raised", "code"), [case[1:] for case in ERRORS], ids=[c[0] for c in ERRORS])
async def test_errors_raise_the_class_that_the_sdk_documents(
    perpetuo: Gateway,
    failing: Account,
    key: str,
    model: str,
    raised: type[openai.APIStatusError],
    code: str,
    streams: bool,
) -> None:
    asked: Any = {"model": model, "input": "Hi", "stream": streams}
    async with client(perpetuo, key or failing.key) as sdk:
        with pytest.raises(raised) as caught:
            await sdk.responses.create(**asked)
    assert caught.value.code == code
    assert caught.value.request_id is not None


BREAKS = "mock/slow?n=9&ms=40+error-event?n=6"


async def test_a_stream_that_breaks_raises_what_broke_it(perpetuo: Gateway, account: Account) -> None:
    kinds: list[str] = []
    async with client(perpetuo, account.key) as sdk:
        stream = await sdk.responses.create(model=BREAKS, input="Hi", stream=True)
        with pytest.raises(openai.APIError) as caught:
            async for event in stream:
                kinds.append(event.type)
    assert "response.output_text.delta" in kinds
    assert kinds[-1] == "response.failed"
    assert caught.value.code == "upstream_stream_interrupted"


async def events_of(gateway: Gateway, key: str, **members: Any) -> list[dict[str, Any]]:
    headers = {"authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(base_url=gateway.url, headers=headers, timeout=60) as web:
        answer = await web.post("/v1/responses", json={"input": "Hi", "stream": True, **members})
    assert answer.headers["content-type"].startswith("text/event-stream")
    lines = [line for line in answer.text.split("\n") if line and not line.startswith(":")]
    events: list[dict[str, Any]] = [json.loads(line.removeprefix("data: ")) for line in lines[1::2]]
    assert [f"event: {event['type']}" for event in events] == lines[::2]
    return events


async def test_events_are_named_and_numbered_and_nothing_follows_the_last(perpetuo: Gateway, account: Account) -> None:
    events = await events_of(perpetuo, account.key, model=TOOL, tools=[WEATHER])
    check(events)
    assert "response.function_call_arguments.delta" in [event["type"] for event in events]


async def test_a_stream_that_breaks_ends_with_numbered_events_that_say_so(perpetuo: Gateway, account: Account) -> None:
    events = await events_of(perpetuo, account.key, model=BREAKS)
    failed, error = events[-2:]
    assert (failed["type"], failed["response"]["status"]) == ("response.failed", "failed")
    assert failed["response"]["error"]["message"] == error["message"]
    assert (error["type"], error["code"]) == ("error", "upstream_stream_interrupted")
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
