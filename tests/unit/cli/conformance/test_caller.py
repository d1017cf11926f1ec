"""What a caller takes for an answer, for an error and for a hang."""

import asyncio

import pytest

from cli.conformance.caller import Outcome, Target, ask
from cli.mock.answers import PLAIN_TEXT
from cli.mock.upstream import MockUpstream


async def asked(scenario: str, limit_s: float = 20.0) -> Outcome:
    async with MockUpstream(scenarios=[scenario] if scenario else []) as mock:
        target = Target(mock.base_url, "key", headers={"x-extra": "1"})
        outcome = await asyncio.to_thread(ask, target, 1, limit_s)
        for record in mock.requests:
            assert record.header("authorization") == "Bearer key"
            assert record.header("x-extra") == "1"
        return outcome


@pytest.mark.parametrize("scenario", ["", "crlf", "comments", "no-done", "split-every-byte"])
async def test_a_whole_answer(scenario: str) -> None:
    outcome = await asked(scenario)
    assert (outcome.status, outcome.error, outcome.text) == (200, "", PLAIN_TEXT)
    assert outcome.has_usage
    assert outcome.has_done == (scenario != "no-done")
    assert outcome.model == "conformance"


@pytest.mark.parametrize(
    ("scenario", "text", "error"),
    [
        ("status-503?message=busy", "", "status 503: busy"),
        ("html+status-502", "", "status 502: no message"),
        ("html", "", "not JSON"),
        ("empty", "", "an empty answer"),
        ("error-event?n=2&message=oops", "Hello", "error in the answer: oops"),
        ("error-200?message=oops", "", "error in the answer: oops"),
        ("slow?n=5&ms=1+close-after?n=3", "token0 token1 ", "the connection broke"),
        ("slow?n=5&ms=1+reset-after?n=3", "", "the connection broke"),
        ("reset-headers", "", "the connection broke"),
        ("body?value=%7B%7D+cut-at?byte=1", "", "the connection broke"),
        ("slow?n=5&ms=1+error-event?n=3", "token0 token1 ", "error in the answer"),
        ("endless", "", "longer than"),
    ],
)
async def test_what_is_no_answer(scenario: str, text: str, error: str) -> None:
    outcome = await asked(scenario)
    assert error in outcome.error
    assert outcome.text.startswith(text)
    assert not outcome.has_hung


async def test_half_an_answer_that_ends_in_order_is_taken_for_whole() -> None:
    outcome = await asked("slow?n=5&ms=1+no-finish+end-at?byte=500")
    assert outcome.error == ""
    assert outcome.text.startswith("token0 ")
    assert "token4" not in outcome.text


@pytest.mark.parametrize("scenario", ["stall-headers", "stall-after?n=1", "trickle?n=1&ms=20"])
async def test_a_gateway_that_is_silent_or_never_ends_hangs(scenario: str) -> None:
    outcome = await asked(scenario, limit_s=0.3)
    assert outcome.has_hung
    assert outcome.error == "nothing for 0.3 s"


def test_the_path_is_below_the_version() -> None:
    assert Target("http://a:1").parts.path == "/v1/chat/completions"
    assert Target("http://a:1/v1/").parts.path == "/v1/chat/completions"
    assert Target("https://a/openai/v1").parts.path == "/openai/v1/chat/completions"
