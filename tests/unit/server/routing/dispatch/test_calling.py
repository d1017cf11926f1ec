"""One call: what is taken at once of an answer that came whole, and what has to be waited for."""

import asyncio
from collections.abc import Mapping

import pytest

from server.chat.request import parse_chat_request
from server.chat.wire import Timeouts
from server.errors import PerpetuoError
from server.providers.openai import OpenAiDialect
from server.routing.course import Step
from server.routing.dispatch import Errand
from server.routing.dispatch.calling import Caller, at_once
from server.routing.dispatch.sending import Sending
from server.routing.patience import Patience
from server.upstream.head import head_of
from server.upstream.response import HttpResponse
from tests.unit.server.routing.scripted import UNARY, ScriptedTransport, candidate, trace, whole

BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
JSON = {"content-type": "application/json"}


class Line:
    """A connection that brings what it is told to."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()

    def resume(self) -> None:
        return None

    def abort(self) -> None:
        return None

    def watch(self, due_s: float) -> None:
        return None


def caller(transport: ScriptedTransport | None = None) -> Caller:
    sending = Sending(transport or ScriptedTransport([]), Patience(), lambda _: None, None)
    return Caller(sending, lambda *_: OpenAiDialect(), lambda *_: None)


def errand() -> Errand:
    deadline = asyncio.get_running_loop().time() + 10.0
    return Errand(parse_chat_request(BODY), [candidate("a")], deadline, trace())


def answer(pieces: list[bytes], headers: Mapping[str, str], status: int = 200, *, is_over: bool = True) -> HttpResponse:
    """What has come of an answer."""
    made = HttpResponse(Line(), Timeouts(), asyncio.get_running_loop().time(), 1000)
    made.begin(status, head_of(headers))
    if is_over:
        made.complete(pieces)
    else:
        made.add(pieces)
    return made


async def test_an_answer_that_came_whole_is_taken_at_once() -> None:
    asked = errand()
    attempt = asked.trace.begin(asked.candidates[0])
    served = at_once(OpenAiDialect(), answer([UNARY], JSON), attempt)
    assert served is not None
    assert (served.answer.body, served.attempt, attempt.status) == (UNARY, attempt, 200)
    assert attempt.answered_s is not None


@pytest.mark.parametrize(
    ("pieces", "headers", "is_over"),
    [
        pytest.param([UNARY[:9]], JSON, False, id="of which more is to come"),
        pytest.param([UNARY[:9], UNARY[9:]], JSON, True, id="in two pieces"),
        pytest.param([b"x" * 1001], JSON, True, id="that is too long"),
        pytest.param([b"data: {}\n\n"], {"content-type": "text/event-stream"}, True, id="that is a stream"),
    ],
)
async def test_nothing_is_taken_at_once_of_an_answer(
    pieces: list[bytes], headers: dict[str, str], is_over: bool
) -> None:
    asked = errand()
    attempt, came = asked.trace.begin(asked.candidates[0]), [*pieces]
    coming = answer(came, headers, is_over=is_over)
    assert at_once(OpenAiDialect(), coming, attempt) is None
    assert attempt.status is None
    assert await anext(coming.chunks()) == b"".join(pieces) if len(pieces[0]) < 1000 else True


REFUSED = {
    "an error": ([b'{"error":{"message":"no"}}'], JSON, 503, "UPSTREAM_UNAVAILABLE", {"upstreamStatus": "503"}),
    "a page for people": ([b"<html>"], {"content-type": "text/html"}, 200, "UPSTREAM_BAD_RESPONSE", {"kind": "page"}),
    "what is no answer": ([b"nonsense"], JSON, 200, "UPSTREAM_BAD_RESPONSE", {}),
}


@pytest.mark.parametrize(("pieces", "headers", "status", "reason", "details"), REFUSED.values(), ids=REFUSED)
async def test_what_came_at_once_fails_as_anything_else(
    pieces: list[bytes], headers: dict[str, str], status: int, reason: str, details: dict[str, str]
) -> None:
    asked = errand()
    attempt = asked.trace.begin(asked.candidates[0])
    with pytest.raises(PerpetuoError) as failed:
        at_once(OpenAiDialect(), answer([*pieces], headers, status), attempt)
    assert (failed.value.reason, dict(failed.value.details)) == (reason, details)
    assert attempt.status == status


async def test_what_has_to_be_waited_for_is_heard_and_closed() -> None:
    reply = whole()
    asked = errand()
    step, attempt = Step(asked.candidates[0]), asked.trace.begin(asked.candidates[0])
    served = await caller(ScriptedTransport([reply])).ask(asked, step, attempt)
    assert (served.answer.body, reply.is_closed) == (UNARY, True)
