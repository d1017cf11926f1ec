"""Google's refusals."""

import json

import pytest

from server.errors import PerpetuoError, UpstreamForbidden, UpstreamQuota, UpstreamRateLimited, UpstreamUnavailable
from server.providers.google.errors import failure_of

RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo"}
QUOTA = "You exceeded your current quota, please check your plan and billing details."


def body(code: int, message: str, status: str, *details: dict[str, str]) -> bytes:
    return json.dumps({"error": {"code": code, "message": message, "status": status, "details": details}}).encode()


CASES: list[tuple[str, int, bytes, type[PerpetuoError], float | None]] = [
    ("a limit that says how long", 429, body(429, QUOTA, "RESOURCE_EXHAUSTED", {**RETRY, "retryDelay": "7s"}),
     UpstreamRateLimited, 7.0),
    ("a part of a second", 429, body(429, QUOTA, "RESOURCE_EXHAUSTED", {**RETRY, "retryDelay": "0.25s"}),
     UpstreamRateLimited, 0.25),
    ("longer than we wait", 429, body(429, QUOTA, "RESOURCE_EXHAUSTED", {**RETRY, "retryDelay": "86400s"}),
     UpstreamRateLimited, 60.0),
    ("a delay that is none", 429, body(429, QUOTA, "RESOURCE_EXHAUSTED", {**RETRY, "retryDelay": "soon"}),
     UpstreamRateLimited, None),
    ("a quota without a delay", 429, body(429, QUOTA, "RESOURCE_EXHAUSTED"), UpstreamQuota, None),
    ("a place that is not served", 400, body(400, "User location is not supported.", "FAILED_PRECONDITION"),
     UpstreamForbidden, None),
    ("an error of status 200", 200, body(503, "overloaded", "UNAVAILABLE"), UpstreamUnavailable, None),
    ("an empty list", 503, b"[]", UpstreamUnavailable, None),
    ("a page", 503, b"<html>", UpstreamUnavailable, None),
    ("details that are no list", 503, b'{"error":{"details":7}}', UpstreamUnavailable, None),
]  # fmt: skip


@pytest.mark.parametrize(("status", "text", "reason", "wait_s"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_refusal(status: int, text: bytes, reason: type[PerpetuoError], wait_s: float | None) -> None:
    error = failure_of(status, {}, text)
    assert type(error) is reason
    assert error.retry_after_s == wait_s
