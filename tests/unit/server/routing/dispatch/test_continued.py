"""Streams that go on: every byte at which one may be cut, who is asked then, and what is written down."""

import asyncio
import json
from typing import Any

import pytest
from msgspec import structs

from server import errors
from server.chat.deployment import Candidate
from server.chat.request import parse_chat_request
from server.chat.wire import Timeouts, WireRequest
from server.errors import PerpetuoError
from server.providers.dialect import Chunk
from server.providers.openai import OpenAiDialect
from server.providers.prefill import Prefill
from server.routing.attempt import Trace
from server.routing.dispatch import ContinuedStream, Dispatcher, Errand, LiveStream, Surroundings
from server.routing.patience import Patience
from tests.unit.server.routing.scripted import DONE, FINISH, HI, ROLE, Reply, ScriptedTransport, candidate, chunk, trace

WORDS = ["Hello", " there,", "\n", "\n", " wörld", " of", " 🦊", " \n", "bye"]
WHOLE = "".join(WORDS)
BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":100}'
Script = list[Reply | PerpetuoError]


def events(words: list[str]) -> list[bytes]:
    said = [chunk(json.dumps({"content": word}, ensure_ascii=False)) for word in words]
    return [ROLE, *said, FINISH, DONE]


def pieces_after(begun: str) -> list[str]:
    """What a model says that has said this."""
    rest = WHOLE[len(begun) :]
    return [rest[at : at + 4] for at in range(0, len(rest), 4)]


class GoingOn(ScriptedTransport):
    """An upstream that is cut once at a byte, and then goes on with what it gets."""

    async def send(self, request: WireRequest, timeouts: Timeouts) -> Reply:
        self.sent.append(request)
        if len(self.sent) == 1:
            first = self.script[0]
            assert isinstance(first, Reply)
            return first
        last = json.loads(request.body)["messages"][-1]
        return Reply(events(pieces_after(last["content"] if last["role"] == "assistant" else "")))


def everybody(candidate: Candidate) -> Prefill | None:
    return Prefill("prefix")


async def opened(
    transport: ScriptedTransport, names: str, seen: Trace, prefill_of: Any = everybody, body: bytes = BODY
) -> LiveStream | ContinuedStream:
    around = Surroundings(prefill_of=prefill_of, draw=lambda: 0.0)
    dispatcher = Dispatcher(transport, lambda *_: OpenAiDialect(), Patience(), lambda *_: None, around)
    deadline = asyncio.get_running_loop().time() + 10
    request = parse_chat_request(body, stream=True)
    return await dispatcher.stream(Errand(request, [candidate(name) for name in names], deadline, seen, 7, "continue"))


def text_of(each: Chunk) -> str:
    return "".join(choice["delta"].get("content") or "" for choice in json.loads(each.data)["choices"])


async def drained(live: LiveStream | ContinuedStream) -> str:
    """The text of a stream, to its end."""
    said = ""
    chunks: list[Chunk] | None = live.held
    try:
        while chunks is not None:
            said += "".join(map(text_of, chunks))
            chunks = await live.next_chunks()
    finally:
        await live.close()
    return said


async def test_wherever_a_stream_is_cut_its_text_is_whole() -> None:
    sent = b"".join(events(WORDS))
    gone_on = 0
    for cut in range(len(sent)):
        transport = GoingOn([Reply((sent[:cut],))])
        live = await opened(transport, "ab", trace())
        assert await drained(live) == WHOLE, cut
        gone_on += len(transport.sent) == 2
    assert gone_on > len(sent) // 2


CUT = errors.UpstreamReset("x")
SILENCE = errors.UpstreamTimeout("x", details={"phase": "idle"})
BUSY = b'data: {"error":{"message":"busy","type":"overloaded_error"}}\n\n'
REST = [ROLE, chunk('{"content":" you"}'), FINISH, DONE]
GOES: list[tuple[str, bytes | PerpetuoError, Script, str]] = [
    ("a reset: the same", CUT, [Reply(REST)], "aa"),
    ("a reset, and a refusal of the same: the next", CUT, [errors.UpstreamTls("x"), Reply(REST)], "aab"),
    ("silence: the next", SILENCE, [Reply(REST)], "ab"),
    ("no room: the next", BUSY, [Reply(REST)], "ab"),
    ("two breaks: the next", CUT, [Reply([ROLE, HI, CUT]), Reply(REST)], "aab"),
]


@pytest.mark.parametrize(("end", "more", "asked"), [case[1:] for case in GOES], ids=[case[0] for case in GOES])
async def test_who_goes_on(end: bytes | PerpetuoError, more: Script, asked: str) -> None:
    seen = trace()
    first = Reply([ROLE, HI, end])
    live = await opened(ScriptedTransport([first, *more]), "abc", seen)
    assert (await drained(live)).endswith("Hi you")
    assert "".join(attempt.candidate.deployment.provider_id for attempt in seen.attempts) == asked
    assert all(reply.is_closed for reply in (first, *more) if isinstance(reply, Reply))
    assert any("went on with it" in note for note in live.notes)


