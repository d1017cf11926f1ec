"""Conversations that go from one vendor to another in the middle of a loop of tools, and requests that are strict."""

from typing import Any

import httpx2
import openai
import pytest

from tests.matrix.faces import ChatFace
from tests.matrix.scenes import RESULT, SCENES, SIGNATURE, SYSTEM
from tests.matrix.stage import Stage
from tests.matrix.upstream import playable

Json = dict[str, Any]
DIALECTS = playable()
SIGNING = {"anthropic", "google", "mistral", "responses"}
"""Dialects whose vendor signs its reasoning, and gets it back."""
LEFT_OUT = ("reasoning_content", "thinking_blocks", "reasoning_items", "extra_content")
TOOLS = ChatFace().members("x", SCENES["tools"])["tools"]


async def asked(stage: Stage, dialect: str, scene: str, **members: object) -> httpx2.Response:
    body = {"model": f"{DIALECTS[dialect]}/{scene}", "tools": TOOLS, "max_completion_tokens": 4000, **members}
    headers = {"authorization": f"Bearer {stage.account.key}"}
    async with httpx2.AsyncClient(base_url=stage.gateway.url, headers=headers, timeout=60) as client:
        return await client.post("/v1/chat/completions", json=body)


def said(answer: httpx2.Response) -> Json:
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()["choices"][0]["message"]
    return found


@pytest.mark.parametrize("second", DIALECTS)
@pytest.mark.parametrize("first", DIALECTS)
async def test_a_loop_that_one_vendor_began_another_goes_on_with(stage: Stage, first: str, second: str) -> None:
    stage.upstream.forget()
    words = SCENES["reasoned-tools"].words
    messages: list[Json] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": words}]
    message = said(await asked(stage, first, "reasoned-tools", messages=messages, reasoning_effort="low"))
    assert message["reasoning_content"] == SCENES["reasoned-tools"].said.reasoning
    messages.append(message)
    messages += ({"role": "tool", "tool_call_id": call["id"], "content": RESULT} for call in message["tool_calls"])
    answer = await asked(stage, second, "tool-results", messages=messages)
    assert said(answer)["content"] == SCENES["tool-results"].said.text
    assert stage.upstream.faults == []
    # What Amazon signs is signed by Anthropic's models, and theirs wherever they are reached.
    is_theirs = (first, second) == ("bedrock", "anthropic")
    goes_back = is_theirs or (first == second and first in SIGNING)
    assert (SIGNATURE.encode() in stage.upstream.body) is goes_back
    notes = answer.json()["gateway_metadata"].get("notes", [])
    assert first == second or is_theirs or any(name in note for note in notes for name in LEFT_OUT), notes


async def test_a_strict_request_is_refused_and_the_member_named(stage: Stage) -> None:
    stage.upstream.forget()
    messages = [{"role": "user", "content": "a"}]
    answer = await asked(stage, "anthropic", "text", messages=messages, seed=7, gateway={"strict": True})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "seed"
    assert stage.upstream.asked == []


async def test_what_is_lost_is_told_with_the_answer(stage: Stage) -> None:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": SCENES["text"].words}]
    answer = await asked(stage, "anthropic", "text", messages=messages, seed=7, n=2)
    told = answer.json()["gateway_metadata"]["notes"]
    assert [note.split()[0] for note in told] == ["seed", "n"]


async def test_a_stream_of_fewer_answers_than_were_asked_for_ends(stage: Stage) -> None:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": SCENES["text"].words}]
    answer = await asked(stage, "anthropic", "text", messages=messages, n=2, stream=True)
    assert answer.status_code == 200
    assert answer.text.endswith("data: [DONE]\n\n")
    assert '"error"' not in answer.text


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "streamed"])
async def test_an_answer_that_was_kept_tells_what_was_lost_for_it_and_is_none_for_who_is_strict(
    stage: Stage, is_stream: bool
) -> None:
    stage.upstream.forget()
    words = f"{SCENES['text'].words} {is_stream}"
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": words}]
    members: Json = {"messages": messages, "temperature": 0, "seed": 7, "stream": is_stream}
    first, second = [await asked(stage, "anthropic", "text", **members) for _ in range(2)]
    assert stage.upstream.asked == ["text"]
    assert second.text.count('"cache_hit":true') == 1
    for answer in (first, second):
        assert "seed is not sent" in answer.text
    refused = await asked(stage, "anthropic", "text", **members, gateway={"strict": True})
    assert refused.status_code == 400


@pytest.mark.parametrize("second", [dialect for dialect in DIALECTS if dialect in ("openai", "responses", "anthropic")])
@pytest.mark.parametrize("first", DIALECTS)
async def test_a_kept_loop_goes_on_with_another_vendor(stage: Stage, first: str, second: str) -> None:
    stage.upstream.forget()
    empty = {"type": "object", "properties": {}}
    tools: Any = [{"type": "function", "strict": False, "parameters": empty, **tool["function"]} for tool in TOOLS]
    shared: Json = {"instructions": SYSTEM, "tools": tools, "store": True, "max_output_tokens": 4000}
    url = f"{stage.gateway.url}/v1"
    async with openai.AsyncOpenAI(base_url=url, api_key=stage.account.key, max_retries=0) as sdk:
        begun = await sdk.responses.create(
            model=f"{DIALECTS[first]}/reasoned-tools",
            input=SCENES["reasoned-tools"].words,
            reasoning={"effort": "low"},
            **shared,
        )
        results: Any = [
            {"type": "function_call_output", "call_id": item.call_id, "output": RESULT}
            for item in begun.output
            if item.type == "function_call"
        ]
        ended = await sdk.responses.create(
            model=f"{DIALECTS[second]}/tool-results", input=results, previous_response_id=begun.id, **shared
        )
    assert ended.output_text == SCENES["tool-results"].said.text
    assert stage.upstream.faults == []
    signed_by = {first} | ({"anthropic"} if first == "bedrock" else set())
    is_theirs = second in signed_by or {first, second} == {"openai", "responses"}
    assert (SIGNATURE.encode() in stage.upstream.body) is (is_theirs and first in {*SIGNING, "bedrock", "openai"})
