"""What is under way at upstreams, and how loaded that makes them."""

from datetime import UTC, datetime

import pytest

from server import errors
from server.errors import PerpetuoError
from server.routing.attempt import Attempt, Clock, Means, Trace, UsualPrices
from server.routing.load.traffic import FAILURE_S, UNSEEN_S, Traffic
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
