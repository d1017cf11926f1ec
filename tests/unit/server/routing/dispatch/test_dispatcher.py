"""The attempt loop: what moves on, what stops, what is written down, and that every response is closed."""

import asyncio

import pytest

from server import errors
from server.chat.request import ChatRequest, parse_chat_request
from server.chat.wire import Timeouts
from server.errors import PerpetuoError
from server.providers.openai import OpenAiDialect
from server.routing.dispatch import Dispatcher, broken_stream
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
    return Dispatcher(transport, lambda *_: OpenAiDialect(), Timeouts(), lambda entry, why: flags.append((entry, why)))


def soon(seconds: float = 10.0) -> float:
    return asyncio.get_running_loop().time() + seconds


def unary(status: int, body: bytes = b'{"error":{"message":"no"}}') -> Reply:
    return whole(body, status)


UNARY_CASES: list[tuple[str, Script, list[str]]] = [
    ("the first answers", [whole()], ["ok"]),
    ("a refused connection moves on", [errors.UpstreamUnavailable("no"), whole()], ["UPSTREAM_UNAVAILABLE", "ok"]),
    ("a server error moves on", [unary(500), whole()], ["UPSTREAM_UNAVAILABLE", "ok"]),
    ("a limit moves on", [unary(429), whole()], ["UPSTREAM_RATE_LIMITED", "ok"]),
    ("a wrong credential moves on", [unary(401), whole()], ["UPSTREAM_AUTH", "ok"]),
    ("an unknown model moves on", [unary(404), whole()], ["MODEL_UNKNOWN", "ok"]),
    ("HTML moves on", [Reply((b"<html>",), 200, "text/html"), whole()], ["UPSTREAM_BAD_RESPONSE", "ok"]),
    ("a cut answer moves on", [Reply((UNARY[:20], errors.UpstreamReset("cut"))), whole()], ["UPSTREAM_RESET", "ok"]),
    ("two fail and the third answers", [unary(500), unary(503), whole()],
     ["UPSTREAM_UNAVAILABLE", "UPSTREAM_UNAVAILABLE", "ok"]),
]  # fmt: skip


@pytest.mark.parametrize(("script", "outcomes"), [case[1:] for case in UNARY_CASES], ids=[c[0] for c in UNARY_CASES])
async def test_an_answer_in_one_piece(script: Script, outcomes: list[str]) -> None:
    transport, seen = ScriptedTransport(script), trace()
    candidates = [candidate(f"p{number}") for number in range(len(script))]
    served = await dispatcher(transport).complete(request(), candidates, soon(), seen)
    seen.attempts[-1].end()
    assert served.answer.body == UNARY
    assert served.candidate is candidates[-1]
    assert [record.outcome for record in seen.records()] == outcomes
    assert all(entry.is_closed for entry in script if isinstance(entry, Reply))


STREAM_CASES: list[tuple[str, Script, list[str]]] = [
    ("the first answers", [Reply((ROLE, HI))], []),
    ("a server error moves on", [unary(502), Reply((ROLE, HI))], ["UPSTREAM_UNAVAILABLE"]),
    ("an error as the first event moves on",
     [Reply((b'data: {"error":{"message":"busy","type":"overloaded_error"}}\n\n',)), Reply((HI,))],
     ["UPSTREAM_UNAVAILABLE"]),
    ("a stream that closes before content moves on", [Reply((ROLE,)), Reply((HI,))], ["UPSTREAM_BAD_RESPONSE"]),
    ("a reset before content moves on", [Reply((ROLE, errors.UpstreamReset("x"))), Reply((HI,))], ["UPSTREAM_RESET"]),
    ("only empty chunks move on", [Reply([ROLE] * 70), Reply((HI,))], ["UPSTREAM_BAD_RESPONSE"]),
    ("an answer without content is an answer", [Reply((ROLE, FINISH, DONE))], []),
]  # fmt: skip


@pytest.mark.parametrize(("script", "failed"), [case[1:] for case in STREAM_CASES], ids=[c[0] for c in STREAM_CASES])
async def test_a_stream_is_committed_by_its_first_content(script: Script, failed: list[str]) -> None:
    transport, seen = ScriptedTransport(script), trace()
    candidates = [candidate(f"p{number}") for number in range(len(script))]
    live = await dispatcher(transport).stream(request(stream=True), candidates, soon(), seen)
    last = script[-1]
    assert isinstance(last, Reply)
    assert not last.is_closed
    await live.close()
    assert live.candidate is candidates[-1]
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
        await ask(request(stream=stream), [candidate("a"), candidate("b")], soon(), seen)
    assert len(transport.sent) == 1


