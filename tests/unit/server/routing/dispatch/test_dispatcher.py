"""The attempt loop: what moves on, what stops, what is written down, and that every response is closed."""

import asyncio
import json

import pytest

from server import errors
from server.chat.request import ChatRequest, parse_chat_request
from server.errors import PerpetuoError
from server.providers.openai import OpenAiDialect
from server.routing.attempt import Trace
from server.routing.dispatch import Dispatcher, Errand, Surroundings
from server.routing.failure import FailureClass
from server.routing.health import Health
from server.routing.patience import Patience
from tests.unit.server.routing.scripted import (
    DONE,
    FINISH,
    HI,
    ROLE,
    UNARY,
    Reply,
    ScriptedTransport,
    candidate,
    chunk,
    trace,
    whole,
)

BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
REFUSED = b'{"error":{"message":"no","type":"invalid_request_error"}}'
Script = list[Reply | PerpetuoError]


def request(*, stream: bool = False) -> ChatRequest:
    return parse_chat_request(BODY, stream=stream)


def dispatcher(transport: ScriptedTransport, flagged: list[tuple[str, str]] | None = None) -> Dispatcher:
    flags = [] if flagged is None else flagged
    return Dispatcher(transport, lambda *_: OpenAiDialect(), Patience(), lambda entry, why: flags.append((entry, why)))


def soon(seconds: float = 10.0) -> float:
    return asyncio.get_running_loop().time() + seconds


def errand(names: str, seen: Trace | None = None, *, stream: bool = False, within_s: float = 10.0) -> Errand:
    candidates = [candidate(name) for name in names]
    return Errand(request(stream=stream), candidates, soon(within_s), seen or trace(), prompt_tokens=7)


def unary(status: int, body: bytes = b'{"error":{"message":"no"}}') -> Reply:
    return whole(body, status)


