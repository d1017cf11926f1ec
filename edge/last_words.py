"""What a connection is told before it is closed: that there is no reading it, or that it is one too many.

Whole responses in the form of all errors, for the protocol, which knows neither routes nor the styles of errors.
"""

from typing import Any, Final

import msgspec

_BAD_REQUEST: Final = 400
_COME_AGAIN: Final = b"retry-after: 1\r\nx-should-retry: true\r\n"


class LastWords(msgspec.Struct, frozen=True):
    """What is wrong, for people and for programs."""

    message: str
    status: int = _BAD_REQUEST
    phrase: bytes = b"Bad Request"
    code: str = "request_invalid"


MALFORMED: Final = LastWords("The request is not well-formed HTTP/1.1.")
TOO_MUCH: Final = LastWords("The head of the request is larger than the gateway accepts.")
TOO_MANY_CONNECTIONS: Final = LastWords(
    "There are too many connections from this address.", 503, b"Service Unavailable", "overloaded"
)


def written(words: LastWords) -> bytes:
    """The response."""
    is_fault = words.status == _BAD_REQUEST
    told: dict[str, Any] = {
        "message": words.message,
        "type": "invalid_request_error" if is_fault else "overloaded_error",
        "code": words.code,
        "param": None,
        "request_id": None,
        "details": {},
    }
    body = msgspec.json.encode({"error": told})
    head = (
        b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\nx-content-type-options: nosniff\r\n"
        b"%bconnection: close\r\ncontent-length: %d\r\n\r\n"
    )
    return head % (words.status, words.phrase, b"" if is_fault else _COME_AGAIN, len(body)) + body
