"""What a connection is told before it is closed is a whole response in the form of all errors."""

import json

import pytest

from edge.last_words import MALFORMED, TOO_MANY_CONNECTIONS, TOO_MUCH, LastWords, written

CASES = {
    "what is malformed": (MALFORMED, b"400 Bad Request", "invalid_request_error", "request_invalid", False),
    "what is too much": (TOO_MUCH, b"400 Bad Request", "invalid_request_error", "request_invalid", False),
    "one connection too many": (
        TOO_MANY_CONNECTIONS,
        b"503 Service Unavailable",
        "overloaded_error",
        "overloaded",
        True,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_last_words_are_a_whole_response(case: str) -> None:
    words: LastWords
    words, status, kind, code, comes_again = CASES[case]
    head, _, body = written(words).partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 " + status
    assert {b"connection: close", b"content-type: application/json", b"content-length: %d" % len(body)} <= set(lines)
    assert (b"retry-after: 1" in lines, b"x-should-retry: true" in lines) == (comes_again, comes_again)
    assert json.loads(body) == {
        "error": {
            "message": words.message,
            "type": kind,
            "code": code,
            "param": None,
            "request_id": None,
            "details": {},
        }
    }
