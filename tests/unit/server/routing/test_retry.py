"""What a failed attempt leads to: the table, and what the client is told in the end."""

import pytest

from server import errors
from server.errors import REASONS, PerpetuoError
from server.routing.retry import Move, flags_credential, move_after, verdict

STOPS = {"REQUEST_INVALID", "CONTEXT_TOO_LONG", "CONTENT_BLOCKED", "CLIENT_GONE", "INTERNAL"}
MOVES = {
    "UPSTREAM_AUTH", "UPSTREAM_FORBIDDEN", "UPSTREAM_RATE_LIMITED", "UPSTREAM_QUOTA", "UPSTREAM_TIMEOUT",
    "UPSTREAM_RESET", "UPSTREAM_UNAVAILABLE", "UPSTREAM_BAD_RESPONSE", "UPSTREAM_DNS", "UPSTREAM_TLS", "MODEL_UNKNOWN",
    "BODY_TOO_LARGE", "PARAM_UNSUPPORTED", "UPSTREAM_BLOCKED", "UPSTREAM_REDIRECT",
}  # fmt: skip


@pytest.mark.parametrize("reason", sorted(MOVES))
def test_a_failure_of_the_provider_moves_on(reason: str) -> None:
    assert move_after(REASONS[reason]("x")) is Move.NEXT


@pytest.mark.parametrize("reason", sorted(set(REASONS) - MOVES))
def test_every_other_reason_stops(reason: str) -> None:
    assert move_after(REASONS[reason]("x")) is Move.STOP


def test_the_stopping_reasons_exist() -> None:
    assert set(REASONS) >= STOPS


VERDICTS = [
    ("only limits: the shortest wait",
     [errors.UpstreamRateLimited("a", retry_after_s=9), errors.UpstreamRateLimited("b", retry_after_s=3)], "b"),
    ("a limit and an outage: the outage", [errors.UpstreamRateLimited("a"), errors.UpstreamUnavailable("b")], "b"),
    ("an outage tells more than a reset", [errors.UpstreamReset("a"), errors.UpstreamUnavailable("b")], "b"),
    ("a reset tells more than a time-out", [errors.UpstreamTimeout("a"), errors.UpstreamReset("b")], "b"),
    ("all without the model", [errors.ModelUnknown("a"), errors.ModelUnknown("b")], "a"),
    ("one without the model, one down", [errors.ModelUnknown("a"), errors.UpstreamUnavailable("b")], "b"),
    ("one without the model, one limiting", [errors.ModelUnknown("a"), errors.UpstreamRateLimited("b")], "b"),
    ("quota and outage: the outage", [errors.UpstreamQuota("a"), errors.UpstreamUnavailable("b")], "b"),
    ("only quota", [errors.UpstreamQuota("a")], "a"),
    ("one wrong credential", [errors.UpstreamAuth("a")], "a"),
]  # fmt: skip


@pytest.mark.parametrize(("failures", "message"), [c[1:] for c in VERDICTS], ids=[c[0] for c in VERDICTS])
def test_verdict(failures: list[PerpetuoError], message: str) -> None:
    assert verdict(failures).message == message


def test_credentials_are_flagged_on_401_and_403_only() -> None:
    assert {reason for reason, cls in REASONS.items() if flags_credential(cls("x"))} == {
        "UPSTREAM_AUTH",
        "UPSTREAM_FORBIDDEN",
    }
