"""What is under way at upstreams, and how loaded that makes them."""

import math
from datetime import UTC, datetime

import pytest

from server import errors
from server.chat.usage import Usage
from server.errors import PerpetuoError
from server.routing.attempt import Attempt, Clock, Means, Trace, UsualPrices
from server.routing.load.peak import FADE_S
from server.routing.load.traffic import FAILURE_S, TOGETHER, UNSEEN_S, Traffic
from server.routing.measured import HALF_LIFE_S, NOTHING
from tests.unit.server.routing.scripted import candidate, nano_per_token

A, B = ("a", "m"), ("b", "m")


class Watch:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def begun(traffic: Traffic, watch: Watch, name: str = "a", *, is_stream: bool = False) -> Attempt:
    clock = Clock(lambda: datetime.now(UTC), watch)
    trace = Trace(Means(clock, UsualPrices(nano_per_token), traffic.begin), is_stream)
    return trace.begin(candidate(name))


def test_a_call_counts_from_its_beginning_to_its_end() -> None:
    watch = Watch()
    traffic = Traffic(watch, watch)
    first, second = begun(traffic, watch), begun(traffic, watch)
    assert (traffic.calls_at(A), traffic.under_way) == (2, 2)
    first.end()
    first.end()
    assert (traffic.calls_at(A), traffic.under_way) == (1, 1)
    second.fail(errors.UpstreamReset("x"))
    assert (traffic.calls_at(A), traffic.under_way) == (0, 0)
    assert traffic.calls_at(B) == 0


def test_the_load_is_the_latency_times_the_calls_and_one() -> None:
    watch = Watch()
    traffic = Traffic(watch, watch)
    assert traffic.load("a", "m", False) == 0.0
    answered = begun(traffic, watch)
    assert traffic.load("a", "m", False) == 2 * UNSEEN_S
    watch.now_s += 0.25
    answered.end()
    assert traffic.load("a", "m", False) == 0.25
    begun(traffic, watch)
    assert traffic.load("a", "m", False) == 0.5


def test_streams_count_to_their_first_content_and_apart_from_other_answers() -> None:
    watch = Watch()
    traffic = Traffic(watch, watch)
    stream = begun(traffic, watch, is_stream=True)
    watch.now_s += 0.5
    stream.saw_content()
    watch.now_s += 60
    stream.end()
    assert traffic.load("a", "m", True) == 0.5
    assert traffic.load("a", "m", False) == 0.0


ENDS: list[tuple[str, PerpetuoError, float]] = [
    ("a quick failure of the provider does not look quick", errors.UpstreamUnavailable("x"), FAILURE_S),
    ("a slow one looks as slow as it was", errors.UpstreamTimeout("x"), 30.0),
    ("who was limited is left alone for a while", errors.UpstreamRateLimited("x"), FAILURE_S),
    ("a request at fault says how long it took at least", errors.RequestInvalid("x"), 0.2),
    ("and so does a client who left", errors.ClientGone("x"), 0.2),
]


@pytest.mark.parametrize(("error", "expected_s"), [case[1:] for case in ENDS], ids=[case[0] for case in ENDS])
def test_what_an_end_says_of_an_upstream(error: PerpetuoError, expected_s: float) -> None:
    watch = Watch()
    traffic = Traffic(watch, watch)
    attempt = begun(traffic, watch)
    watch.now_s += expected_s if expected_s != FAILURE_S else 0.001
    attempt.fail(error)
    assert traffic.load("a", "m", False) == pytest.approx(expected_s)


SEEN: list[tuple[str, PerpetuoError | None, float, float]] = [
    ("an answer", None, 1.0, 0.0),
    ("a stream that broke", errors.UpstreamStreamInterrupted("x"), 1.0, 1.0),
    ("a provider that was too slow", errors.UpstreamTimeout("x"), 1.0, 1.0),
    ("a client who left", errors.ClientGone("x"), 0.0, 0.0),
    ("a request at fault", errors.RequestInvalid("x"), 0.0, 0.0),
    ("a prompt that is too long", errors.ContextTooLong("x"), 0.0, 0.0),
    ("a deadline", errors.DeadlineExceeded("x"), 0.0, 0.0),
]


