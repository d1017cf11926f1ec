"""Answers in one piece from upstreams that only stream: who is asked how, and what is made of the streams."""

import asyncio
import json

import pytest

from server import errors
from server.chat.request import parse_chat_request
from server.errors import PerpetuoError
from server.providers.openai import OpenAiDialect
from server.routing.attempt import Trace
from server.routing.dispatch import Dispatcher, Errand, folded
from server.routing.patience import Patience
from tests.unit.server.routing.scripted import (
    DONE,
    FINISH,
    HI,
    ROLE,
    USAGE,
    Reply,
    ScriptedTransport,
    candidate,
    trace,
    whole,
)

BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
REFUSAL = b'{"error":{"message":"This model only support stream mode.","code":"invalid_parameter_error"}}'
STREAM = [ROLE, HI, HI, FINISH, USAGE, DONE]
Script = list[Reply | PerpetuoError]


def errand(names: str, seen: Trace) -> Errand:
    deadline = asyncio.get_running_loop().time() + 10
    return Errand(parse_chat_request(BODY), [candidate(name) for name in names], deadline, seen, 7)


def dispatcher(script: Script) -> tuple[Dispatcher, ScriptedTransport]:
    transport = ScriptedTransport(script)
    return Dispatcher(transport, lambda *_: OpenAiDialect(), Patience(), lambda *_: None), transport


def asked_how(transport: ScriptedTransport) -> list[bool]:
    return [json.loads(sent.body).get("stream") is True for sent in transport.sent]


async def test_a_stream_that_nobody_asked_for_is_the_answer() -> None:
    loop, transport = dispatcher([Reply(STREAM)])
    served = await loop.complete(errand("a", trace()))
    assert asked_how(transport) == [False]
    (choice,) = json.loads(served.answer.body)["choices"]
    assert (choice["message"], choice["finish_reason"]) == ({"role": "assistant", "content": "HiHi"}, "stop")
    usage = served.answer.facts.usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.is_estimated) == (3, 2, False)


async def test_one_that_refuses_is_asked_for_a_stream_and_from_then_on_at_once() -> None:
    script = [whole(REFUSAL, 400), Reply(STREAM), Reply(STREAM), whole()]
    loop, transport = dispatcher([*script])
    first = trace()
    served = await loop.complete(errand("a", first))
    assert json.loads(served.answer.body)["choices"][0]["message"]["content"] == "HiHi"
    assert [attempt.record.outcome for attempt in first.attempts if attempt.record] == ["REQUEST_INVALID"]
    again = trace()
    await loop.complete(errand("a", again))
    assert len(again.attempts) == 1
    await loop.complete(errand("b", trace()))
    assert asked_how(transport) == [False, True, True, False]
    assert json.loads(transport.sent[1].body)["stream_options"] == {"include_usage": True}
    assert all(reply.is_closed for reply in script)


async def test_one_that_then_answers_in_one_piece_is_taken_at_its_word() -> None:
    loop, _ = dispatcher([whole(REFUSAL, 400), whole()])
    served = await loop.complete(errand("a", trace()))
    assert json.loads(served.answer.body)["choices"][0]["message"]["content"] == "Hello"


async def test_one_that_refuses_a_stream_too_is_told() -> None:
    loop, transport = dispatcher([whole(REFUSAL, 400), whole(REFUSAL, 400)])
    with pytest.raises(errors.RequestInvalid):
        await loop.complete(errand("ab", trace()))
    assert asked_how(transport) == [False, True]


BROKEN = [
    ("a reset after content", [ROLE, HI, errors.UpstreamReset("x")], "aab"),
    ("an end without a finish reason", [ROLE, HI], "ab"),
    ("an error event", [HI, b'data: {"error":{"message":"busy","type":"server_error"}}\n\n'], "aab"),
]


@pytest.mark.parametrize(("pieces", "asked"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
async def test_a_stream_that_breaks_moves_on(pieces: list[bytes | PerpetuoError], asked: str) -> None:
    broken = [Reply(pieces) for _ in asked[1:]]
    loop, _ = dispatcher([*broken, Reply(STREAM)])
    seen = trace()
    served = await loop.complete(errand("ab", seen))
    assert "".join(attempt.candidate.deployment.provider_id for attempt in seen.attempts) == asked
    assert json.loads(served.answer.body)["choices"][0]["message"]["content"] == "HiHi"
    assert all(attempt.was_in_vain for attempt in seen.attempts[:-1])
    assert all(reply.is_closed for reply in broken)


async def test_a_stream_beyond_the_bound_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folded, "MAX_BYTES", 300)
    loop, _ = dispatcher([Reply([HI] * 9 + [FINISH, DONE]), whole()])
    seen = trace()
    await loop.complete(errand("ab", seen))
    assert [attempt.record.outcome for attempt in seen.attempts if attempt.record] == ["UPSTREAM_BAD_RESPONSE"]


@pytest.mark.parametrize(
    ("content_type", "is_stream"),
    [("text/event-stream; charset=utf-8", True), ("application/vnd.amazon.eventstream", True), ("text/html", False)],
)
def test_what_says_that_it_is_a_stream(content_type: str, is_stream: bool) -> None:
    assert folded.is_declared_stream({"content-type": content_type}) is is_stream
