"""Streams that are held whole: when they go out, what moves on, and what a call that broke is taken to have cost."""

import asyncio
from collections.abc import Sequence

import pytest

from server import errors
from server.chat.request import parse_chat_request
from server.errors import PerpetuoError
from server.providers.dialect import Chunk
from server.providers.openai import OpenAiDialect
from server.routing.attempt import Clock, Trace
from server.routing.dispatch import Dispatcher, Errand, LiveStream, buffered
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
    clock,
    trace,
)

BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
ERROR_EVENT = b'data: {"error":{"message":"busy","type":"server_error"}}\n\n'


def errand(names: str, seen: Trace, body: bytes = BODY) -> Errand:
    request = parse_chat_request(body, stream=True)
    deadline = asyncio.get_running_loop().time() + 10
    return Errand(request, [candidate(name) for name in names], deadline, seen, 7, "buffered")


async def held(script: list[Reply | PerpetuoError], asked: Errand) -> LiveStream:
    dispatcher = Dispatcher(ScriptedTransport(script), lambda *_: OpenAiDialect(), Patience(), lambda *_: None)
    live = await dispatcher.stream(asked)
    assert isinstance(live, LiveStream)
    return live


def texts(chunks: Sequence[Chunk]) -> int:
    return sum(chunk.facts.has_content for chunk in chunks)


Pieces = Sequence[bytes | PerpetuoError]
BROKEN: list[tuple[str, Pieces, str]] = [
    ("a reset after content", [ROLE, HI, HI, errors.UpstreamReset("x")], "aab"),
    ("an end without a finish reason", [ROLE, HI, HI], "ab"),
    ("an error event after content", [ROLE, HI, HI, ERROR_EVENT], "aab"),
    ("silence after content", [HI, HI, errors.UpstreamTimeout("x", details={"phase": "idle"})], "ab"),
]


@pytest.mark.parametrize(("pieces", "asked"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
async def test_what_breaks_after_content_moves_on(pieces: Pieces, asked: str) -> None:
    broken = [Reply(pieces) for _ in asked[1:]]
    seen = trace()
    live = await held([*broken, Reply([ROLE, HI, FINISH, USAGE, DONE])], errand("ab", seen))
    assert texts(live.held) == 1
    assert all(reply.is_closed for reply in broken)
    assert "".join(attempt.candidate.deployment.provider_id for attempt in seen.attempts) == asked
    *failed, _ = seen.attempts
    for attempt in failed:
        assert attempt.usage is not None
        assert (attempt.usage.completion_tokens, attempt.usage.is_estimated, attempt.was_in_vain) == (2, True, True)
    await live.close()


@pytest.mark.parametrize(
    ("body", "pieces"),
    [
        (BODY, [ROLE, HI, FINISH, USAGE]),
        (BODY[:-1] + b',"stream_options":{"include_usage":true}}', [ROLE, HI, FINISH, USAGE]),
        (BODY, [ROLE, HI, FINISH, DONE]),
        (BODY, [ROLE, HI, FINISH]),
    ],
    ids=["usage and nothing after it", "usage that was asked for", "the mark", "the end"],
)
async def test_a_stream_goes_out_once_nothing_need_be_waited_for(body: bytes, pieces: list[bytes]) -> None:
    reply = Reply([*pieces, errors.UpstreamReset("after the end")])
    live = await held([reply], errand("a", trace(), body))
    assert len(live.held) == len([piece for piece in pieces if piece != DONE])
    await live.close()


async def test_usage_that_a_provider_told_before_it_broke_is_charged() -> None:
    seen = trace()
    live = await held([Reply([HI, USAGE, errors.UpstreamReset("x")]), Reply([HI, FINISH, DONE])], errand("a", seen))
    assert seen.attempts[0].usage is not None
    assert (seen.attempts[0].usage.total_tokens, seen.attempts[0].was_in_vain) == (5, False)
    await live.close()


async def test_a_stream_beyond_the_bound_of_bytes_goes_out_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffered, "MAX_BYTES", 3 * len(HI))
    asked = errand("a", trace())
    live = await held([Reply([HI] * 9 + [FINISH, DONE])], asked)
    assert texts(live.held) == 4
    assert asked.request.notes == [buffered.TOO_MUCH]
    assert texts(await live.next_chunks() or []) == 1
    await live.close()


async def test_a_stream_beyond_the_bound_of_time_does_too() -> None:
    now_s = 0.0
    real = clock()

    def stopwatch() -> float:
        nonlocal now_s
        now_s += 50.0
        return now_s

    seen = trace()
    seen.clock = Clock(real.now, real.monotonic, stopwatch)
    asked = errand("a", seen)
    live = await held([Reply([HI] * 9 + [FINISH, DONE])], asked)
    assert texts(live.held) < 9
    assert asked.request.notes == [buffered.TOO_LATE]
    await live.close()


async def test_leaving_while_a_stream_is_held_closes_the_call_and_counts_what_came() -> None:
    reply, seen = Reply([ROLE, HI, HI, 60.0]), trace()
    task = asyncio.ensure_future(held([reply], errand("a", seen)))
    while reply.taken < 3:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert reply.is_closed
    [record] = seen.close()[0]
    assert record.usage is not None
    assert (record.outcome, record.usage.completion_tokens) == ("CLIENT_GONE", 2)
    assert seen.cost_nanousd() == record.cost_nanousd
