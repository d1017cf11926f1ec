"""The Responses API with a provider of that form behind the gateway: nothing is lost either way."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import openai
import pytest
import pytest_asyncio

from tests.e2e.fake_upstream import Asked, FakeUpstream, Reply, fake_upstream
from tests.e2e.gateway import Account, Gateway, add_provider, sign_up

MODEL = "gpt-5.4"
TEXT = {
    "type": "output_text",
    "text": "Found: this",
    "annotations": [
        {"type": "url_citation", "start_index": 7, "end_index": 11, "url": "https://a.example", "title": "T"}
    ],
    "logprobs": [],
}
OUTPUT: list[dict[str, Any]] = [
    {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "ZW5j+/=="},
    {
        "id": "ws_1",
        "type": "web_search_call",
        "status": "completed",
        "action": {"type": "search", "query": "x", "queries": ["x"]},
    },
    {
        "id": "msg_1",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [TEXT],
        "phase": "final_answer",
    },
    {
        "id": "fc_1",
        "type": "function_call",
        "status": "completed",
        "call_id": "call_1",
        "name": "save",
        "arguments": '{"what":"this"}',
    },
]
RESPONSE: dict[str, Any] = {
    "id": "resp_upstream",
    "object": "response",
    "created_at": 1_770_000_000,
    "status": "completed",
    "completed_at": 1_770_000_001,
    "error": None,
    "incomplete_details": None,
    "model": "gpt-5.4-2026-03-05",
    "output": OUTPUT,
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "store": False,
    "usage": {
        "input_tokens": 90,
        "input_tokens_details": {"cached_tokens": 80},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 10},
        "total_tokens": 110,
    },
    "a_member_of_tomorrow": {"b": 1, "a": [1.0]},
}


def events() -> list[dict[str, Any]]:
    """The response as OpenAI streams it."""
    begun = {**RESPONSE, "status": "in_progress", "output": [], "usage": None, "completed_at": None}
    told: list[dict[str, Any]] = [{"type": "response.created", "response": begun}]
    told.append({"type": "response.in_progress", "response": begun})
    for index, item in enumerate(OUTPUT):
        told += item_events(index, item)
    told.append({"type": "response.completed", "response": RESPONSE})
    return [{**event, "sequence_number": number} for number, event in enumerate(told)]


def item_events(index: int, item: dict[str, Any]) -> list[dict[str, Any]]:
    at = {"item_id": item["id"], "output_index": index}
    inner: list[dict[str, Any]] = []
    if item["type"] == "web_search_call":
        inner = [{"type": f"response.web_search_call.{step}", **at} for step in ("in_progress", "searching")]
    if item["type"] == "message":
        at |= {"content_index": 0}
        empty = {**TEXT, "text": "", "annotations": []}
        inner = [
            {"type": "response.content_part.added", **at, "part": empty},
            {"type": "response.output_text.delta", **at, "delta": "Found: ", "logprobs": [], "obfuscation": "x"},
            {"type": "response.output_text.delta", **at, "delta": "this", "logprobs": [], "obfuscation": "xy"},
            {"type": "response.output_text.annotation.added", **at, "annotation_index": 0,
             "annotation": {"type": "url_citation", "url": "https://a.example"}},
            {"type": "response.output_text.done", **at, "text": "Found: this", "logprobs": []},
            {"type": "response.content_part.done", **at, "part": TEXT},
        ]  # fmt: skip
    if item["type"] == "function_call":
        inner = [
            {"type": "response.function_call_arguments.delta", **at, "delta": item["arguments"]},
            {"type": "response.function_call_arguments.done", **at, "arguments": item["arguments"], "name": "save"},
        ]
    start = {**item, "status": "in_progress"} | ({"content": []} if "content" in item else {})
    if item["type"] == "function_call":
        start["arguments"] = ""
    return [
        {"type": "response.output_item.added", "output_index": index, "item": start},
        *inner,
        {"type": "response.output_item.done", "output_index": index, "item": item},
    ]


def answer(asked: Asked) -> Reply:
    body = asked.json()
    if body.get("max_output_tokens") == 16:
        return Reply.of(
            {"error": {"message": "No.", "type": "invalid_request_error", "param": None, "code": None}}, 400
        )
    return Reply.events(*events()) if body.get("stream") else Reply.of(RESPONSE)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def native() -> AsyncIterator[FakeUpstream]:
    async with fake_upstream(answer) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def owner(perpetuo: Gateway, native: FakeUpstream) -> Account:
    made = await sign_up(perpetuo.url, "native-responses@example.com")
    await add_provider(perpetuo.url, made, f"{native.url}/v1", provider="openai-responses", models=[MODEL])
    return made


def client(gateway: Gateway, key: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0)


async def test_a_request_with_all_that_only_openai_knows_arrives_as_it_was_sent(
    perpetuo: Gateway, owner: Account, native: FakeUpstream
) -> None:
    body: dict[str, Any] = {
        "model": MODEL,
        "input": [
            {"role": "user", "content": [{"type": "input_image", "file_id": "file_1", "detail": "original"}]},
            *OUTPUT,
            {"type": "function_call_output", "call_id": "call_1", "output": [{"type": "input_text", "text": "ok"}]},
            {"type": "computer_call_output", "call_id": "c", "output": {"type": "computer_screenshot"}},
        ],
        "tools": [
            {"type": "web_search", "search_context_size": "low", "filters": None},
            {"type": "function", "name": "save", "parameters": {}, "strict": None, "defer_loading": True},
        ],
        "reasoning": {"effort": "low", "summary": "detailed"},
        "include": ["web_search_call.action.sources"],
        "max_tool_calls": 3,
        "truncation": "auto",
        "context_management": [{"type": "compaction"}],
        "a_member_of_tomorrow": {"b": 1, "a": [1.0, 9007199254740993]},
        "gateway": {"strict": True},
    }  # fmt: skip
    async with httpx2.AsyncClient(
        base_url=perpetuo.url, headers={"authorization": f"Bearer {owner.key}"}, timeout=60
    ) as web:
        got = await web.post("/v1/responses", json=body)
    assert got.status_code == 200, got.text
    asked = native.asked[-1]
    body.pop("gateway")
    assert asked.json() == {**body, "store": False}
    assert asked.path == "/v1/responses"
    found = got.json()
    assert found.pop("gateway_metadata")["provider"] == "openai-responses"
    assert found == RESPONSE


async def test_a_stream_arrives_event_by_event(perpetuo: Gateway, owner: Account) -> None:
    headers = {"authorization": f"Bearer {owner.key}"}
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=headers, timeout=60) as web:
        text = (await web.post("/v1/responses", json={"model": MODEL, "input": "Hi", "stream": True})).text
    found = [json.loads(line[6:]) for line in text.split("\n") if line.startswith("data: ")]
    assert found[-1]["response"].pop("gateway_metadata")["provider"] == "openai-responses"
    assert found == events()


async def test_the_sdk_folds_a_stream_to_the_response(perpetuo: Gateway, owner: Account) -> None:
    async with client(perpetuo, owner.key) as sdk:
        whole = await sdk.responses.create(model=MODEL, input="Search")
        async with sdk.responses.stream(model=MODEL, input="Search") as stream:
            folded = await stream.get_final_response()
    assert whole.id == folded.id == "resp_upstream"
    assert [item.type for item in folded.output] == [item.type for item in whole.output]
    assert folded.output_text == whole.output_text == "Found: this"
    assert folded.usage == whole.usage


async def test_an_answer_comes_back_with_its_reasoning(perpetuo: Gateway, owner: Account, native: FakeUpstream) -> None:
    history: list[Any] = [{"role": "user", "content": "Search"}]
    async with client(perpetuo, owner.key) as sdk:
        first = await sdk.responses.create(model=MODEL, input=history)
        history += [item.to_dict() for item in first.output]
        history.append({"type": "function_call_output", "call_id": "call_1", "output": "saved"})
        await sdk.responses.create(model=MODEL, input=history)
    assert native.asked[-1].json()["input"] == history
    assert history[1]["encrypted_content"] == "ZW5j+/=="


async def test_a_refusal_is_the_gateways_own(perpetuo: Gateway, owner: Account) -> None:
    async with client(perpetuo, owner.key) as sdk:
        with pytest.raises(openai.BadRequestError) as caught:
            await sdk.responses.create(model=MODEL, input="Hi", max_output_tokens=16)
    assert caught.value.code == "request_invalid"


async def test_chats_clients_see_nothing_of_the_form(perpetuo: Gateway, owner: Account) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}
    headers = {"authorization": f"Bearer {owner.key}"}
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=headers, timeout=60) as web:
        whole = (await web.post("/v1/chat/completions", json=body)).json()
        stream = (await web.post("/v1/chat/completions", json={**body, "stream": True})).text
    assert "native" not in whole
    assert '"native"' not in stream
    assert whole["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "save"
