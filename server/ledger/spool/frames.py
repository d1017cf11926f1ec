"""How payloads stand in a segment, so that whatever was cut, torn or flipped is told from what is whole.

Pure: bytes in, bytes out. A frame is a mark of 4 bytes, which every segment has of its own, the length of the payload
and a CRC-32 over length and payload, both 32 bits and little-endian, and the payload. What is not written yet is zero.
Behind something broken reading goes on at the next mark, so that a flipped bit costs one payload.
"""

import struct
from collections.abc import Iterator
from zlib import crc32

MARK_BYTES = 4

_HEAD = struct.Struct(f"<{MARK_BYTES}sII")

HEAD_BYTES = _HEAD.size

head_of = _HEAD.pack
"""The head of a frame: its mark, the length of its payload, and the checksum."""

checksum_of = crc32
"""The checksum of a payload, which must not be empty, and its length."""


class Scan:
    """Reads the payloads of a segment, once, in order.

    `broken` is how many stretches were not whole payloads and had whole ones behind them; `is_torn` whether there was
    something after the last whole one.
    """

    def __init__(self, data: bytes, mark: bytes) -> None:
        self._data = data
        self._mark = mark
        self.broken = 0
        self.is_torn = False

    def __iter__(self) -> Iterator[bytes]:
        data, position = self._data, 0
        while (start := self._whole_from(position)) is not None:
            if start > position and _has_content(data, position, start):
                self.broken += 1
            _, length, _ = _HEAD.unpack_from(data, start)
            position = start + HEAD_BYTES + length
            yield data[start + HEAD_BYTES : position]
        self.is_torn = _has_content(data, position, len(data))

    def _whole_from(self, position: int) -> int | None:
        """Where the first whole frame from there on begins."""
        while True:
            start = self._data.find(self._mark, position)
            if start < 0 or self._is_whole(start):
                return None if start < 0 else start
            position = start + 1

    def _is_whole(self, start: int) -> bool:
        payload_start = start + HEAD_BYTES
        if payload_start >= len(self._data):
            return False
        _, length, checksum = _HEAD.unpack_from(self._data, start)
        payload = self._data[payload_start : payload_start + length]
        return bool(0 < length == len(payload) and checksum_of(payload, length) == checksum)


def _has_content(data: bytes, start: int, end: int) -> bool:
    return data.count(0, start, end) < end - start
