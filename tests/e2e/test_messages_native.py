"""The anthropic SDK with a provider of Anthropic's own form behind the gateway: nothing is lost either way."""

import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx2
import pytest
import pytest_asyncio
from anthropic.types import MessageParam

from tests.e2e.fake_upstream import Asked, FakeUpstream, Reply, fake_upstream
from tests.e2e.gateway import Account, Gateway, add_provider, sign_up

MODEL = "claude-sonnet-4-6"
HELLO: list[MessageParam] = [{"role": "user", "content": "Search for it"}]
USAGE = {
    "input_tokens": 7,
    "cache_creation_input_tokens": 3,
    "cache_read_input_tokens": 90,
    "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 2},
    "output_tokens": 5,
    "service_tier": "standard",
    "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0},
}
CONTENT: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "Hm.", "signature": "c2ln+/=="},
    {"type": "redacted_thinking", "data": "ZGF0YQ=="},
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
    {"type": "text", "text": "Found: ", "citations": None},
    {
        "type": "text",
        "text": "this",
        "citations": [
            {
                "type": "web_search_result_location",
                "cited_text": "this",
                "encrypted_index": "e",
                "title": "T",
                "url": "https://a.example",
            }
        ],
    },
    {"type": "thinking", "thinking": "Then call.", "signature": "c2lnMg=="},
    {"type": "tool_use", "id": "toolu_1", "name": "save", "input": {"what": "this", "n": 1.0}},
]
MESSAGE: dict[str, Any] = {
    "id": "msg_01Native",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-6",
    "content": CONTENT,
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": USAGE,
    "container": {"id": "container_1", "expires_at": "2026-01-28T14:00:00Z"},
    "a_member_of_tomorrow": {"b": 1, "a": [1.0]},
}


def streamed(message: dict[str, Any]) -> Reply:
    """The message as Anthropic streams it."""
    begun = {**message, "content": [], "stop_reason": None, "usage": {**USAGE, "output_tokens": 1}}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": begun}, {"type": "ping"}]
    for index, block in enumerate(message["content"]):
        start, deltas = opened(block)
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    events.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 5}})
    return Reply.events(*events, {"type": "message_stop"})


def opened(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    if block["type"] == "text":
        citations = [{"type": "citations_delta", "citation": cited} for cited in block["citations"] or ()]
        start: dict[str, Any] = {"type": "text", "text": "", "citations": [] if citations else None}
        return start, [*citations, {"type": "text_delta", "text": block["text"]}]
    if block["type"] == "thinking":
        thinking = {"type": "thinking_delta", "thinking": block["thinking"]}
        signature = {"type": "signature_delta", "signature": block["signature"]}
        return {"type": "thinking", "thinking": "", "signature": ""}, [thinking, signature]
    if "input" in block:
        text = json.dumps(block["input"])
        pieces = [{"type": "input_json_delta", "partial_json": text[at : at + 7]} for at in range(0, len(text), 7)]
        return {**block, "input": {}}, pieces
    return block, []


def answer(asked: Asked) -> Reply:
    body = asked.json()
    if body["max_tokens"] == 13:
        error = {"type": "overloaded_error", "message": "Overloaded"}
        return Reply.of({"type": "error", "error": error, "request_id": "req_upstream"}, 529)
    return streamed(MESSAGE) if body.get("stream") else Reply.of(MESSAGE)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def native() -> AsyncIterator[FakeUpstream]:
    async with fake_upstream(answer) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def owner(perpetuo: Gateway, native: FakeUpstream) -> Account:
    made = await sign_up(perpetuo.url, "native@example.com")
    await add_provider(perpetuo.url, made, native.url, provider="anthropic", models=[MODEL])
    return made


def client(gateway: Gateway, key: str) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=gateway.url, api_key=key, max_retries=0)


async def test_a_request_with_all_that_only_anthropic_knows_arrives_as_it_was_sent(
    perpetuo: Gateway, owner: Account, native: FakeUpstream
) -> None:
    body = {
        "model": MODEL,
        "max_tokens": 100,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "messages": [
            {"role": "user", "content": [{"type": "container_upload", "file_id": "file_1"}, {"type": "new", "n": 1.0}]},
            {"role": "assistant", "content": CONTENT},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok"}]},
        ],
        "tools": [
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
            {"name": "save", "input_schema": {"type": "object"}, "defer_loading": True, "input_examples": [{"a": 1}]},
        ],
        "context_management": {"edits": []},
        "container": "container_1",
        "speed": "fast",
        "a_member_of_tomorrow": {"b": 1, "a": [1.0, 9007199254740993]},
        "gateway": {"strict": True},
    }
    headers = {
        "x-api-key": owner.key,
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "a-2025-01-01,b-2025-01-01",
        "x-other": "not for others",
    }
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=headers, timeout=60) as web:
        got = await web.post("/v1/messages?beta=true", json=body)
    assert got.status_code == 200, got.text
    asked = native.asked[-1]
    body.pop("gateway")
    assert asked.json() == body
    assert asked.path == "/v1/messages"
    assert asked.headers["x-api-key"] == "sk-upstream-secret-1234"
    assert asked.headers["anthropic-beta"] == "a-2025-01-01,b-2025-01-01"
    assert "x-other" not in asked.headers
    found = got.json()
    assert found.pop("gateway_metadata")["provider"] == "anthropic"
    assert found == MESSAGE


