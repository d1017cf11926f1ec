"""Timeout headers: units, bounds, and what is malformed."""

import pytest

from edge.transcoder.faults import TranscodeError
from edge.transcoder.timeouts import grpc_timeout_ns, request_timeout_s, timeout_s


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2H", 7_200_000_000_000),
        ("3M", 180_000_000_000),
        ("4S", 4_000_000_000),
        ("10m", 10_000_000),
        ("5u", 5_000),
        ("6n", 6),
        ("0S", 0),
        ("99999999H", 99_999_999 * 3_600_000_000_000),
        ("", None),
    ],
)
def test_a_grpc_timeout_is_read_in_its_unit(text: str, expected: int | None) -> None:
    assert grpc_timeout_ns(text) == expected


@pytest.mark.parametrize(
    "text", ["5", "S", "INVALID", "-1S", "+1S", "1.5S", "1s", "1 S", " 1S", "123456789S", "٣S", "1_0S"]
)
def test_a_malformed_grpc_timeout_is_a_400(text: str) -> None:
    with pytest.raises(TranscodeError) as caught:
        grpc_timeout_ns(text)
    assert (caught.value.http_status, caught.value.param) == (400, "grpc-timeout")


@pytest.mark.parametrize(("text", "expected"), [("30", 30.0), ("2.5", 2.5), (".5", 0.5), ("", None)])
def test_a_request_timeout_is_seconds(text: str, expected: float | None) -> None:
    assert request_timeout_s(text) == expected


@pytest.mark.parametrize("text", ["0", "0.0", "-1", "1e3", "inf", "nan", "1_0", "1,5", " 1", "5s", "..", "9" * 400])
def test_a_malformed_request_timeout_is_a_400(text: str) -> None:
    with pytest.raises(TranscodeError) as caught:
        request_timeout_s(text)
    assert (caught.value.http_status, caught.value.param) == (400, "x-request-timeout")


@pytest.mark.parametrize(
    ("grpc_timeout", "request_timeout", "expected"),
    [
        pytest.param(None, None, None, id="neither says anything"),
        pytest.param("", "", None, id="empty is as good as absent"),
        pytest.param("5S", None, 5.0, id="only gRPC's"),
        pytest.param(None, "2.5", 2.5, id="only ours"),
        pytest.param("5S", "2.5", 2.5, id="the lesser is ours"),
        pytest.param("1S", "2.5", 1.0, id="the lesser is gRPC's"),
    ],
)
def test_the_lesser_of_both_holds(
    grpc_timeout: str | None, request_timeout: str | None, expected: float | None
) -> None:
    assert timeout_s(grpc_timeout, request_timeout) == expected