REFUSED_CONNECTION = errors.UpstreamUnavailable("no", details={"phase": "connect"})
UNARY_CASES: list[tuple[str, Script, str, list[str]]] = [
    ("the first answers", [whole()], "a", ["ok"]),
    ("a refused connection moves on", [REFUSED_CONNECTION, whole()], "ab", ["UPSTREAM_UNAVAILABLE", "ok"]),
    ("a server error is tried once more", [unary(500), whole()], "aa", ["UPSTREAM_UNAVAILABLE", "ok"]),
    ("two server errors move on", [unary(500), unary(500), whole()], "aab", ["UPSTREAM_UNAVAILABLE"] * 2 + ["ok"]),
    ("a limit moves on", [unary(429), whole()], "ab", ["UPSTREAM_RATE_LIMITED", "ok"]),
    ("a wrong credential moves on", [unary(401), whole()], "ab", ["UPSTREAM_AUTH", "ok"]),
    ("an unknown model moves on", [unary(404), whole()], "ab", ["MODEL_UNKNOWN", "ok"]),
    ("HTML moves on", [Reply((b"<html>",), 200, "text/html"), whole()], "ab", ["UPSTREAM_BAD_RESPONSE", "ok"]),
    ("a cut answer is asked for once more", [Reply((UNARY[:20], errors.UpstreamReset("cut"))), whole()], "aa",
     ["UPSTREAM_RESET", "ok"]),
    ("two fail and the third answers", [unary(503), REFUSED_CONNECTION, whole()], "abc",
     ["UPSTREAM_UNAVAILABLE", "UPSTREAM_UNAVAILABLE", "ok"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("script", "asked", "outcomes"), [case[1:] for case in UNARY_CASES], ids=[c[0] for c in UNARY_CASES]
)
async def test_an_answer_in_one_piece(script: Script, asked: str, outcomes: list[str]) -> None:
    transport, seen = ScriptedTransport(script), trace()
    served = await dispatcher(transport).complete(errand("abc", seen))
    served.attempt.end()
    assert served.answer.body == UNARY
    assert "".join(attempt.candidate.deployment.provider_id for attempt in seen.attempts) == asked
    assert served.attempt is seen.attempts[-1]
    assert [record.outcome for record in seen.close()[0]] == outcomes
    assert all(entry.is_closed for entry in script if isinstance(entry, Reply))


STREAM_CASES: list[tuple[str, Script, str, list[str]]] = [
    ("the first answers", [Reply((ROLE, HI))], "a", []),
    ("a server error is tried once more", [unary(502), Reply((ROLE, HI))], "a", ["UPSTREAM_UNAVAILABLE"]),
    ("an error as the first event moves on",
     [Reply((b'data: {"error":{"message":"busy","type":"overloaded_error"}}\n\n',)), Reply((HI,))], "b",
     ["UPSTREAM_UNAVAILABLE"]),
    ("a stream that closes before content moves on", [Reply((ROLE,)), Reply((HI,))], "b", ["UPSTREAM_BAD_RESPONSE"]),
    ("a reset before content is tried once more", [Reply((ROLE, errors.UpstreamReset("x"))), Reply((HI,))], "a",
     ["UPSTREAM_RESET"]),
    ("only empty chunks move on", [Reply([ROLE] * 70), Reply((HI,))], "b", ["UPSTREAM_BAD_RESPONSE"]),
    ("an answer without content is an answer", [Reply((ROLE, FINISH, DONE))], "a", []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("script", "served", "failed"), [case[1:] for case in STREAM_CASES], ids=[c[0] for c in STREAM_CASES]
)
async def test_a_stream_is_committed_by_its_first_content(script: Script, served: str, failed: list[str]) -> None:
    transport, seen = ScriptedTransport(script), trace()
    live = await dispatcher(transport).stream(errand("abc", seen, stream=True))
    last = script[-1]
    assert isinstance(last, Reply)
    assert not last.is_closed
    await live.close()
    assert live.candidate.deployment.provider_id == served
    assert live.held
    assert [attempt.record.outcome for attempt in seen.attempts if attempt.record] == failed
    assert all(entry.is_closed for entry in script if isinstance(entry, Reply))


FATAL: list[tuple[str, Reply | PerpetuoError, type[PerpetuoError]]] = [
    ("a request that is blamed", unary(400, REFUSED), errors.RequestInvalid),
    ("a request that cannot be processed", unary(422, REFUSED), errors.RequestInvalid),
    ("a blocked content", unary(400, b'{"error":{"message":"no","code":"content_policy_violation"}}'),
     errors.ContentBlocked),
    ("a context that is too long", unary(400, b'{"error":{"message":"no","code":"context_length_exceeded"}}'),
     errors.ContextTooLong),
]  # fmt: skip


@pytest.mark.parametrize("stream", [False, True], ids=["in one piece", "streamed"])
@pytest.mark.parametrize(("reply", "raised"), [case[1:] for case in FATAL], ids=[case[0] for case in FATAL])
async def test_what_blames_the_request_stops(reply: Reply, raised: type[PerpetuoError], stream: bool) -> None:
    transport, seen = ScriptedTransport([reply, whole()]), trace()
    loop = dispatcher(transport)
    ask = loop.stream if stream else loop.complete
    with pytest.raises(raised):
        await ask(errand("ab", seen, stream=stream))
    assert len(transport.sent) == 1


async def test_what_the_caller_is_told_when_all_fail() -> None:
    seen = trace()
    transport = ScriptedTransport([errors.UpstreamTimeout("late"), unary(429), REFUSED_CONNECTION, unary(429)])
    with pytest.raises(errors.UpstreamUnavailable):
        await dispatcher(transport).complete(errand("abc", seen))
    assert seen.told is not None
    assert seen.told.deployment.provider_id == "c"


async def test_a_call_that_may_have_read_the_prompt_is_written_down_with_it_but_not_charged() -> None:
    transport, seen = ScriptedTransport([errors.UpstreamTimeout("late"), whole()]), trace()
    served = await dispatcher(transport).complete(errand("ab", seen))
    served.attempt.usage = served.answer.facts.usage
    served.attempt.end()
    late, good = seen.close()[0]
    assert late.usage is not None
    assert (late.usage.input_tokens, late.usage.output_tokens, late.usage.is_estimated) == (7, 0, True)
    assert (late.cost_nanousd, good.cost_nanousd, seen.cost_nanousd()) == (7, 5, 5)


async def test_a_wait_before_the_same_is_asked_again_is_told_apart() -> None:
    reply = Reply((b'{"error":{"message":"slow down"}}',), 429, "application/json", more={"retry-after-ms": "30"})
    transport, seen = ScriptedTransport([reply, whole()]), trace()
    began = seen.clock.monotonic()
    await dispatcher(transport).complete(errand("ab", seen))
    assert [attempt.candidate.deployment.provider_id for attempt in seen.attempts] == ["a", "a"]
    assert 0.03 <= seen.waited_s <= seen.clock.monotonic() - began + 0.001


async def test_a_provider_that_refuses_to_report_usage_is_asked_without() -> None:
    refusal = unary(400, b'{"error":{"message":"Unknown parameter: stream_options","param":"stream_options"}}')
    transport, asked = ScriptedTransport([refusal, Reply((HI, FINISH, DONE))]), errand("a", stream=True)
    live = await dispatcher(transport).stream(asked)
    await live.close()
    bodies = [json.loads(sent.body) for sent in transport.sent]
    assert [body.get("stream_options") for body in bodies] == [{"include_usage": True}, None]
    assert bodies[1]["stream"] is True
    assert len(asked.request.notes) == 1


@pytest.mark.parametrize("stream", [False, True], ids=["in one piece", "streamed"])
async def test_a_page_for_people_is_no_answer_of_a_model(stream: bool) -> None:
    page, seen = Reply((b"<html>sign in</html>",), 200, "text/html; charset=utf-8"), trace()
    loop = dispatcher(ScriptedTransport([page]))
    with pytest.raises(errors.UpstreamBadResponse) as caught:
        await (loop.stream if stream else loop.complete)(errand("a", seen, stream=stream))
    assert caught.value.details == {"kind": "page"}
    assert seen.close()[0][0].usage is None
    assert page.is_closed


async def test_a_stream_that_must_begin_soon_and_an_answer_that_may_take_its_time() -> None:
    transport = ScriptedTransport([whole(), Reply((HI,))])
    loop = dispatcher(transport)
    await loop.complete(errand("a", within_s=500))
    await (await loop.stream(errand("a", stream=True, within_s=500))).close()
    assert [round(limits.first_byte_s) for limits in transport.timeouts] == [120, 10]
    assert [round(limits.total_s) for limits in transport.timeouts] == [120, 500]


async def test_an_address_that_must_not_be_called_is_a_security_event(caplog: pytest.LogCaptureFixture) -> None:
    transport = ScriptedTransport([errors.UpstreamBlocked("The provider's host was not called: private."), whole()])
    await dispatcher(transport).complete(errand("ab"))
    assert "security event: UPSTREAM_BLOCKED of provider entry a" in caplog.text


async def test_a_refused_credential_is_flagged() -> None:
    flagged: list[tuple[str, str]] = []
    transport = ScriptedTransport([unary(401), unary(403), whole()])
    await dispatcher(transport, flagged).complete(errand("abc"))
    assert flagged == [("a", "UPSTREAM_AUTH"), ("b", "UPSTREAM_FORBIDDEN")]


async def test_nothing_is_dialled_without_time() -> None:
    transport = ScriptedTransport([])
    with pytest.raises(errors.DeadlineExceeded):
        await dispatcher(transport).complete(errand("a", within_s=0.01))
    assert transport.sent == []


async def test_an_attempt_gets_the_time_that_is_left() -> None:
    transport = ScriptedTransport([whole()])
    await dispatcher(transport).complete(errand("a", within_s=100))
    assert 50 < transport.timeouts[0].total_s <= 100


async def test_a_time_out_at_the_callers_deadline_is_told_as_such() -> None:
    transport = ScriptedTransport([Reply((0.08, errors.UpstreamTimeout("slow")), 200, "application/json")])
    with pytest.raises(errors.DeadlineExceeded):
        await dispatcher(transport).complete(errand("a", within_s=0.1))


async def test_leaving_closes_the_call_to_the_upstream() -> None:
    reply = Reply((ROLE, 60.0), 200)
    seen = trace()
    task = asyncio.ensure_future(dispatcher(ScriptedTransport([reply])).stream(errand("a", seen, stream=True)))
    await reply.is_read.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert reply.is_closed
    assert [record.outcome for record in seen.close()[0]] == ["CLIENT_GONE"]


async def test_the_rest_of_a_stream_comes_in_pieces_and_ends_with_none() -> None:
    transport = ScriptedTransport([Reply((HI, HI + HI, chunk('{"content":"!"}'), FINISH, DONE))])
    live = await dispatcher(transport).stream(errand("a", stream=True))
    sizes = []
    while (chunks := await live.next_chunks()) is not None:
        sizes.append(len(chunks))
    await live.close()
    assert sizes == [2, 1, 1, 0]


ERROR_EVENT = b'data: {"error":{"message":"busy","type":"overloaded_error"}}\n\n'


async def test_content_that_came_with_a_failure_is_not_lost() -> None:
    transport = ScriptedTransport([Reply((HI, HI + ERROR_EVENT))])
    live = await dispatcher(transport).stream(errand("a", stream=True))
    assert len(await live.next_chunks() or []) == 1
    with pytest.raises(errors.UpstreamUnavailable):
        await live.next_chunks()
    await live.close()


async def test_a_failure_that_came_with_the_first_content_moves_on() -> None:
    transport = ScriptedTransport([Reply((ROLE + HI + ERROR_EVENT,)), Reply((HI,))])
    live = await dispatcher(transport).stream(errand("ab", stream=True))
    await live.close()
    assert live.candidate.deployment.provider_id == "b"


FAR = 100.0


def dispatcher_of(transport: ScriptedTransport, health: Health) -> Dispatcher:
    around = Surroundings(health=health, draw=lambda: 0.0)
    return Dispatcher(transport, lambda *_: OpenAiDialect(), Patience(), lambda entry, why: None, around)


async def test_an_upstream_that_failed_five_times_is_left_alone() -> None:
    script: Script = [REFUSED_CONNECTION if number % 2 == 0 else whole() for number in range(10)]
    script.append(whole())
    loop, seen = dispatcher_of(ScriptedTransport(script), Health()), trace()
    for _ in range(5):
        await loop.complete(errand("ab"))
    await loop.complete(errand("ab", seen))
    assert [attempt.candidate.deployment.provider_id for attempt in seen.attempts] == ["b"]


@pytest.mark.parametrize("stream", [False, True], ids=["in one piece", "streamed"])
async def test_where_all_rest_nobody_is_asked_and_the_wait_is_told(stream: bool) -> None:
    transport, health = ScriptedTransport([REFUSED_CONNECTION] * 10), Health()
    loop, seen = dispatcher_of(transport, health), trace()
    for _ in range(5):
        with pytest.raises(errors.UpstreamUnavailable):
            await loop.complete(errand("ab"))
    with pytest.raises(errors.NoHealthyRoute) as caught:
        await (loop.stream if stream else loop.complete)(errand("ab", seen, stream=stream))
    assert (seen.attempts, len(transport.sent)) == ([], 10)
    assert caught.value.retry_after_s is not None
    assert 5.0 < caught.value.retry_after_s <= 10.0


async def test_the_last_one_whose_credential_rests_is_looked_at_again() -> None:
    transport, health = ScriptedTransport([unary(404), whole()]), Health()
    loop = dispatcher_of(transport, health)
    with pytest.raises(errors.ModelUnknown):
        await loop.complete(errand("a"))
    assert (await loop.complete(errand("a"))).attempt.candidate.deployment.provider_id == "a"


async def test_a_repeat_that_the_budget_has_no_room_for_is_not_made() -> None:
    transport, health = ScriptedTransport([unary(500), whole()] * 4), Health()
    loop, seen = dispatcher_of(transport, health), trace()
    for _ in range(3):
        await loop.complete(errand("ab"))
    await loop.complete(errand("ab", seen))
    assert [attempt.candidate.deployment.provider_id for attempt in seen.attempts] == ["a", "b"]


async def test_a_wait_before_a_repeat_is_drawn() -> None:
    transport, seen = ScriptedTransport([unary(500), whole()]), trace()
    around = Surroundings(draw=lambda: 0.1)
    loop = Dispatcher(transport, lambda *_: OpenAiDialect(), Patience(), lambda entry, why: None, around)
    await loop.complete(errand("a", seen))
    assert seen.waited_s >= 0.024


def test_by_default_no_two_draws_are_the_same() -> None:
    draw = Surroundings().draw
    assert len({draw() for _ in range(100)}) == 100


async def test_a_caller_who_leaves_while_probing_lets_another_probe() -> None:
    health, asked = Health(), candidate("a")
    now_s = asyncio.get_running_loop().time()
    for _ in range(5):
        visit = health.enter(asked, now_s - FAR)
        assert visit is not None
        visit.failed(FailureClass.REFUSED, None, now_s - FAR)
    reply = Reply((ROLE, 60.0), 200)
    loop = dispatcher_of(ScriptedTransport([reply, whole()]), health)
    task = asyncio.ensure_future(loop.stream(errand("a", stream=True)))
    await reply.is_read.wait()
    with pytest.raises(errors.NoHealthyRoute):
        await loop.complete(errand("a"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await loop.complete(errand("a"))


async def test_a_stream_that_breaks_after_its_content_speaks_against_its_upstream_once() -> None:
    health = Health()
    loop = dispatcher_of(ScriptedTransport([Reply((HI,)) for _ in range(20)]), health)
    for _ in range(20):
        assert health.resting(candidate("a"), asyncio.get_running_loop().time()) is None
        live = await loop.stream(errand("a", stream=True))
        for _ in range(2):
            live.end(errors.UpstreamStreamInterrupted("It broke."))
        await live.close()
    assert health.resting(candidate("a"), asyncio.get_running_loop().time()) is not None


async def test_a_caller_who_leaves_a_stream_says_nothing_about_its_upstream() -> None:
    health = Health()
    loop = dispatcher_of(ScriptedTransport([Reply((HI,)) for _ in range(30)]), health)
    for _ in range(30):
        live = await loop.stream(errand("a", stream=True))
        live.end(errors.ClientGone("The caller left."))
        await live.close()
    assert health.resting(candidate("a"), asyncio.get_running_loop().time()) is None
