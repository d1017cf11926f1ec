"""Writes messages of Amazon's event stream, which the gateway itself only reads."""

import struct
import zlib
from collections.abc import Iterable

Header = tuple[str, int, bytes]
"""Name, type and the value as it stands on the wire, without its length."""
WITH_LENGTH = (6, 7)


def text(name: str, value: str) -> Header:
    return name, 7, value.encode()


def frame(headers: Iterable[Header], payload: bytes) -> bytes:
    written = b"".join(
        bytes((len(name.encode()),))
        + name.encode()
        + bytes((kind,))
        + (len(value).to_bytes(2, "big") if kind in WITH_LENGTH else b"")
        + value
        for name, kind, value in headers
    )
    prelude = struct.pack(">II", 16 + len(written) + len(payload), len(written))
    prelude += struct.pack(">I", zlib.crc32(prelude))
    message = prelude + written + payload
    return message + struct.pack(">I", zlib.crc32(message))


def event(kind: str, payload: bytes) -> bytes:
    return frame(
        [text(":event-type", kind), text(":content-type", "application/json"), text(":message-type", "event")], payload
    )


def exception(kind: str, payload: bytes) -> bytes:
    return frame(
        [text(":exception-type", kind), text(":content-type", "application/json"), text(":message-type", "exception")],
        payload,
    )


def error(code: str, message: str) -> bytes:
    return frame([text(":error-code", code), text(":error-message", message), text(":message-type", "error")], b"")
