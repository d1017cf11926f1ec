"""What is told of streams that broke."""

import pytest

from server import errors
from server.errors import PerpetuoError
from server.routing.dispatch.broken import broken_stream


@pytest.mark.parametrize(
    ("error", "left_s", "reason"),
    [
        (errors.UpstreamReset("x"), 5.0, "UPSTREAM_STREAM_INTERRUPTED"),
        (errors.UpstreamTimeout("x"), 5.0, "UPSTREAM_STREAM_INTERRUPTED"),
        (errors.UpstreamTimeout("x"), 0.0, "DEADLINE_EXCEEDED"),
        (errors.DeadlineExceeded("x"), 5.0, "DEADLINE_EXCEEDED"),
        (errors.ClientGone("x"), 5.0, "CLIENT_GONE"),
    ],
)
def test_what_is_told_of_a_broken_stream(error: PerpetuoError, left_s: float, reason: str) -> None:
    assert broken_stream(error, left_s, 0.0).reason == reason