ENDS: list[tuple[str, list[bytes | PerpetuoError], bytes, Any]] = [
    ("nobody takes a prefill", [ROLE, HI, CUT], BODY, lambda _: None),
    ("the content is blocked", [ROLE, HI, errors.ContentBlocked("x")], BODY, everybody),
    ("a tool is being called", [ROLE, HI, chunk('{"tool_calls":[{"index":0}]}'), CUT], BODY, everybody),
    ("reasoning is in it", [chunk('{"reasoning_content":"hm"}'), HI, CUT], BODY, everybody),
    ("more came than was asked for", [ROLE, *[HI] * 300], BODY, everybody),
    ("two answers are written", [ROLE, HI, CUT], BODY[:-1] + b',"n":2}', everybody),
]


@pytest.mark.parametrize(("pieces", "body", "prefill_of"), [case[1:] for case in ENDS], ids=[case[0] for case in ENDS])
async def test_what_is_not_gone_on_with(pieces: list[bytes | PerpetuoError], body: bytes, prefill_of: Any) -> None:
    seen, transport = trace(), ScriptedTransport([Reply(pieces)])
    live = await opened(transport, "ab", seen, prefill_of, body)
    with pytest.raises(PerpetuoError):
        await drained(live)
    assert len(transport.sent) == 1


async def test_what_fails_to_go_on_is_told_as_the_break_that_it_was() -> None:
    seen = trace()
    live = await opened(ScriptedTransport([Reply([HI, CUT]), *[errors.UpstreamTls("x")] * 3]), "abcd", seen)
    with pytest.raises(errors.UpstreamReset):
        await drained(live)
    assert [attempt.record.outcome for attempt in seen.attempts if attempt.record] == [
        "UPSTREAM_STREAM_INTERRUPTED",
        *["UPSTREAM_TLS"] * 3,
    ]


async def test_every_call_is_written_down_with_what_it_took() -> None:
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":20,"completion_tokens":5}}\n\n'
    seen = trace()
    transport = ScriptedTransport([Reply([ROLE, HI, HI, CUT]), Reply([*REST[:-1], usage, DONE])])
    live = await opened(transport, "a", seen)
    await drained(live)
    assert isinstance(live, ContinuedStream)
    total = live.usage()
    live.count(total)
    live.end()
    first, second = seen.close()[0]
    assert first.usage is not None
    assert second.usage is not None
    assert (first.usage.input_tokens, first.usage.output_tokens, first.usage.is_estimated) == (7, 2, True)
    assert (second.usage.input_tokens, second.usage.output_tokens, second.usage.is_estimated) == (20, 5, False)
    assert (total.input_tokens, total.output_tokens, total.is_estimated) == (27, 7, True)
    assert seen.cost_nanousd() == 9 + 25
    assert (first.outcome, second.outcome) == ("UPSTREAM_STREAM_INTERRUPTED", "ok")
    assert json.loads(transport.sent[1].body)["max_tokens"] == 98


async def test_no_more_calls_are_made_than_for_any_request() -> None:
    seen = trace()
    script: Script = [errors.UpstreamTls("x"), Reply([HI, CUT]), Reply([HI, CUT]), Reply([HI, CUT]), Reply(REST)]
    live = await opened(ScriptedTransport(script), "abcdef", seen)
    with pytest.raises(errors.UpstreamReset):
        await drained(live)
    assert len(seen.attempts) == 4


async def test_leaving_while_it_goes_on_closes_the_call() -> None:
    waits, seen = Reply([60.0]), trace()
    live = await opened(ScriptedTransport([Reply([HI, CUT]), waits]), "a", seen)
    task = asyncio.ensure_future(drained(live))
    while len(seen.attempts) < 2:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert waits.is_closed
    assert [record.outcome for record in seen.close()[0]] == ["UPSTREAM_STREAM_INTERRUPTED", "CLIENT_GONE"]


async def test_other_modes_have_the_stream_as_it_is() -> None:
    live = await opened(ScriptedTransport([Reply([HI, FINISH, DONE])]), "a", trace())
    assert isinstance(live, ContinuedStream)
    dispatcher = Dispatcher(ScriptedTransport([Reply([HI])]), lambda *_: OpenAiDialect(), Patience(), lambda *_: None)
    errand = Errand(
        parse_chat_request(BODY, stream=True), [candidate("a")], asyncio.get_running_loop().time() + 9, trace()
    )
    assert isinstance(await dispatcher.stream(structs.replace(errand, mode="direct")), LiveStream)