@pytest.mark.parametrize(("error", "calls", "error_rate"), [case[1:] for case in SEEN], ids=[case[0] for case in SEEN])
def test_what_counts_as_a_failure_of_an_upstream(error: PerpetuoError | None, calls: float, error_rate: float) -> None:
    watch = Watch()
    traffic = Traffic(watch, watch)
    attempt = begun(traffic, watch)
    attempt.heard(200, {})
    attempt.end() if error is None else attempt.fail(error)
    found = traffic.measured("a", "m", False)
    assert (found.calls, found.error_rate) == (calls, error_rate)
    assert traffic.measured("a", "m", True) == traffic.measured("b", "m", False) == NOTHING


def test_streams_are_measured_to_their_first_content_and_apart() -> None:
    watch = Watch()
    traffic = Traffic(watch, watch)
    stream, silent = begun(traffic, watch, is_stream=True), begun(traffic, watch, is_stream=True)
    stream.heard(200, {})
    watch.now_s += 0.5
    stream.saw_content()
    watch.now_s += 60
    stream.end()
    silent.heard(200, {})
    silent.end()
    found = traffic.measured("a", "m", True)
    assert (found.calls, found.answers, found.latency_ms) == (2.0, 1.0, 500.0)
    assert traffic.measured("a", "m", False) == NOTHING


def test_what_is_noted_is_taken_in_as_of_its_own_time() -> None:
    watch = Watch()
    traffic = Traffic(watch, watch)
    for name in ("a", "b", "a"):
        attempt = begun(traffic, watch, name)
        attempt.heard(200, {})
        watch.now_s += 2.0
        attempt.end()
    assert len(traffic.ended) == 3
    watch.now_s += HALF_LIFE_S
    found = traffic.measured("a", "m", False)
    assert traffic.ended == []
    assert found.calls == pytest.approx(0.5 + 0.5 * 0.5 ** (4.0 / HALF_LIFE_S))
    assert found.latency_ms == pytest.approx(2_000.0)
    assert traffic.load("b", "m", False) == pytest.approx(2.0 * math.exp(-(HALF_LIFE_S + 2.0) / FADE_S))


def test_only_so_much_is_noted_that_nobody_asks_for() -> None:
    watch = Watch()
    traffic = Traffic(watch, watch)
    for count in range(1, 3 * TOGETHER):
        attempt = begun(traffic, watch)
        attempt.heard(200, {})
        attempt.usage = Usage(input_tokens=3_000)
        attempt.end()
        assert len(traffic.ended) == count % TOGETHER
    assert traffic.measured("a", "m", False).calls == 3 * TOGETHER - 1


def test_what_calls_use_is_known_when_a_provider_tells_of_tokens() -> None:
    watch = Watch()
    traffic = Traffic(watch, watch)
    for _ in range(TOGETHER - 1):
        attempt = begun(traffic, watch)
        attempt.heard(200, {})
        attempt.usage = Usage(input_tokens=2_000, output_tokens=500, reasoning_tokens=500)
        attempt.end()
    told = {"x-ratelimit-remaining-tokens": "9100", "x-ratelimit-reset-tokens": "20s"}
    begun(traffic, watch).heard(200, told)
    count = 0
    while not traffic.is_full("a", "m"):
        begun(traffic, watch)
        count += 1
    assert count == 3


def test_only_those_at_rest_are_forgotten() -> None:
    watch = Watch()
    traffic = Traffic(watch, watch, max_upstreams=2)
    working = begun(traffic, watch, "a")
    begun(traffic, watch, "b").end()
    begun(traffic, watch, "c")
    begun(traffic, watch, "d")
    assert [traffic.calls_at((name, "m")) for name in "abcd"] == [1, 0, 1, 1]
    working.end()
    assert traffic.under_way == 2


def limited(traffic: Traffic, attempt: Attempt, status: int = 429) -> None:
    attempt.heard(status, {})
    attempt.fail(errors.UpstreamRateLimited("x"))


