"""What comes in over HTTP before it means anything: the body within its limit, its media type, and a peek for `stream`.

It reads no more than it must and refuses before it reads where it can. It knows neither messages nor methods.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final

import msgspec

from edge.cycle import cycle_of
from edge.transcoder.faults import TranscodeError

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

JSON: Final = "application/json"
BODY_TOO_LARGE: Final = "BODY_TOO_LARGE"
MEDIA_TYPE_UNSUPPORTED: Final = "MEDIA_TYPE_UNSUPPORTED"

_MIB: Final = 1024 * 1024
_BACKSLASH: Final = 0x5C
# A client that writes its whole body before it reads must get to the answer; beyond this much it is cut off.
_DRAINED_LIMITS: Final = 4
# What `curl -d` sends when nobody tells it otherwise; the documented examples don't.
_FORM: Final = "application/x-www-form-urlencoded"


class ClientGoneError(Exception):
    """The client closed the connection before its request was complete. There is nobody to answer."""


async def read_body(headers: Mapping[bytes, bytes], receive: Receive, limit_bytes: int) -> bytes:
    """The body of a request.

    Raises:
        TranscodeError: 413 above `limit_bytes`, before reading if the length is declared; 415 if it is encoded.
        ClientGoneError: the connection closed in between.
    """
    encoding = headers.get(b"content-encoding")
    if encoding is not None and encoding.strip().lower() not in {b"", b"identity"}:
        raise _unsupported("The body must not be encoded; send it without Content-Encoding.")
    declared = headers.get(b"content-length")
    if declared is not None and declared.isdigit() and int(declared) > limit_bytes:
        if int(declared) <= limit_bytes * _DRAINED_LIMITS:
            await _drain(receive, limit_bytes * _DRAINED_LIMITS)
        raise _too_large(limit_bytes)
    cycle = cycle_of(receive)
    body = None if cycle is None else cycle.take_body()
    if body is None:
        return await _read_on(await receive(), receive, limit_bytes)
    if len(body) > limit_bytes:
        raise _too_large(limit_bytes)
    return body


async def _read_on(message: MutableMapping[str, Any], receive: Receive, limit_bytes: int) -> bytes:
    pieces: list[bytes] = []
    size_bytes = 0
    while True:
        if message["type"] != "http.request":
            raise ClientGoneError
        piece = message.get("body", b"")
        size_bytes += len(piece)
        if size_bytes > limit_bytes:
            if message.get("more_body"):
                await _drain(receive, limit_bytes * _DRAINED_LIMITS)
            raise _too_large(limit_bytes)
        pieces.append(piece)
        if not message.get("more_body"):
            return b"".join(pieces)
        message = await receive()


async def _drain(receive: Receive, patience_bytes: int) -> None:
    while patience_bytes > 0:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGoneError
        patience_bytes -= len(message.get("body", b""))
        if not message.get("more_body"):
            return


def media_type(headers: Mapping[bytes, bytes], body: bytes, *, is_json: bool) -> str:
    """The media type of a body that is to be JSON, or whatever the caller says of one that is not.

    An absent type passes, and so does the one that curl sends by itself.

    Raises:
        TranscodeError: 415, the body is to be JSON and is called something else.
    """
    declared = headers.get(b"content-type", b"").decode("latin-1")
    if not is_json:
        return declared or "application/octet-stream"
    if not body or declared == JSON:
        return JSON
    essence, _, parameters = declared.partition(";")
    essence = essence.strip().lower()
    is_known = essence in {"", JSON, _FORM} or (essence.startswith("application/") and essence.endswith("+json"))
    charset = parameters.lower().partition("charset=")[2].strip(' "')
    if not is_known or charset not in {"", "utf-8", "utf8", "us-ascii"}:
        raise _unsupported("The body must be JSON in UTF-8; send it with Content-Type: application/json.")
    return JSON


class _Peek(msgspec.Struct):
    stream: bool | None = None


_PEEK: Final = msgspec.json.Decoder(_Peek)


def wants_stream(body: bytes) -> bool:
    """Whether a JSON body says `"stream": true` at its top level. Malformed JSON says nothing."""
    # `in` takes bytes for a number first, which takes ten times as long; `find` looks at its arguments as long as it
    # searches. A letter of the name that is written as an escape is one of the first 256 characters.
    if not body.partition(b'"stream"')[1] and (_BACKSLASH not in body or body.find(b"\\u00") < 0):
        return False
    try:
        return _PEEK.decode(body).stream is True
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _too_large(limit_bytes: int) -> TranscodeError:
    limit = f"{limit_bytes // _MIB} MiB" if limit_bytes % _MIB == 0 else f"{limit_bytes} bytes"
    return TranscodeError(f"The body is larger than {limit}.", reason=BODY_TOO_LARGE, http_status=413)


def _unsupported(message: str) -> TranscodeError:
    return TranscodeError(message, reason=MEDIA_TYPE_UNSUPPORTED, http_status=415)
