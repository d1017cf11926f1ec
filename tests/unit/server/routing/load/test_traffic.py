"""What is under way at upstreams, and how loaded that makes them."""

from datetime import UTC, datetime

import pytest

from server import errors
from server.errors import PerpetuoError
from server.routing.attempt import Attempt, Clock, Trace
from server.routing.load.traffic import FAILURE_S, UNSEEN_S, Traffic
from tests.unit.server.routing.scripted import candidate, nano_per_token


class Watch:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def begun(traffic: Traffic, watch: Watch, name: str = "a", *, is_stream: bool = False) -> Attempt:
    clock = Clock(lambda: datetime.now(UTC), watch)
    trace = Trace(clock, nano_per_token, is_stream=is_stream, watch=traffic.begin)
    return trace.begin(candidate(name))


def test_a_call_counts_from_its_beginning_to_its_end() -> None:
    watch = Watch()
    traffic = Traffic(watch)
    first, second = begun(traffic, watch), begun(traffic, watch)
    assert (traffic.under_way("a", "m"), traffic.in_flight) == (2, 2)
    first.end()
    first.end()
    assert (traffic.under_way("a", "m"), traffic.in_flight) == (1, 1)
    second.fail(errors.UpstreamReset("x"))
    assert (traffic.under_way("a", "m"), traffic.in_flight) == (0, 0)
    assert traffic.under_way("b", "m") == 0


def test_the_load_is_the_latency_times_the_calls_and_one() -> None:
    watch = Watch()
    traffic = Traffic(watch)
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
    traffic = Traffic(watch)
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
    traffic = Traffic(watch)
    attempt = begun(traffic, watch)
    watch.now_s += expected_s if expected_s != FAILURE_S else 0.001
    attempt.fail(error)
    assert traffic.load("a", "m", False) == pytest.approx(expected_s)


def test_only_those_at_rest_are_forgotten() -> None:
    watch = Watch()
    traffic = Traffic(watch, max_upstreams=2)
    working = begun(traffic, watch, "a")
    begun(traffic, watch, "b").end()
    begun(traffic, watch, "c")
    begun(traffic, watch, "d")
    assert [traffic.under_way(name, "m") for name in "abcd"] == [1, 0, 1, 1]
    working.end()
    assert traffic.in_flight == 2
