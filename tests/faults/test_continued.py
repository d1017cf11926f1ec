"""Streams that go on when they break: whatever the byte at which one is cut, its reader sees one whole answer.

Real sockets. The mock goes on where the text that it gets ends, as a model would that takes a prefill.
"""

import asyncio
import json
import random
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from cli.mock.answers import Asked, words
from cli.mock.contents import events_of
from cli.mock.framing import framed
from cli.mock.scenario import parse_scenario
from cli.mock.wires.openai import OpenAiWire
from tests.faults.asking import Seen
from tests.faults.lab import Lab, Room, Upstream

SEED = 20_260_702
KNOBS = {"stream-mode": "continue"}
TEXT = "Once upon  a time,\n\n a  wörld of 🦊 foxes \n lived; and so on.  The end \n"
SCENARIO = f"text?value={quote(TEXT)}+prefills"
# Few enough that nothing learns from them to leave a target alone.
CUTS_OF_A_ROOM = 3
AT_A_TIME = 8


def events_as_sent() -> list[bytes]:
    """The stream that is cut, event by event."""
    scenario = parse_scenario(SCENARIO)
    asked = Asked(model="lab-model", stream=True, stream_options={"include_usage": True})
    return framed(events_of(asked, scenario, OpenAiWire()), scenario)


EVENTS = events_as_sent()
LENGTH = sum(map(len, EVENTS))


def cuts(count: int) -> list[int]:
    """Every boundary of an event, the bytes beside it, and bytes anywhere."""
    ends = [sum(map(len, EVENTS[:number])) for number in range(len(EVENTS) + 1)]
    chance = random.Random(SEED)
    return sorted({at + by for at in ends for by in (-1, 0, 1)} | {chance.randrange(LENGTH) for _ in range(count)})


def upstream(scenario: str, provider: str = "deepseek", echo: str = "") -> Upstream:
    """One that breaks once as told, and then goes on."""
    return Upstream(f"{SCENARIO}{echo}{scenario}+times?n=1", SCENARIO + echo, provider)


def check(seen: Seen) -> None:
    """One answer, whole, with one identity."""
    assert (seen.status, seen.reason) == (200, "")
    assert seen.text == TEXT
    assert seen.is_complete
    assert seen.finish_reasons == ["stop"]
    events = [json.loads(event[6:]) for event in seen.body.split("\n\n") if event.startswith("data: {")]
    assert len({event["id"] for event in events}) == 1
    assert {event["model"] for event in events} == {"lab-model"}
    assert [
        choice["delta"]["role"] for event in events for choice in event["choices"] if "role" in choice["delta"]
    ] == ["assistant"]


async def try_one(room: Room, byte: int) -> int:
    """Cuts one stream; how many calls it took."""
    mock = room.targets[0].mock
    assert mock is not None
    mock.clear()
    mock.play(f"{SCENARIO}+cut-at?byte={max(byte, 0)}+times?n=1")
    seen = await room.ask(is_stream=True, is_grpc=False, knobs=KNOBS, prompt=f"Cut at {byte}.")
    check(seen)
    return len(mock.requests)


async def try_some(lab: Lab, bytes_cut: list[int]) -> int:
    """Cuts streams one after the other; how many took two calls."""
    again = 0
    for start in range(0, len(bytes_cut), CUTS_OF_A_ROOM):
        async with lab.room(Upstream(SCENARIO, SCENARIO, "deepseek")) as room:
            for byte in bytes_cut[start : start + CUTS_OF_A_ROOM]:
                again += await try_one(room, byte) == 2
    return again


