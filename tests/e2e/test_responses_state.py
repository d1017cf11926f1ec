"""Responses that are kept because their caller asked for it, by the openai SDK, unmodified."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import openai
import pytest
import pytest_asyncio

from cli.mock.upstream import MockUpstream
from tests.e2e.fake_upstream import FakeUpstream, fake_upstream
from tests.e2e.gateway import Account, Gateway, add_provider, sign_up
from tests.e2e.test_responses import TOOL, WEATHER, client
from tests.e2e.test_responses_native import MODEL, answer


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def native() -> AsyncIterator[FakeUpstream]:
    async with fake_upstream(answer) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def owner(perpetuo: Gateway, native: FakeUpstream) -> Account:
    made = await sign_up(perpetuo.url, "kept-responses@example.com")
    await add_provider(perpetuo.url, made, f"{native.url}/v1", provider="openai-responses", models=[MODEL])
    return made


async def test_a_kept_response_is_read_again_and_deleted(perpetuo: Gateway, account: Account) -> None:
    async with client(perpetuo, account.key) as sdk:
        made = await sdk.responses.create(model="mock/ok", input="Say hello", store=True, metadata={"a": "b"})
        assert (await sdk.responses.retrieve(made.id)).to_dict() == made.to_dict()
        assert made.to_dict()["store"] is True
        await sdk.responses.delete(made.id)
        with pytest.raises(openai.NotFoundError):
            await sdk.responses.retrieve(made.id)
        with pytest.raises(openai.NotFoundError):
            await sdk.responses.delete(made.id)


async def test_nothing_is_kept_unless_it_is_asked_for(perpetuo: Gateway, account: Account) -> None:
    async with client(perpetuo, account.key) as sdk:
        made = await sdk.responses.create(model="mock/ok", input="Say hello")
        assert made.to_dict()["store"] is False
        with pytest.raises(openai.NotFoundError):
            await sdk.responses.retrieve(made.id)
        with pytest.raises(openai.BadRequestError) as caught:
            await sdk.responses.create(model="mock/ok", input="And?", previous_response_id=made.id)
    assert caught.value.param == "previous_response_id"


async def test_a_kept_item_can_be_referred_to(perpetuo: Gateway, account: Account, upstream: MockUpstream) -> None:
    async with client(perpetuo, account.key) as sdk:
        first = await sdk.responses.create(model="mock/ok", input="Say hello", store=True)
        [asked] = (await sdk.responses.input_items.list(first.id)).data
        references: Any = [{"type": "item_reference", "id": item.id} for item in (asked, first.output[0])]
        news: Any = {"role": "user", "content": "And again"}
        for streams in (False, True):
            made: Any = await sdk.responses.create(model="mock/ok", input=[*references, news], stream=streams)
            if streams:
                assert [event.type async for event in made][-1] == "response.completed"
            sent = json.loads(upstream.requests[-1].body)["messages"]
            assert [message["role"] for message in sent] == ["user", "assistant", "user"]
            assert "Say hello" in str(sent[0])
            assert first.output_text in str(sent[1])
        other = await sign_up(perpetuo.url, "refers@example.com")
        await add_provider(perpetuo.url, other, upstream.base_url)
    async with client(perpetuo, other.key) as sdk:
        with pytest.raises(openai.BadRequestError) as caught:
            await sdk.responses.create(model="mock/ok", input=[*references, news])
    assert caught.value.param == "input[0]"


@pytest.mark.parametrize("streams", [False, True], ids=["in one piece", "as it is written"])
async def test_a_loop_of_tools_sends_only_what_is_new(
    perpetuo: Gateway, account: Account, upstream: MockUpstream, streams: bool
) -> None:
    asked: dict[str, Any] = {"model": TOOL, "tools": [WEATHER], "tool_choice": "required", "store": True}
    async with client(perpetuo, account.key) as sdk:
        if streams:
            async with sdk.responses.stream(input="How is the weather?", **asked) as stream:
                first = await stream.get_final_response()
        else:
            first = await sdk.responses.create(input="How is the weather?", **asked)
        [call] = [item for item in first.output if item.type == "function_call"]
        output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "12 degrees"}
        second = await sdk.responses.create(
            model="mock/ok", input=[output], tools=[WEATHER], previous_response_id=first.id, store=True
        )
        assert (await sdk.responses.retrieve(second.id)).previous_response_id == first.id
        await sdk.responses.delete(first.id)
        pages = sdk.responses.input_items.list(second.id, order="asc", limit=2)
        listed = [item async for item in pages]
    sent = json.loads(upstream.requests[-1].body)["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool"]
    assert sent[1]["tool_calls"][0]["id"] == sent[2]["tool_call_id"] == call.call_id
    kinds = [item.type for item in listed]
    assert (kinds[0], kinds[-2:]) == ("message", ["function_call", "function_call_output"])


async def test_a_provider_of_the_same_form_gets_the_whole_conversation_and_keeps_nothing(
    perpetuo: Gateway, owner: Account, native: FakeUpstream
) -> None:
    async with client(perpetuo, owner.key) as sdk:
        first = await sdk.responses.create(model=MODEL, input="Search", store=True)
        async with sdk.responses.stream(
            model=MODEL,
            input=[{"type": "function_call_output", "call_id": "call_1", "output": "saved"}],
            previous_response_id=first.id,
            store=True,
        ) as stream:
            ids = {event.response.id async for event in stream if event.type in ("response.created",)}
            second = await stream.get_final_response()
        assert (await sdk.responses.retrieve(second.id)).output_text == "Found: this"
    assert ids == {second.id} != {"resp_upstream"}
    sent = native.asked[-1].json()
    assert (sent["store"], sent["include"]) == (False, ["reasoning.encrypted_content"])
    assert "previous_response_id" not in sent
    kinds = [item.get("type", "message") for item in sent["input"]]
    assert kinds == ["message", "reasoning", "web_search_call", "message", "function_call", "function_call_output"]
    assert sent["input"][1]["encrypted_content"] == "ZW5j+/=="


async def test_a_stream_that_breaks_is_not_kept(perpetuo: Gateway, account: Account) -> None:
    async with client(perpetuo, account.key) as sdk:
        made = ""
        stream = await sdk.responses.create(
            model="mock/slow?n=9&ms=40+error-event?n=6", input="Hi", stream=True, store=True
        )
        with pytest.raises(openai.APIError):
            async for event in stream:
                made = event.response.id if event.type == "response.created" else made
        with pytest.raises(openai.NotFoundError):
            await sdk.responses.retrieve(made)


async def test_a_workspace_that_wants_nothing_kept_is_obeyed(perpetuo: Gateway, upstream: MockUpstream) -> None:
    made = await sign_up(perpetuo.url, "keeps-nothing@example.com")
    await add_provider(perpetuo.url, made, upstream.base_url)
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=made.bearer, timeout=60) as web:
        changed = await web.patch(f"/workspaces/{made.workspace_id}", json={"content_policy": "off"})
        assert changed.status_code == 200, changed.text
    async with client(perpetuo, made.key) as sdk:
        with pytest.raises(openai.BadRequestError) as caught:
            await sdk.responses.create(model="mock/ok", input="Hi", store=True)
    assert caught.value.param == "store"
