"""Cohere's refusals, where the golden folders do not go."""

import pytest

from server.providers.cohere.errors import failure_of


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (498, b'{"message":"invalid token"}', "UPSTREAM_AUTH"),
        (500, b"", "UPSTREAM_UNAVAILABLE"),
        (400, b"\xff", "REQUEST_INVALID"),
    ],
)
def test_a_refusal(status: int, body: bytes, reason: str) -> None:
    assert failure_of(status, {}, body).reason == reason
