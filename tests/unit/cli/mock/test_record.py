"""What is kept of a request."""

from cli.mock.record import Recorded, Records


def recorded(body: bytes) -> Recorded:
    return Recorded("POST", "/v1/x", [(b"Content-Type", b"application/json")], body, 12.5, 1)


def test_text_is_shown_as_text_and_times_count_from_the_start() -> None:
    shown = recorded(b'{"a":1}').as_json(12.0)
    assert (shown["body"], shown["body_encoding"], shown["received_ms"]) == ('{"a":1}', "text", 500.0)
    assert shown["headers"] == [["Content-Type", "application/json"]]
    assert (shown["disconnected"], shown["disconnected_ms"]) == (False, None)


def test_other_bytes_are_shown_in_base64() -> None:
    shown = recorded(b"\xff\x00").as_json(12.0)
    assert (shown["body"], shown["body_encoding"]) == ("/wA=", "base64")


def test_headers_are_found_without_regard_to_case() -> None:
    assert recorded(b"").header("content-type") == "application/json"
    assert recorded(b"").header("accept") is None


def test_clear_forgets_requests_and_disconnects() -> None:
    records = Records()
    records.requests.append(recorded(b""))
    records.disconnects.append(recorded(b""))
    records.clear()
    assert not records.requests
    assert not records.disconnects
