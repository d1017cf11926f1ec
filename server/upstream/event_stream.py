"""Messages of Amazon's event stream (`application/vnd.amazon.eventstream`) out of bytes.

Bytes in, events out, whatever the pieces are. A message is a prelude of 12 bytes (the length of all and of the headers,
and the CRC-32 of these), headers, a payload, and the CRC-32 of everything before it; numbers are big-endian. A wrong
checksum or length ends the stream: nothing after it can be trusted. It reads no socket and decodes no payload.

Facts from the event stream encoding of the Smithy specification.
"""

import struct
import zlib
from collections.abc import Mapping
from typing import Final

import msgspec

from server.errors import UpstreamBadResponse

DEFAULT_MESSAGE_BYTES: Final = 4 * 1024 * 1024
"""The longest message that is read, all of it."""

_PRELUDE: Final = struct.Struct(">III")
_CRC: Final = struct.Struct(">I")
_LEAST_BYTES: Final = _PRELUDE.size + _CRC.size
# The types of header values: the size of those of one size; 6 and 7 are bytes and text with their length before them.
_SIZES: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
_WITH_LENGTH: Final = (6, 7)


class StreamMessage(msgspec.Struct, frozen=True, gc=False):
    """One message: `data` is its payload.

    `event` is the type of an event, `exception:` and the type of an exception, or `error:` and the code of an error
    that no exception describes.
    """

    data: bytes
    event: str = ""


class EventStreamDecoder:
    """Decodes one stream. Not to be used for a second one."""

    __slots__ = ("_max_message_bytes", "_pending")

    def __init__(self, max_message_bytes: int = DEFAULT_MESSAGE_BYTES) -> None:
        self._max_message_bytes = max_message_bytes
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[StreamMessage]:
        """Takes the next piece and gives the messages that it completes, in order.

        Raises UpstreamBadResponse for a wrong checksum or length; the decoder is of no use afterwards.
        """
        pending = self._pending
        pending += data
        messages = []
        start = 0
        while len(pending) - start >= _PRELUDE.size:
            total_bytes, header_bytes = self._prelude(start)
            if len(pending) - start < total_bytes:
                break
            messages.append(_message(bytes(pending[start : start + total_bytes]), header_bytes))
            start += total_bytes
        del pending[:start]
        return messages

    def finish(self) -> list[StreamMessage]:
        """Tells that the stream has ended; half a message is dropped."""
        self._pending.clear()
        return []

    def _prelude(self, start: int) -> tuple[int, int]:
        """The length of the message and of its headers."""
        pending = self._pending
        total_bytes, header_bytes, crc = _PRELUDE.unpack_from(pending, start)
        if zlib.crc32(pending[start : start + 8]) != crc:
            raise UpstreamBadResponse("The provider's event stream is broken: the checksum of a prelude is wrong.")
        if total_bytes > self._max_message_bytes:
            limit = self._max_message_bytes
            raise UpstreamBadResponse(
                f"The provider sent a streamed event of more than {limit} bytes.", details={"limitBytes": str(limit)}
            )
        if total_bytes < _LEAST_BYTES + header_bytes:
            raise UpstreamBadResponse("The provider's event stream is broken: a message is shorter than its headers.")
        return total_bytes, header_bytes


def _message(message: bytes, header_bytes: int) -> StreamMessage:
    """A whole message whose prelude is right."""
    if zlib.crc32(memoryview(message)[: -_CRC.size]) != _CRC.unpack_from(message, len(message) - _CRC.size)[0]:
        raise UpstreamBadResponse("The provider's event stream is broken: the checksum of a message is wrong.")
    end = _PRELUDE.size + header_bytes
    try:
        headers = _headers(message, end)
    except (IndexError, KeyError, struct.error, UnicodeDecodeError):
        raise UpstreamBadResponse("The provider's event stream is broken: a header cannot be read.") from None
    return StreamMessage(message[end : -_CRC.size], _event(headers))


def _headers(message: bytes, end: int) -> Mapping[str, str]:
    """The headers that are text; others are only stepped over."""
    found = {}
    at = _PRELUDE.size
    while at < end:
        name_end = at + 1 + message[at]
        name = message[at + 1 : name_end].decode()
        kind = message[name_end]
        at = name_end + 1
        if kind in _WITH_LENGTH:
            size = int.from_bytes(message[at : at + 2], "big")
            at += 2
        else:
            size = _SIZES[kind]
        if at + size > end:
            raise IndexError
        if kind == _WITH_LENGTH[1]:
            found[name] = message[at : at + size].decode()
        at += size
    return found


def _event(headers: Mapping[str, str]) -> str:
    kind = headers.get(":message-type", "event")
    if kind == "exception":
        return f"exception:{headers.get(':exception-type', '')}"
    if kind == "error":
        return f"error:{headers.get(':error-code', '')}"
    return headers.get(":event-type", "")