@pytest.mark.timeout(1800)
async def test_a_stream_that_is_cut_anywhere_is_whole(patient: Lab, pytestconfig: pytest.Config) -> None:
    offsets = cuts(int(pytestconfig.getoption("--cuts")) // 6)
    lanes = [offsets[lane::AT_A_TIME] for lane in range(AT_A_TIME)]
    again = sum(await asyncio.gather(*(try_some(patient, lane) for lane in lanes)))
    print(f"{len(offsets)} streams cut, {again} of them gone on with, each whole to the letter")
    assert again > len(offsets) // 2


@pytest.mark.parametrize("provider", ["deepseek", "mistral", "moonshot", "vllm"])
async def test_each_form_of_a_prefill_is_written_as_its_provider_has_it(patient: Lab, provider: str) -> None:
    echo = "?echo=1" if provider == "mistral" else ""
    async with patient.room(upstream("+close-after?n=6", provider, echo)) as room:
        check(await room.ask(is_stream=True, is_grpc=False, knobs=KNOBS))
        mock = room.targets[0].mock
        assert mock is not None
        first, second = mock.requests
        body = json.loads(second.body)
        last = body["messages"][-1]
        assert (last["role"], last["content"]) == ("assistant", "".join(words(TEXT)[:5]).rstrip())
        assert last.get("prefix", False) is (provider in ("deepseek", "mistral"))
        assert last.get("partial", False) is (provider == "moonshot")
        assert body.get("continue_final_message", False) is (provider == "vllm")
        assert (second.path == "/beta/chat/completions") is (provider == "deepseek")
        assert first.path == "/v1/chat/completions"


async def test_another_candidate_goes_on_and_both_are_in_the_books(patient: Lab) -> None:
    broken = upstream("+stall-after?n=6&ms=1+error-event?n=6&type=overloaded_error", "openai-compatible")
    async with patient.room(broken, Upstream(SCENARIO, provider="deepseek")) as room:
        seen = await room.ask(is_stream=True, is_grpc=False, knobs=KNOBS, max_tokens=100)
        check(seen)
        record = await room.record(seen.request_id)
        first, second = record.attempts
        assert (first.outcome, second.outcome, record.outcome) == ("UPSTREAM_STREAM_INTERRUPTED", "ok", "ok")
        assert first.usage is not None
        assert second.usage is not None
        assert record.usage is not None
        assert (first.usage.is_estimated, second.usage.is_estimated) == (True, False)
        assert record.usage.total_tokens == first.usage.total_tokens + second.usage.total_tokens
        assert any("deepseek (lab-model) went on with it" in note for note in seen.notes)
        assert seen.attempts == 2
        mock = room.targets[1].mock
        assert mock is not None
        assert json.loads(mock.requests[0].body)["max_tokens"] == 100 - first.usage.completion_tokens


async def test_a_wire_of_its_own_goes_on_too(patient: Lab) -> None:
    async with patient.room(upstream("+close-after?n=7", "anthropic")) as room:
        seen = await room.ask(is_stream=True, is_grpc=True, knobs=KNOBS, model="claude-haiku-4-5")
        assert (seen.status, seen.reason, seen.text, seen.finish_reasons) == ("OK", "", TEXT, ["stop"])
        mock = room.targets[0].mock
        assert mock is not None
        last = json.loads(mock.requests[1].body)["messages"][-1]
        assert last["role"] == "assistant"
        assert TEXT.startswith(last["content"])


@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-of-which-nothing-is-known"])
async def test_a_model_that_takes_no_prefill_is_not_asked_to_go_on(patient: Lab, model: str) -> None:
    async with patient.room(upstream("+close-after?n=7", "anthropic")) as room:
        seen = await room.ask(is_stream=True, is_grpc=False, knobs=KNOBS, model=model)
        assert seen.reason == "UPSTREAM_STREAM_INTERRUPTED"
        mock = room.targets[0].mock
        assert mock is not None
        assert len(mock.requests) == 1


ENDS: list[tuple[str, Upstream, str | None]] = [
    ("nobody takes a prefill", Upstream(f"{SCENARIO}+close-after?n=6"), None),
    ("the fallback refuses to go on", Upstream(f"{SCENARIO}+close-after?n=6"), "no-prefill"),
    ("it breaks again and again", Upstream(f"{SCENARIO}+close-after?n=3", provider="deepseek"), None),
    ("a call of a tool has begun", Upstream("tool+close-after?n=3", provider="deepseek"), None),
]


@pytest.mark.parametrize(("first", "second"), [case[1:] for case in ENDS], ids=[case[0] for case in ENDS])
async def test_what_cannot_be_gone_on_with_ends_with_one_error(
    patient: Lab, first: Upstream, second: str | None
) -> None:
    upstreams = [first] if second is None else [first, Upstream(second, provider="deepseek")]
    async with patient.room(*upstreams) as room:
        seen = await room.ask(is_stream=True, is_grpc=False, knobs=KNOBS)
        assert (seen.status, seen.reason, seen.is_in_band) == (200, "UPSTREAM_STREAM_INTERRUPTED", True)
        assert not seen.is_complete
        assert seen.finish_reasons == []
        record = await room.record(seen.request_id)
        assert record.outcome == "UPSTREAM_STREAM_INTERRUPTED"
        assert len(record.attempts) <= 4
        await room.let_go()


async def test_the_usage_that_the_client_asks_for_is_that_of_both(patient: Lab) -> None:
    async with patient.room(upstream("+close-after?n=6")) as room:
        body = {"model": "lab-model", "messages": [{"role": "user", "content": "hi"}], "stream": True}
        body |= {"stream_options": {"include_usage": True}, "gateway": {"stream_mode": "continue"}}
        headers = {"authorization": f"Bearer {room.key}"}
        async with patient.session.post(f"{patient.url}/v1/chat/completions", json=body, headers=headers) as answer:
            events = [line[6:] for line in (await answer.text()).split("\n\n")]
        told = [json.loads(event)["usage"] for event in events if event.startswith("{") and '"usage":{' in event]
        request_id = answer.headers["x-request-id"]
        record = await room.record(request_id)
        assert record.usage is not None
        assert len(told) == 1
        assert told[0]["total_tokens"] == record.usage.total_tokens
        assert told[0]["prompt_tokens"] == record.usage.prompt_tokens


async def test_a_caller_who_leaves_while_a_stream_goes_on_frees_the_upstream(patient: Lab) -> None:
    stalls = replace(upstream("+close-after?n=6"), plain="delay-headers?ms=30000")
    async with patient.room(stalls) as room:
        mock = room.targets[0].mock
        assert mock is not None
        asking = asyncio.ensure_future(room.ask(is_stream=True, is_grpc=False, knobs=KNOBS))
        await mock.arrived(2)
        asking.cancel()
        await room.let_go()


FACES = {
    "messages": ("/v1/messages", {"max_tokens": 500, "messages": [{"role": "user", "content": "Tell me."}]}),
    "responses": ("/v1/responses", {"input": "Tell me.", "store": False}),
    "legacy completions": ("/v1/completions", {"prompt": "Tell me.", "max_tokens": 500}),
}
MODELS = {"deepseek": "lab-model", "anthropic": "claude-haiku-4-5"}


async def told_by(room: Room, face: str, provider: str, **more: object) -> list[dict[str, Any]]:
    """The events of a stream by a face, as they were sent."""
    path, body = FACES[face]
    asked = {**body, "model": MODELS[provider], "stream": True, "gateway": {"stream_mode": "continue"}, **more}
    headers = {"authorization": f"Bearer {room.key}"}
    async with room.lab.session.post(f"{room.lab.url}{path}", json=asked, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        text = await answer.text()
    lines = [line.removeprefix("data: ") for line in text.split("\n") if line.startswith("data: {")]
    return [json.loads(line) for line in lines]


def text_of(event: dict[str, Any]) -> str:
    """What an event of any of the faces says."""
    if event.get("type") == "response.output_text.delta":
        return str(event["delta"])
    if event.get("type") == "content_block_delta":
        return str(event["delta"].get("text", ""))
    return "".join(choice.get("text", "") for choice in event.get("choices", ()))


def ends_of(events: list[dict[str, Any]]) -> list[str]:
    """How the stream ended, by whichever face."""
    found = [str(event["type"]) for event in events if event.get("type") in ("message_stop", "response.completed")]
    choices = [choice for event in events for choice in event.get("choices", ())]
    return found + [choice["finish_reason"] for choice in choices if choice["finish_reason"]]


@pytest.mark.parametrize("provider", list(MODELS))
@pytest.mark.parametrize("face", list(FACES))
async def test_a_stream_of_every_face_goes_on(patient: Lab, face: str, provider: str) -> None:
    async with patient.room(upstream("+close-after?n=7", provider)) as room:
        events = await told_by(room, face, provider)
        assert "".join(map(text_of, events)) == TEXT
        assert len(ends_of(events)) == 1
        assert not [event for event in events if event.get("error")]
        mock = room.targets[0].mock
        assert mock is not None
        first, second = mock.requests
        last = json.loads(second.body)["messages"][-1]
        assert last["role"] == "assistant"
        assert TEXT.startswith(last["content"])
        assert first.path == ("/v1/messages" if provider == "anthropic" else "/v1/chat/completions")


NOT_GONE_ON: dict[str, tuple[str, dict[str, object]]] = {
    "a message that says what its own form alone can": (
        "messages",
        {"container": "c"},
    ),
    "one with thinking": ("messages", {"thinking": {"type": "enabled", "budget_tokens": 200}}),
    "a form of the answer": (
        "responses",
        {"text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}}}},
    ),
    "a tool that has to be called": (
        "messages",
        {
            "tools": [{"name": "f", "input_schema": {"type": "object"}}],
            "tool_choice": {"type": "tool", "name": "f"},
        },
    ),
    "several answers": ("legacy completions", {"n": 2}),
}


@pytest.mark.parametrize(("face", "more"), list(NOT_GONE_ON.values()), ids=list(NOT_GONE_ON))
async def test_what_a_face_asks_beyond_a_text_is_not_gone_on_with(
    patient: Lab, face: str, more: dict[str, object]
) -> None:
    provider = "anthropic" if face == "messages" else "deepseek"
    async with patient.room(upstream("+close-after?n=7", provider)) as room:
        events = await told_by(room, face, provider, **more)
        assert ends_of(events) == []
        assert any(event.get("error") or event.get("type") in ("error", "response.failed") for event in events)
        mock = room.targets[0].mock
        assert mock is not None
        assert len(mock.requests) == 1
