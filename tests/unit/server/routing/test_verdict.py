"""What the client is told in the end."""

import pytest

from server import errors
from server.errors import PerpetuoError
from server.routing.failure import classify
from server.routing.verdict import Failure, verdict
from tests.unit.server.routing.scripted import candidate

A, B = candidate("a"), candidate("b")
LIMIT, QUOTA, DOWN = errors.UpstreamRateLimited, errors.UpstreamQuota, errors.UpstreamUnavailable
RESET, LATE, NO_MODEL, AUTH = errors.UpstreamReset, errors.UpstreamTimeout, errors.ModelUnknown, errors.UpstreamAuth


def failure(name: str, error: PerpetuoError) -> Failure:
    return Failure({"a": A, "b": B}[name], classify(error), error)


CASES = [
    ("only limits: the shortest wait", [("a", LIMIT("1", retry_after_s=9)), ("b", LIMIT("2", retry_after_s=3))], "2"),
    ("a limit without a wait: a second", [("a", LIMIT("1", retry_after_s=2)), ("b", LIMIT("2"))], "2"),
    ("a limit and an outage: the outage", [("a", LIMIT("1")), ("b", DOWN("2"))], "2"),
    ("an outage tells more than a reset", [("a", RESET("1")), ("b", DOWN("2"))], "2"),
    ("a reset tells more than a time-out", [("a", LATE("1")), ("b", RESET("2"))], "2"),
    ("all without the model", [("a", NO_MODEL("1")), ("b", NO_MODEL("2"))], "1"),
    ("one without the model, one down", [("a", NO_MODEL("1")), ("b", DOWN("2"))], "2"),
    ("one without the model, one limiting", [("a", NO_MODEL("1")), ("b", LIMIT("2"))], "2"),
    ("one without the model, one without an answer", [("a", NO_MODEL("1")), ("b", LATE("2"))], "2"),
    ("quota and outage: the outage", [("a", QUOTA("1")), ("b", DOWN("2"))], "2"),
    ("quota and limit: the limit, for waiting helps", [("a", QUOTA("1")), ("b", LIMIT("2", retry_after_s=60))], "2"),
    ("only quota", [("a", QUOTA("1"))], "1"),
    ("a wrong credential", [("a", AUTH("1"))], "1"),
    ("a wrong credential and a limit: the credential", [("a", AUTH("1")), ("b", LIMIT("2"))], "1"),
    ("a request at fault after an outage", [("a", DOWN("1")), ("b", errors.RequestInvalid("2"))], "2"),
    ("a prompt too long for one, and the larger one down", [("a", errors.ContextTooLong("1")), ("b", DOWN("2"))], "1"),
    ("a request too large for one, and another down", [("a", errors.BodyTooLarge("1")), ("b", DOWN("2"))], "1"),
    ("one that cannot take it, and another down", [("a", errors.ParamUnsupported("1")), ("b", DOWN("2"))], "2"),
    ("nobody can take it", [("a", errors.ParamUnsupported("1")), ("b", errors.ParamUnsupported("2"))], "1"),
    ("one candidate fails, then limits: it was limiting", [("a", DOWN("1")), ("a", LIMIT("2"))], "2"),
    ("one candidate limits, then fails: it was limiting", [("a", LIMIT("1")), ("a", RESET("2"))], "1"),
    ("one limits and fails, another fails", [("a", LIMIT("1")), ("a", DOWN("2")), ("b", RESET("3"))], "3"),
    ("a conflict and a time-out", [("a", errors.Conflict("1")), ("b", LATE("2"))], "2"),
    ("the time ran out after an outage", [("a", DOWN("1")), ("b", errors.DeadlineExceeded("2"))], "1"),
    ("one that only streams, and then is down", [("a", errors.RequestInvalid("1: only supports streaming")),
     ("a", DOWN("2"))], "2"),
    ("our own failure hides behind nobody's", [("a", DOWN("1")), ("b", errors.Internal("2"))], "2"),
]  # fmt: skip


@pytest.mark.parametrize(("failures", "told"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_verdict(failures: list[tuple[str, PerpetuoError]], told: str) -> None:
    assert verdict([failure(name, error) for name, error in failures]).error.message == told
