"""A prepared request says until when it may be served, and what the dispatcher is to do."""

from typing import Any, cast

from server.chat.calibration import Calibration
from server.chat.request import parse_chat_request
from server.prepared import Prepared
from server.routing.attempt import Trace
from server.routing.operation import Operation
from tests.unit.server.piped import call
from tests.unit.server.routing.scripted import clock, nano_per_token

BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'


class _Share:
    call_deadline = 1e9


def prepared(**change: Any) -> Prepared:
    operation = Operation(call(), Trace(clock(), nano_per_token), is_stream=False, content_policy="off")
    operation.prompt_tokens = 7
    fields = {"operation": operation, "request": parse_chat_request(BODY, stream=False), "asked": None, "share": None}
    return Prepared(**cast(Any, {**fields, **change}))


async def test_a_request_of_its_own_has_its_own_deadline() -> None:
    made = prepared()
    assert made.deadline == made.operation.call.deadline == made.errand(Calibration()).deadline


async def test_a_call_that_others_may_wait_for_has_theirs() -> None:
    made = prepared(share=_Share())
    assert made.deadline == made.errand(Calibration()).deadline == 1e9


async def test_an_errand_has_all_that_was_asked_for() -> None:
    made = prepared(mode="continue", hedges=True)
    errand = made.errand(Calibration())
    assert (errand.mode, errand.hedges, errand.prompt_tokens) == ("continue", True, 7)
    assert (errand.request, errand.trace) == (made.request, made.operation.trace)
