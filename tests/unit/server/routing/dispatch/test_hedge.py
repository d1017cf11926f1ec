"""Races: who wins, who is asked, that nobody outlives one, and what stands in the books."""

import asyncio
from typing import Any

import pytest

from server import errors
from server.chat.request import parse_chat_request
from server.errors import PerpetuoError
from server.providers.openai import OpenAiDialect
from server.routing.attempt import Trace
from server.routing.dispatch import Dispatcher, Errand, LiveStream, Served, Surroundings
from server.routing.dispatch.hedge import Runners, race
from server.routing.dispatch.pace import LEAST_SAMPLES, Hedging
from server.routing.patience import Patience
from tests.unit.server.routing.scripted import DONE, FINISH, HI, ROLE, UNARY, Reply, ScriptedTransport, candidate, trace

BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
SLOW = 30.0
Script = list[Reply | PerpetuoError]


async def run(script: Script, seen: Trace, *, names: str = "abc", stream: bool = True, hedges: bool = True) -> Any:
    """What a dispatcher gets that hedges after a tenth of a second."""
    hedging = Hedging()
    for name in names:
        for _ in range(LEAST_SAMPLES):
            hedging.saw(candidate(name), 0.001, is_stream=stream)
    dispatcher = Dispatcher(
        *(ScriptedTransport(script), lambda *_: OpenAiDialect(), Patience(), lambda *_: None),
        Surroundings(draw=lambda: 0.0, hedging=hedging),
    )
    request = parse_chat_request(BODY, stream=stream)
    deadline = asyncio.get_running_loop().time() + 10
    errand = Errand(request, [candidate(name) for name in names], deadline, seen, 7, hedges=hedges)
    return await (dispatcher.stream(errand) if stream else dispatcher.complete(errand))


def asked(seen: Trace) -> str:
    return "".join(attempt.candidate.deployment.provider_id for attempt in seen.attempts)


GOOD = [ROLE, HI, FINISH, DONE]
RACES: list[tuple[str, Script, str, str]] = [
    ("the first is fast", [Reply(GOOD)], "a", "a"),
    ("the first is slow", [Reply([ROLE, SLOW]), Reply(GOOD)], "b", "ab"),
    ("the first is slow, but faster than the second", [Reply([0.3, *GOOD]), Reply([ROLE, SLOW])], "a", "ab"),
    ("the second fails", [Reply([0.3, *GOOD]), errors.UpstreamTls("x")], "a", "ab"),
    ("the first fails while the second runs", [Reply([0.3, errors.UpstreamTls("x")]), Reply([0.6, *GOOD])], "b", "ab"),
    ("the first fails at once", [errors.UpstreamTls("x"), Reply(GOOD)], "b", "ab"),
    ("both fail, and the third answers",
     [Reply([0.3, errors.UpstreamTls("x")]), errors.UpstreamTls("x"), Reply(GOOD)], "c", "abc"),
]  # fmt: skip


@pytest.mark.parametrize(("script", "winner", "order"), [case[1:] for case in RACES], ids=[case[0] for case in RACES])
async def test_who_wins(script: Script, winner: str, order: str) -> None:
    seen, before = trace(), asyncio.all_tasks()
    live = await run(script, seen)
    assert isinstance(live, LiveStream)
    assert live.candidate.deployment.provider_id == winner
    assert asked(seen) == order
    assert asyncio.all_tasks() <= before
    await live.close()
    assert all(reply.is_closed for reply in script if isinstance(reply, Reply))
    lost = [attempt for attempt in seen.attempts if attempt is not live.attempt]
    assert all(attempt.record is not None and attempt.record.outcome != "ok" for attempt in lost)


async def test_an_answer_in_one_piece_is_hedged_too() -> None:
    slow, seen = Reply([SLOW], 200, "application/json"), trace()
    served = await run([slow, Reply([UNARY], 200, "application/json")], seen, stream=False)
    assert isinstance(served, Served)
    assert (served.attempt.candidate.deployment.provider_id, asked(seen), slow.is_closed) == ("b", "ab", True)
    loser = seen.attempts[0].record
    assert loser is not None
    assert loser.usage is not None
    assert (loser.outcome, loser.usage.input_tokens, loser.usage.is_estimated) == ("CLIENT_GONE", 7, True)
    served.attempt.usage = served.answer.facts.usage
    served.attempt.end()
    assert seen.cost_nanousd() == 5


@pytest.mark.parametrize(
    ("names", "hedges"), [("a", True), ("ab", False)], ids=["nobody else is there", "nobody asked for it"]
)
async def test_who_is_not_hedged_waits(names: str, hedges: bool) -> None:
    seen = trace()
    live = await run([Reply([0.3, *GOOD])], seen, names=names, hedges=hedges)
    await live.close()
    assert asked(seen) == "a"


async def test_what_blames_the_request_ends_the_race() -> None:
    refusal = Reply([0.3, b'{"error":{"message":"no","type":"invalid_request_error"}}'], 400, "application/json")
    other, seen = Reply([ROLE, SLOW]), trace()
    with pytest.raises(errors.RequestInvalid):
        await run([refusal, other], seen)
    assert other.is_closed
    assert all(attempt.record is not None for attempt in seen.attempts)


async def test_leaving_ends_both() -> None:
    replies, seen, before = [Reply([ROLE, SLOW]), Reply([ROLE, SLOW])], trace(), asyncio.all_tasks()
    task = asyncio.ensure_future(run([*replies], seen))
    await asyncio.gather(*(reply.is_read.wait() for reply in replies))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert all(reply.is_closed for reply in replies)
    assert [record.outcome for record in seen.close()[0]] == ["CLIENT_GONE", "CLIENT_GONE"]
    assert asyncio.all_tasks() <= before


async def test_what_comes_too_late_is_dropped() -> None:
    dropped: list[str] = []
    both = asyncio.Event()

    async def comes(what: str) -> str:
        await both.wait()
        return what

    def second() -> Any:
        both.set()
        return comes("second")

    async def drop(what: str) -> None:
        dropped.append(what)

    won = await race(Runners(lambda: comes("first"), second, 0.0, drop, lambda: False))
    assert {won, *dropped} == {"first", "second"}


async def test_what_nobody_expected_is_raised(caplog: pytest.LogCaptureFixture) -> None:
    async def breaks() -> str:
        raise RuntimeError("a mistake")

    async def waits() -> str:
        try:
            await asyncio.sleep(SLOW)
        finally:
            raise RuntimeError("another")

    async def drop(what: str) -> None:
        raise AssertionError(what)

    with pytest.raises(RuntimeError, match="a mistake"):
        await race(Runners(breaks, lambda: None, 5.0, drop, lambda: False))

    async def soon() -> str:
        await asyncio.sleep(0.01)
        return "first"

    assert await race(Runners(soon, waits, 0.0, drop, lambda: False)) == "first"
    assert "nobody expected" in caplog.text
