"""The course of a request: who is asked after which failure, when, and how often at most."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import errors
from server.chat.deployment import Candidate, Deployment
from server.errors import PerpetuoError
from server.routing.course import LEAST_TIME_S, MAX_CALLS, Chance, Course, Step, backoff_s
from server.routing.failure import FailureClass, classify
from server.routing.verdict import Failure

NOW_S, FAR_S = 100.0, 700.0
WINDOWS = {"small": 8_000, "large": 128_000, "huge": 1_000_000}

Fails = Callable[[Candidate], PerpetuoError]


def at(name: str, model: str = "m", url: str = "", key: str = "") -> Candidate:
    place = url or f"https://{name}.example/v1"
    return Candidate(Deployment(name, "ws_1", "openai", place, key or f"sk-{name}"), model)


A, B, C, D, E = (at(name) for name in "abcde")


def chance(*, draw: float = 1.0, may_repeat: bool = True) -> Chance:
    return Chance(lambda: draw, lambda candidate: WINDOWS.get(candidate.model, 0), lambda candidate, now_s: may_repeat)


def played(
    candidates: Sequence[Candidate],
    failures: Sequence[PerpetuoError],
    world: Chance | None = None,
    deadline_s: float = FAR_S,
    *,
    is_stream: bool = True,
) -> list[Step]:
    """The calls that are made, each of which fails with the next failure, over and over the last."""
    course, steps, now_s = Course(candidates, deadline_s, world or chance()), [], NOW_S
    while (step := course.next(now_s)) is not None:
        steps.append(step)
        now_s += step.wait_s
        error = failures[min(len(steps), len(failures)) - 1]
        course.failed(step, Failure(step.candidate, classify(error, is_stream=is_stream or step.is_streamed), error))
    return steps


def who(steps: Sequence[Step]) -> str:
    """Who is asked, in order: small letters, capital ones for a repeated call."""
    return "".join(
        step.candidate.deployment.provider_id.upper() if step.is_repeated else step.candidate.deployment.provider_id
        for step in steps
    )


def upstream(status: int) -> dict[str, str]:
    return {"upstreamStatus": str(status)}


REFUSED = errors.UpstreamUnavailable("x", details={"phase": "connect"})
FAILED = errors.UpstreamUnavailable("x", details=upstream(500))
BUSY = errors.UpstreamUnavailable("x", details=upstream(503))
ROWS: list[tuple[str, PerpetuoError, str, str]] = [
    ("01 refused: the next at once", REFUSED, "a", "ab"),
    ("02 no connection in time", errors.UpstreamTimeout("x", details={"phase": "connect"}), "a", "ab"),
    ("03 an unknown name", errors.UpstreamDns("x"), "a", "ab"),
    ("03 a name not looked up for now: once more", errors.UpstreamDns("x", details={"kind": "temporary"}), "aA", "aAb"),
    ("04 a blocked address", errors.UpstreamBlocked("x"), "a", "ab"),
    ("05 TLS", errors.UpstreamTls("x"), "a", "ab"),
    ("06 reset before headers: once more", errors.UpstreamReset("x", details={"phase": "firstByte"}), "aA", "aAb"),
    ("07 reset after headers: once more", errors.UpstreamReset("x", details={"phase": "body"}), "aA", "aAb"),
    ("10 a clean end with nothing: the next", errors.UpstreamBadResponse("x"), "a", "ab"),
    ("12 an answer cut short: once more", errors.UpstreamBadResponse("x", details={"phase": "body"}), "aA", "aAb"),
    ("13 HTML", errors.UpstreamBadResponse("x", details={"kind": "page"}), "a", "ab"),
    ("17 a short wait is waited for", errors.UpstreamRateLimited("x", retry_after_s=2), "aA", "aAb"),
    ("17 a long wait is not", errors.UpstreamRateLimited("x", retry_after_s=2.1), "a", "ab"),
    ("18 a limit without a wait: the next", errors.UpstreamRateLimited("x"), "aA", "ab"),
    ("19 no quota", errors.UpstreamQuota("x"), "a", "ab"),
    ("20 a server error: once more", FAILED, "aA", "aAb"),
    ("20 overloaded: the next", BUSY, "aA", "ab"),
    ("22 a wrong credential", errors.UpstreamAuth("x"), "a", "ab"),
    ("23 forbidden", errors.UpstreamForbidden("x"), "a", "ab"),
    ("24 no such model", errors.ModelUnknown("x"), "a", "ab"),
    ("25 too long, and no larger window", errors.ContextTooLong("x"), "a", "a"),
    ("26 content refused", errors.ContentBlocked("x"), "a", "a"),
    ("27 a request at fault", errors.RequestInvalid("x"), "a", "a"),
    ("29 not now: once more", errors.UpstreamTimeout("x", details=upstream(408)), "aA", "aAb"),
    ("29 a conflict: once more", errors.Conflict("x"), "aA", "aAb"),
    ("30 too large here: elsewhere", errors.BodyTooLarge("x"), "a", "ab"),
    ("31 a redirect", errors.UpstreamRedirect("x"), "a", "ab"),
    ("32 nothing in time", errors.UpstreamTimeout("x", details={"phase": "firstByte"}), "a", "ab"),
    ("36 far too long", errors.UpstreamBadResponse("x", details={"limitBytes": "1"}), "a", "ab"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "alone", "two"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_who_is_asked_after_a_failure(error: PerpetuoError, alone: str, two: str) -> None:
    assert who(played([A], [error])) == alone
    assert who(played([A, B], [error])) == two


def test_every_class_of_failure_is_in_the_rows() -> None:
    seen = {classify(row[1], is_stream=True) for row in ROWS}
    elsewhere = {
        FailureClass.BROKEN_STREAM, FailureClass.STALLED, FailureClass.OUT_OF_TIME, FailureClass.OURS,
        FailureClass.UNFIT, FailureClass.USAGE_OPTION, FailureClass.STREAM_ONLY,
    }  # fmt: skip
    assert seen | elsewhere == set(FailureClass)


@pytest.mark.parametrize("error", [FAILED, BUSY, REFUSED], ids=["fails", "is busy", "refuses"])
def test_at_most_four_calls_and_two_of_the_first(error: PerpetuoError) -> None:
    calls = who(played([A, B, C, D, E], [error]))
    assert len(calls) == MAX_CALLS
    assert calls.lower().count("a") <= 2
    assert all(calls.lower().count(name) <= 1 for name in "bcde")


def test_only_the_first_that_was_asked_is_asked_again() -> None:
    assert who(played([A, B, C], [REFUSED, FAILED, FAILED])) == "abc"


WAITS = [
    ("after one failure", 1, 0.25), ("after two", 2, 0.5), ("after three", 3, 1.0), ("after six", 6, 8.0),
    ("never more than 8 s", 12, 8.0),
]  # fmt: skip


@pytest.mark.parametrize(("failures", "most_s"), [case[1:] for case in WAITS], ids=[case[0] for case in WAITS])
def test_the_back_off_is_full_jitter(failures: int, most_s: float) -> None:
    assert backoff_s(failures, lambda: 1.0) == most_s
    assert backoff_s(failures, lambda: 0.5) == most_s / 2
    assert backoff_s(failures, lambda: 0.0) == 0.0


def test_how_long_is_waited() -> None:
    assert [step.wait_s for step in played([A, B], [FAILED])] == [0.0, 0.25, 0.0]
    assert [step.wait_s for step in played([A], [BUSY])] == [0.0, 0.25]
    told = errors.UpstreamRateLimited("x", retry_after_s=1.5)
    assert [step.wait_s for step in played([A], [told], chance(draw=0.0))] == [0.0, 1.5]
    at_once = errors.UpstreamReset("x", details={"phase": "firstByte"})
    assert [step.wait_s for step in played([A], [at_once])] == [0.0, 0.0]


def test_a_wait_that_the_deadline_has_no_room_for_is_not_begun() -> None:
    told = errors.UpstreamRateLimited("x", retry_after_s=1.5)
    assert who(played([A, B], [told], deadline_s=NOW_S + 1.5 + LEAST_TIME_S)) == "aAb"
    assert who(played([A, B], [told], deadline_s=NOW_S + 1.5)) == "ab"


def test_nobody_is_asked_without_time() -> None:
    assert played([A], [FAILED], deadline_s=NOW_S + LEAST_TIME_S / 2) == []


def test_an_empty_budget_allows_no_second_call_but_all_others() -> None:
    assert who(played([A, B], [FAILED], chance(may_repeat=False))) == "ab"
    assert who(played([A, B], [BUSY], chance(may_repeat=False))) == "ab"


def test_the_budget_is_asked_only_when_a_call_is_repeated() -> None:
    asked: list[Candidate] = []

    def may_repeat(candidate: Candidate, now_s: float) -> bool:
        asked.append(candidate)
        return True

    played([A, B], [REFUSED], Chance(lambda: 0.0, lambda _: 0, may_repeat))
    assert asked == []
    played([A, B], [FAILED], Chance(lambda: 0.0, lambda _: 0, may_repeat))
    assert asked == [A]


SMALL, LARGE, HUGE, UNKNOWN = at("s", "small"), at("l", "large"), at("h", "huge"), at("u", "unknown")
TOO_LONG = errors.ContextTooLong("x")
WIDER = [
    ("only those with a larger window", [SMALL, at("t", "small"), LARGE, UNKNOWN, HUGE], [TOO_LONG], "slh"),
    ("larger than the last that failed", [SMALL, HUGE, LARGE], [TOO_LONG], "sh"),
    ("a window that is not known is not larger", [UNKNOWN, LARGE], [TOO_LONG], "u"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("candidates", "failures", "asked"), [case[1:] for case in WIDER], ids=[case[0] for case in WIDER]
)
def test_a_prompt_that_is_too_long_goes_to_larger_windows(
    candidates: list[Candidate], failures: list[PerpetuoError], asked: str
) -> None:
    assert who(played(candidates, failures)) == asked


def test_a_credential_without_credit_is_not_tried_under_another_name() -> None:
    same = at("b", url=A.deployment.base_url, key=A.deployment.api_key)
    other_key = at("c", url=A.deployment.base_url)
    for error in (errors.UpstreamQuota("x"), errors.UpstreamAuth("x")):
        assert who(played([A, same, other_key], [error])) == "ac"


def test_a_request_too_large_goes_to_another_place() -> None:
    assert who(played([A, at("b", url=A.deployment.base_url), C], [errors.BodyTooLarge("x")])) == "ac"
    wide = at("w", "huge", url=SMALL.deployment.base_url)
    assert who(played([SMALL, wide], [errors.BodyTooLarge("x")])) == "sw"


def test_a_stream_goes_once_without_asking_for_usage() -> None:
    refusal = errors.RequestInvalid("Unknown parameter", param="stream_options")
    steps = played([A, B], [refusal])
    assert [(step.candidate, step.is_plain) for step in steps] == [(A, False), (A, True)]
    steps = played([A, B], [refusal, FAILED, FAILED, FAILED])
    assert [(step.candidate, step.is_plain, step.is_repeated) for step in steps] == [
        (A, False, False), (A, True, False), (A, True, True), (B, False, False),
    ]  # fmt: skip


def test_an_answer_in_one_piece_is_had_once_as_a_stream() -> None:
    refusal = errors.RequestInvalid("This model only support stream mode, please enable the stream parameter.")
    steps = played([A, B], [refusal], is_stream=False)
    assert [(step.candidate, step.is_streamed) for step in steps] == [(A, False), (A, True)]
    no_usage = errors.RequestInvalid("Unknown parameter", param="stream_options")
    steps = played([A, B], [refusal, no_usage, FAILED, FAILED], is_stream=False)
    assert [(step.candidate, step.is_streamed, step.is_plain, step.is_repeated) for step in steps] == [
        (A, False, False, False), (A, True, False, False), (A, True, True, False), (A, True, True, True),
    ]  # fmt: skip


ERRORS = st.sampled_from([row[1] for row in ROWS])


@given(st.lists(ERRORS, min_size=1, max_size=8), st.integers(1, 6), st.floats(0, 1), st.booleans(), st.floats(0, 5))
def test_whatever_fails_the_bounds_hold(
    failures: list[PerpetuoError], count: int, draw: float, may_repeat: bool, time_s: float
) -> None:
    candidates = [at(name) for name in "abcdef"[:count]]
    steps = played(candidates, failures, chance(draw=draw, may_repeat=may_repeat), NOW_S + time_s)
    calls = who(steps).lower()
    assert len(calls) <= MAX_CALLS
    assert all(calls.count(name) <= (2 if calls.startswith(name) else 1) for name in set(calls))
    assert sum(step.wait_s for step in steps) <= time_s
    assert may_repeat or not any(step.is_repeated for step in steps)
