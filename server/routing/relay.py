"""Chunks of a stream's body that are one event of more text, sent on as they stand: neither parsed nor written anew.

What is sent so is counted here and told to the gate and the tail in one sum. It must not judge what an event says: who
has just read one knows by its beginning and its end whether the next says the same.
"""

from collections.abc import Callable

from server.chat.answer import ChunkFacts
from server.routing.gate import Gate
from server.routing.tail import StreamTail

# What a server-sent event has around its data: `data: ` and a blank line.
_FIELD_BYTES = 8
_MOST_BYTES = 1 << 62

Knows = Callable[[bytes, int], bool]
"""Whether a chunk with so many bytes around what it holds is one event that says what the one before it said."""


class Relay:
    """Sends on what comes of one stream. `send` is the way to the caller, who is sent a chunk whole or not at all."""

    __slots__ = ("_bytes", "_gate", "_knows", "_least_bytes", "_left", "_room", "_send", "_tail")

    def __init__(self, gate: Gate, tail: StreamTail, knows: Knows, send: Callable[[bytes], bool]) -> None:
        self._gate = gate
        self._tail = tail
        self._knows = knows
        self._send = send
        self._room = self._left = self._bytes = 0
        self._least_bytes = _MOST_BYTES

    def arm(self, facts: ChunkFacts) -> None:
        """Lets chunks pass that say what the one before said, which had these facts and went to the caller."""
        if self._tail.takes_more(facts):
            self._room = self._left = self._gate.room

    def carry(self, chunk: bytes, around_bytes: int) -> bool:
        """Sends a chunk on; False if it has to be read, or is not taken now. See `server.chat.wire.Carry`."""
        left = self._left
        if not left or not self._knows(chunk, around_bytes) or not self._send(chunk):
            return False
        size_bytes = len(chunk) - around_bytes
        self._left = left - 1
        self._bytes += size_bytes
        if size_bytes < self._least_bytes:
            self._least_bytes = size_bytes
        return True

    def fold(self) -> None:
        """Tells what has been sent, and lets nothing pass any more."""
        count = self._room - self._left
        if count:
            self._gate.take_more(count)
            self._tail.count_more(count, self._bytes - count * _FIELD_BYTES, self._least_bytes - _FIELD_BYTES)
            self._bytes, self._least_bytes = 0, _MOST_BYTES
        self._room = self._left = 0
