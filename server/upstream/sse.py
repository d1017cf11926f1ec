"""Server-sent events out of bytes, as the WHATWG HTML standard (section 9.2) parses them.

Bytes in, events out, whatever the pieces are: a piece may end within a character, a line end or a field name. It reads
no socket and decodes no JSON. `id:` and `retry:` lines mean nothing here and are skipped, comments too.

One deviation: the standard drops a last event that no blank line ends. `finish` still gives it if its last line was
complete, since some servers forget the blank line after their last event; half a line is always dropped.
"""

import msgspec

from server.errors import UpstreamBadResponse

DEFAULT_EVENT_BYTES = 4 * 1024 * 1024
"""No event of a language model is longer: 4 MiB, all its lines together."""

_BOM = b"\xef\xbb\xbf"
_DATA = b"data: "
_END = b"\n\n"
_DATA_BYTES = len(_DATA)
# As numbers: looking for a number is ten times as fast as looking for one byte.
_LF = 0x0A
_CR = 0x0D


class SseEvent(msgspec.Struct, frozen=True, gc=False):
    """One event: `event` is its type, `message` unless the stream says otherwise; `data` its lines joined by LF."""

    data: bytes
    event: str = "message"


class SseDecoder:
    """Decodes one stream. Not to be used for a second one.

    A block is what stands between two blank lines. Pieces of an unfinished block are kept apart and joined once, so
    that a block that comes byte by byte costs no more than its length. `is_between_events`: what comes next is the
    beginning of an event.
    """

    __slots__ = ("_ends_with_cr", "_max_event_bytes", "_pending", "_pending_bytes", "_start", "is_between_events")

    def __init__(self, max_event_bytes: int = DEFAULT_EVENT_BYTES) -> None:
        self._max_event_bytes = max_event_bytes
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._ends_with_cr = False
        self.is_between_events = False
        self._start: bytes | None = b""

    def feed(self, data: bytes) -> list[SseEvent]:
        """Takes the next piece of the stream and gives the events that it completes, in order.

        Raises UpstreamBadResponse for an event above the limit; the decoder is of no use afterwards.
        """
        if self._start == b"" and data[:_DATA_BYTES] == _DATA:
            self._start, self.is_between_events = None, True
        if self.is_between_events and len(data) <= self._max_event_bytes and (plain := _plain_events(data)):
            return plain
        self.is_between_events = False
        events = self._feed_any(data)
        self.is_between_events = not (self._pending or self._ends_with_cr or self._start is not None)
        return events

    def finish(self) -> list[SseEvent]:
        """Tells that the stream has ended, and gives the last event if it lacks nothing but its blank line."""
        rest = b"".join(self._pending)
        self._pending.clear()
        self._pending_bytes = 0
        return self._events([rest[:-1]]) if rest.endswith(b"\n") else []

    def _feed_any(self, data: bytes) -> list[SseEvent]:
        if self._start is not None:
            data = self._skip_bom(data)
        if self._ends_with_cr or _CR in data:
            data = self._with_lf(data)
        if not data:
            return []
        if self._pending and (joined := self._join(data)) is not None:
            data = joined
        elif self._pending or data.find(_END) < 0:
            self._keep(data)
            return []
        end = data.rfind(_END) + len(_END)
        rest = data[end:]
        if rest:
            data = data[:end]
            self._keep(rest)
        plain = _plain_events(data) if end <= self._max_event_bytes else []
        return plain or self._events(data.split(_END)[:-1])

    def _events(self, blocks: list[bytes]) -> list[SseEvent]:
        events = []
        for block in blocks:
            if len(block) > self._max_event_bytes:
                raise self._too_large()
            if block[:_DATA_BYTES] == _DATA and _LF not in block:
                events.append(SseEvent(block[_DATA_BYTES:]))
            elif (event := _parse(block)) is not None:
                events.append(event)
        return events

    def _join(self, data: bytes) -> bytes | None:
        """All that is pending and `data`, if they hold the end of a block."""
        if data.find(_END) < 0 and not (data[0] == _LF and self._pending[-1][-1] == _LF):
            return None
        joined = b"".join((*self._pending, data))
        self._pending.clear()
        self._pending_bytes = 0
        return joined

    def _keep(self, data: bytes) -> None:
        self._pending.append(data)
        self._pending_bytes += len(data)
        if self._pending_bytes > self._max_event_bytes + 1:
            raise self._too_large()

    def _with_lf(self, data: bytes) -> bytes:
        """`data` with every line end as LF; an LF that only completes the CR of the last piece is dropped."""
        if self._ends_with_cr and data.startswith(b"\n"):
            data = data[1:]
            self._ends_with_cr = False
        if data:
            self._ends_with_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _skip_bom(self, data: bytes) -> bytes:
        """The stream's first bytes without a byte order mark; empty as long as these may be the beginning of one."""
        start = (self._start or b"") + data
        if len(start) < len(_BOM) and _BOM.startswith(start):
            self._start = start
            return b""
        self._start = None
        return start.removeprefix(_BOM)

    def _too_large(self) -> UpstreamBadResponse:
        limit = self._max_event_bytes
        return UpstreamBadResponse(
            f"The provider sent a streamed event of more than {limit} bytes.", details={"limitBytes": str(limit)}
        )


def _plain_events(data: bytes) -> list[SseEvent]:
    """The events of a piece that is what nearly every piece of a completion's stream is, else none.

    That is: events that are all there, each of one line of data and a blank line.
    """
    if _CR in data:
        return []
    *lines, rest = data.split(b"\n")
    # Each second line is blank, and nothing stands behind the last.
    if rest or b"".join(lines[1::2]):
        return []
    events = [SseEvent(line[_DATA_BYTES:]) for line in lines[::2] if line[:_DATA_BYTES] == _DATA]
    return events if 2 * len(events) == len(lines) else []


def _parse(block: bytes) -> SseEvent | None:
    """The event of a block, None if no line of it is `data`."""
    lines: list[bytes] = []
    event = ""
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            lines.append(value.removeprefix(b" "))
        elif field == b"event":
            event = value.removeprefix(b" ").decode("utf-8", "replace")
    return SseEvent(b"\n".join(lines), event or "message") if lines else None