def test_refusals_teach_a_limit_and_answers_raise_it() -> None:
    watch = Watch()
    traffic = Traffic(watch, watch)
    attempts = [begun(traffic, watch) for _ in range(10)]
    assert not traffic.is_full("a", "m")
    watch.now_s += 0.1
    for attempt in attempts[:5]:
        limited(traffic, attempt)
    assert traffic.limits() == {"openai": [7.0]}
    assert not traffic.is_full("a", "m")
    more = [begun(traffic, watch) for _ in range(2)]
    assert traffic.is_full("a", "m")
    assert not traffic.is_full("b", "m")
    for attempt in (*attempts[5:], *more):
        attempt.end()
    assert traffic.limits()["openai"][0] > 7.1
    assert not traffic.is_full("a", "m")


@pytest.mark.parametrize(("status", "learns"), [(429, True), (529, True), (500, False), (503, False)])
def test_who_says_that_there_is_no_room(status: int, learns: bool) -> None:
    watch = Watch()
    traffic = Traffic(watch, watch)
    limited(traffic, begun(traffic, watch), status)
    assert bool(traffic.limits()) is learns


TOLD: list[tuple[str, dict[str, str], int]] = [
    ("requests", {"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "20s"}, 3),
    ("tokens, by what a call takes", {"x-ratelimit-remaining-tokens": "2500", "x-ratelimit-reset-tokens": "20s"}, 2),
    ("the lesser of both", {"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "1s",
                            "x-ratelimit-remaining-tokens": "1999", "x-ratelimit-reset-tokens": "20s"}, 1),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "more"), [case[1:] for case in TOLD], ids=[case[0] for case in TOLD])
def test_no_more_calls_begin_than_a_provider_allows(headers: dict[str, str], more: int) -> None:
    watch = Watch()
    traffic = Traffic(watch, watch)
    begun(traffic, watch).heard(200, headers)
    count = 0
    while not traffic.is_full("a", "m"):
        begun(traffic, watch)
        count += 1
    assert count == more
    assert traffic.reopens_at_s(A) == watch.now_s + 20
    watch.now_s += 20
    assert not traffic.is_full("a", "m")
    assert traffic.reopens_at_s(A) is None


def test_what_a_provider_allows_is_beside_the_calls_that_it_does_not_know_of_yet() -> None:
    watch = Watch()
    traffic = Traffic(watch, watch)
    first = begun(traffic, watch)
    for _ in range(3):
        begun(traffic, watch)
    first.heard(200, {"x-ratelimit-remaining-requests": "4", "x-ratelimit-reset-requests": "20"})
    begun(traffic, watch)
    assert traffic.is_full("a", "m")


def test_plenty_is_not_watched() -> None:
    watch = Watch()
    traffic = Traffic(watch, watch)
    begun(traffic, watch).heard(200, {"x-ratelimit-remaining-requests": "9999"})
    assert traffic.limits() == {}


def test_there_is_a_bound_for_all_together() -> None:
    watch = Watch()
    traffic = Traffic(watch, watch, max_calls=2)
    begun(traffic, watch, "a")
    assert not traffic.is_full_of_calls
    traffic.promise(B)
    assert traffic.is_full_of_calls
    traffic.take_back(B)
    begun(traffic, watch, "b").end()
    assert not traffic.is_full_of_calls


def test_who_wants_to_know_of_room_is_told_when_a_call_has_ended() -> None:
    watch = Watch()
    traffic, seen = Traffic(watch, watch), []
    traffic.on_room = lambda: seen.append(traffic.calls_at(A))
    begun(traffic, watch).end()
    assert seen == [0]


def test_an_upstream_that_was_forgotten_counts_anew() -> None:
    watch = Watch()
    traffic, a, b = Traffic(watch, watch, max_upstreams=1), candidate("a"), candidate("b")
    clock = Clock(lambda: datetime.now(UTC), watch)
    trace = Trace(Means(clock, UsualPrices(nano_per_token), traffic.begin))
    trace.begin(a).end()
    assert traffic.has_room([a])
    traffic.promise((b.deployment.provider_id, b.model))  # which forgets the other
    trace.begin(a)
    assert traffic.calls_at((a.deployment.provider_id, a.model)) == 1
    assert traffic.has_room([b])
