"""One attempt leaves one record, and a trace adds up what its attempts cost."""

from collections.abc import Mapping

import pytest
from msgspec import structs

from server import errors
from server.chat.records import OperationStart
from server.chat.usage import Usage
from server.routing.attempt import Attempt, Trace, UsualPrices
from server.upstream.head import head_of
from tests.unit.server.ledger.spool.spooled import began
from tests.unit.server.routing.scripted import candidate, means, nano_per_token, trace


async def test_a_record_is_written_once() -> None:
    attempt = trace().begin(candidate("a"))
    first = attempt.end("ok")
    assert attempt.end("CLIENT_GONE") is first
    assert (first.number, first.provider_id, first.provider, first.model) == (1, "a", "openai", "m")


async def test_a_failure_keeps_reason_and_message_but_not_too_much_of_it() -> None:
    record = trace().begin(candidate("a")).fail(errors.UpstreamReset("x" * 900))
    assert record.outcome == "UPSTREAM_RESET"
    assert len(record.detail) == 500


async def test_the_first_content_is_timed_once() -> None:
    attempt = trace().begin(candidate("a"))
    attempt.saw_content()
    first = attempt.first_token_ms
    attempt.began -= 60
    attempt.saw_content()
    assert attempt.first_token_ms == first == 0
    assert attempt.elapsed_ms() >= 60_000


async def test_attempts_that_still_run_are_recorded_as_left() -> None:
    seen = trace()
    seen.begin(candidate("a")).end("ok")
    seen.begin(candidate("b"))
    assert [(record.number, record.outcome) for record in seen.close()[0]] == [(1, "ok"), (2, "CLIENT_GONE")]


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [((), None), ((None, 5), 5), ((3, 5), 8), ((None,), None)],
    ids=["no attempt", "one that used nothing", "two that used tokens", "nothing used"],
)
async def test_a_trace_adds_up_what_was_used(tokens: tuple[int | None, ...], expected: int | None) -> None:
    seen = trace()
    for count in tokens:
        attempt = seen.begin(candidate("a"))
        attempt.usage = None if count is None else Usage(input_tokens=count)
    assert seen.cost_nanousd() == expected


async def test_one_unknown_price_makes_the_sum_unknown() -> None:
    seen = trace()
    seen.prices = UsualPrices(
        lambda provider, model, usage: None if model == "odd" else nano_per_token(provider, model, usage)
    )
    for model in ("m", "odd"):
        seen.begin(candidate("a", model)).usage = Usage(input_tokens=1)
    assert seen.cost_nanousd() is None


class _Doubled:
    """A workspace's own prices: twice as much."""

    def cost_nanousd(self, provider: str, model: str, usage: Usage) -> int | None:
        return None if model == "odd" else 2 * usage.total_tokens

    def version_of(self, provider: str, model: str) -> str:
        return "mine/1"


async def test_prices_that_are_known_hold_for_the_attempts_that_begin_from_then_on() -> None:
    seen = trace()
    seen.begin(candidate("a")).usage = Usage(input_tokens=3)
    seen.prices = _Doubled()
    for model in ("m", "odd"):
        seen.begin(candidate("b", model)).usage = Usage(input_tokens=5)
    running = [attempt.cost_nanousd() for attempt in seen.attempts]
    records = [attempt.end() for attempt in seen.attempts]
    assert running == [record.cost_nanousd for record in records] == [3, 10, None]
    assert [record.price_version for record in records] == ["", "mine/1", ""]


async def test_what_is_known_is_kept_when_an_attempt_begins_with_the_attempt_in_it() -> None:
    kept: list[int] = []

    class Owned(Trace):
        def start(self, attempt: Attempt) -> OperationStart:
            assert self.attempts[-1] is attempt
            return began(attempt.number, number=attempt.number)

    seen = Owned(structs.replace(means(), keep=lambda start: kept.append(start.number)))
    seen.begin(candidate("a"))
    seen.begin(candidate("b"))
    seen.is_settled = True
    seen.begin(candidate("c"))
    assert kept == [1, 2]


async def test_tokens_are_added_up_but_for_those_only_supposed() -> None:
    seen = trace()
    seen.begin(candidate("a")).fail(errors.UpstreamTimeout("late"), Usage(input_tokens=50, is_estimated=True))
    seen.begin(candidate("b"))
    assert (seen.used_tokens(), seen.close()[1]) == (0, None)
    for tokens in (3, 4):
        seen.begin(candidate("c")).usage = Usage(input_tokens=tokens, output_tokens=1)
    assert (seen.used_tokens(), seen.close()[1]) == (9, seen.attempts[-1])


class Ear:
    """A watcher that keeps what it hears."""

    def __init__(self) -> None:
        self.begun = 1
        self.heads: list[Mapping[str, str]] = []

    def heard(self, attempt: Attempt, headers: Mapping[str, str]) -> None:
        self.heads.append(headers)

    def ended(self, attempt: Attempt) -> None:
        raise AssertionError("it goes on")


@pytest.mark.parametrize("is_text", [True, False])
async def test_heads_that_say_what_is_allowed_are_passed_on(is_text: bool) -> None:
    ear = Ear()
    seen = Trace(structs.replace(means(), watch=lambda candidate: ear))
    attempt = seen.begin(candidate("a"), 5.0)
    assert attempt.entered_s == 5.0
    silent, telling = {"content-type": "text/plain"}, {"x-ratelimit-remaining-requests": "5", "date": "now"}
    for headers in (silent, telling, silent, telling):
        attempt.heard(200, headers if is_text else head_of(headers))
    assert ear.heads == [telling, telling]