async def test_a_refused_credential_is_flagged() -> None:
    flagged: list[tuple[str, str]] = []
    transport = ScriptedTransport([unary(401), unary(403), whole()])
    await dispatcher(transport, flagged).complete(
        request(), [candidate("a"), candidate("b"), candidate("c")], soon(), trace()
    )
    assert flagged == [("a", "UPSTREAM_AUTH"), ("b", "UPSTREAM_FORBIDDEN")]


async def test_nothing_is_dialled_without_time() -> None:
    transport = ScriptedTransport([])
    with pytest.raises(errors.DeadlineExceeded):
        await dispatcher(transport).complete(request(), [candidate("a")], soon(0.01), trace())
    assert transport.sent == []


async def test_an_attempt_gets_the_time_that_is_left() -> None:
    transport = ScriptedTransport([whole()])
    await dispatcher(transport).complete(request(), [candidate("a")], soon(5), trace())
    assert 4 < transport.timeouts[0].total_s <= 5


async def test_a_time_out_at_the_callers_deadline_is_told_as_such() -> None:
    transport = ScriptedTransport([Reply((0.08, errors.UpstreamTimeout("slow")), 200, "application/json")])
    with pytest.raises(errors.DeadlineExceeded):
        await dispatcher(transport).complete(request(), [candidate("a")], soon(0.1), trace())


async def test_leaving_closes_the_call_to_the_upstream() -> None:
    reply = Reply((ROLE, 60.0), 200)
    seen = trace()
    task = asyncio.ensure_future(
        dispatcher(ScriptedTransport([reply])).stream(request(stream=True), [candidate("a")], soon(), seen)
    )
    await reply.is_read.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert reply.is_closed
    assert [record.outcome for record in seen.records()] == ["CLIENT_GONE"]


async def test_the_rest_of_a_stream_comes_in_pieces_and_ends_with_none() -> None:
    transport = ScriptedTransport([Reply((HI, HI + HI, chunk('{"content":"!"}'), FINISH, DONE))])
    live = await dispatcher(transport).stream(request(stream=True), [candidate("a")], soon(), trace())
    sizes = []
    while (chunks := await live.next_chunks()) is not None:
        sizes.append(len(chunks))
    await live.close()
    assert sizes == [2, 1, 1, 0]


ERROR_EVENT = b'data: {"error":{"message":"busy","type":"overloaded_error"}}\n\n'


async def test_content_that_came_with_a_failure_is_not_lost() -> None:
    transport = ScriptedTransport([Reply((HI, HI + ERROR_EVENT))])
    live = await dispatcher(transport).stream(request(stream=True), [candidate("a")], soon(), trace())
    assert len(await live.next_chunks() or []) == 1
    with pytest.raises(errors.UpstreamUnavailable):
        await live.next_chunks()
    await live.close()


async def test_a_failure_that_came_with_the_first_content_moves_on() -> None:
    transport = ScriptedTransport([Reply((ROLE + HI + ERROR_EVENT,)), Reply((HI,))])
    live = await dispatcher(transport).stream(request(stream=True), [candidate("a"), candidate("b")], soon(), trace())
    await live.close()
    assert live.candidate.deployment.provider_id == "b"


@pytest.mark.parametrize(
    ("error", "left_s", "reason"),
    [
        (errors.UpstreamReset("x"), 5.0, "UPSTREAM_STREAM_INTERRUPTED"),
        (errors.UpstreamTimeout("x"), 5.0, "UPSTREAM_STREAM_INTERRUPTED"),
        (errors.UpstreamTimeout("x"), 0.0, "DEADLINE_EXCEEDED"),
        (errors.DeadlineExceeded("x"), 5.0, "DEADLINE_EXCEEDED"),
        (errors.ClientGone("x"), 5.0, "CLIENT_GONE"),
    ],
)
def test_what_is_told_of_a_broken_stream(error: PerpetuoError, left_s: float, reason: str) -> None:
    assert broken_stream(error, left_s, 0.0).reason == reason
