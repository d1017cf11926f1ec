"""A prepared request says until when it may be served, and what the dispatcher is to do."""

from typing import Any, cast

import pytest
from msgspec import structs

from server.chat.deployment import Candidate
from server.chat.policy import RoutingPolicy
from server.chat.prompt_tokens import Tokens
from server.chat.request import parse_chat_request
from server.chat.usage import Usage
from server.prepared import Prepared
from server.routing.ask import UNREAD
from server.routing.operation import Operation
from server.routing.tail import StreamTail
from tests.unit.server.piped import call
from tests.unit.server.routing.scripted import means

BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'


class _Share:
    call_deadline = 1e9

    def __init__(self, *, has_answer: bool = False) -> None:
        self._has_answer = has_answer

    def has_kept(self) -> bool:
        return self._has_answer


def measure(candidate: Candidate, tail: StreamTail, prompt_tokens: Tokens) -> Usage:
    return Usage()


def prepared(**change: Any) -> Prepared:
    operation = Operation(call(), means(), is_stream=False)
    operation.ask = structs.replace(UNREAD, prompt_tokens=7)
    request = parse_chat_request(BODY, stream=False)
    fields = {"operation": operation, "request": request, "policy": RoutingPolicy(), "share": None}
    return Prepared(**cast(Any, {**fields, **change}))


async def test_a_request_of_its_own_has_its_own_deadline() -> None:
    made = prepared()
    assert made.deadline == made.operation.call.deadline == made.errand(measure).deadline


async def test_a_call_that_others_may_wait_for_has_theirs() -> None:
    made = prepared(share=_Share())
    assert made.deadline == made.errand(measure).deadline == 1e9


async def test_an_errand_has_all_that_was_asked_for() -> None:
    made = prepared(mode="continue", hedges=True)
    errand = made.errand(measure)
    assert (errand.mode, errand.hedges, errand.prompt_tokens) == ("continue", True, 7)
    assert (errand.request, errand.trace, errand.measure) == (made.request, made.operation, measure)


@pytest.mark.parametrize(
    ("asked_for", "has_answer", "needed"),
    [
        pytest.param(b"", False, 7 + 1000, id="what is usual, where nothing was said"),
        pytest.param(b',"max_tokens":20', False, 7 + 20, id="what was said"),
        pytest.param(b',"max_tokens":20,"n":3', False, 7 + 60, id="for every choice"),
        pytest.param(b',"max_tokens":20', True, 0, id="none, where the answer is here already"),
    ],
)
async def test_a_call_needs_its_prompt_and_what_may_be_written(
    asked_for: bytes, *, has_answer: bool, needed: int
) -> None:
    request = parse_chat_request(BODY[:-1] + asked_for + b"}", stream=False)
    assert prepared(request=request, share=_Share(has_answer=has_answer)).needed_tokens() == needed