async def test_a_stream_arrives_event_by_event(perpetuo: Gateway, owner: Account) -> None:
    body = {"model": MODEL, "max_tokens": 100, "messages": HELLO, "stream": True}
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers={"x-api-key": owner.key}, timeout=60) as web:
        text = (await web.post("/v1/messages", json=body)).text
    events = [json.loads(line[6:]) for line in text.split("\n") if line.startswith("data: ")]
    metadata = events[-2].pop("gateway_metadata")
    assert metadata["provider"] == "anthropic"
    expected = b"".join(streamed(MESSAGE).pieces).decode()
    assert events == [json.loads(line[6:]) for line in expected.split("\n") if line.startswith("data: ")]


async def test_the_sdk_folds_a_stream_to_the_message(perpetuo: Gateway, owner: Account) -> None:
    async with client(perpetuo, owner.key) as sdk:
        whole = await sdk.messages.create(model=MODEL, max_tokens=100, messages=HELLO)
        async with sdk.messages.stream(model=MODEL, max_tokens=100, messages=HELLO) as stream:
            folded = await stream.get_final_message()
    assert whole.id == folded.id == MESSAGE["id"]
    assert [block.to_dict() for block in folded.content] == [block.to_dict() for block in whole.content]
    assert folded.usage.cache_read_input_tokens == 90
    assert whole.usage.server_tool_use is not None


async def test_an_answer_comes_back_byte_for_byte_with_its_signatures(
    perpetuo: Gateway, owner: Account, native: FakeUpstream
) -> None:
    async with client(perpetuo, owner.key) as sdk:
        async with sdk.messages.stream(model=MODEL, max_tokens=100, messages=HELLO) as stream:
            first = await stream.get_final_message()
        result: MessageParam = {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "saved"}],
        }
        await sdk.messages.create(model=MODEL, max_tokens=100, messages=[*HELLO, first.to_param(), result])
    sent = native.asked[-1].json()["messages"][1]["content"]
    known = [{name: value for name, value in block.items() if value is not None} for block in sent]
    assert known == [{name: value for name, value in block.items() if value is not None} for block in CONTENT]


async def test_another_vendors_turn_in_between_is_translated(
    perpetuo: Gateway, owner: Account, native: FakeUpstream
) -> None:
    turn: MessageParam = {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "Not signed.", "signature": ""},
            {"type": "text", "text": "Hello."},
            {"type": "tool_use", "id": "functions.save:0", "name": "save", "input": {}},
        ],
    }
    result: MessageParam = {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": "functions.save:0", "content": "saved"}],
    }
    async with client(perpetuo, owner.key) as sdk:
        message = await sdk.messages.create(
            model=MODEL, max_tokens=100, messages=[*HELLO, turn, result],
            tools=[{"name": "save", "input_schema": {"type": "object"}}], extra_headers={"anthropic-beta": "a-1"},
        )  # fmt: skip
    asked = native.asked[-1]
    blocks = asked.json()["messages"][1]["content"]
    assert [block["type"] for block in blocks] == ["text", "tool_use"]
    assert blocks[1]["id"] == asked.json()["messages"][2]["content"][0]["tool_use_id"] != "functions.save:0"
    assert asked.headers["anthropic-beta"] == "a-1"
    assert message.stop_reason == "tool_use"


async def test_a_refusal_is_the_gateways_own(perpetuo: Gateway, owner: Account) -> None:
    async with client(perpetuo, owner.key) as sdk:
        with pytest.raises(anthropic.APIStatusError) as caught:
            await sdk.messages.create(model=MODEL, max_tokens=13, messages=HELLO)
    assert caught.value.type == "overloaded_error"
    assert caught.value.request_id != "req_upstream"


async def test_openais_clients_see_nothing_of_the_form(perpetuo: Gateway, owner: Account) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}
    headers = {"authorization": f"Bearer {owner.key}"}
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=headers, timeout=60) as web:
        whole = (await web.post("/v1/chat/completions", json=body)).json()
        stream = (await web.post("/v1/chat/completions", json={**body, "stream": True})).text
    assert "native" not in whole
    assert '"native"' not in stream
    assert whole["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "save"
