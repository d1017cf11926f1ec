"""Chunks that differ from an earlier one in a plain text alone: what they say is known without reading their JSON.

Most chunks of a stream are the same but for the text of their delta. What stands before and after the text is learnt
from one chunk, and proved by reading it with another text in that place; a chunk that begins and ends so, with a text
in between that needs no escape, says what that one said. All others are read. Pure.
"""

from collections.abc import Sequence
from typing import Final

from server.chat.answer import ChunkFacts, peek_chunk, text_of_chunk
from server.errors import UpstreamBadResponse
from server.providers.dialect import Chunk, Event
from server.providers.openai.headless import Headless

MAX_LESSONS: Final = 2
"""How often one stream is learnt from: where chunks differ in more than the text, they go on to do so."""

_FIELD: Final = b"data: "
_BLANK: Final = b"\n\n"
_LINE_END: Final = b"\r\n"
_CONTENT: Final = (b'"content":"', b'"content": "')
_DATA: Final = slice(len(_FIELD), -len(_BLANK))
_PROBE: Final = b"probe"
_QUOTE: Final = ord('"')
_BACKSLASH: Final = ord("\\")


class Alike:
    """Knows the chunks of one stream by their beginning and their end. While `headless` holds some, none is known."""

    __slots__ = (
        "_after",
        "_before",
        "_between",
        "_facts",
        "_headless",
        "_lessons",
        "_piece_after",
        "_piece_before",
        "_piece_text",
        "_text",
        "_text_end",
        "_text_start",
    )

    def __init__(self, headless: Headless) -> None:
        self._headless = headless
        self._between = b""
        self._before = b""
        self._after = b""
        self._text = slice(0)
        self._piece_before = b""
        self._piece_after = b""
        self._piece_text = slice(0)
        self._text_start = self._text_end = 0
        self._facts: ChunkFacts | None = None
        self._lessons = 0

    def facts_of(self, data: bytes) -> ChunkFacts | None:
        """The facts of a chunk in UTF-8; None for one that has to be read."""
        text = data[self._text]
        # Put together and compared it takes a third of what `startswith` and `endswith` do, which parse arguments.
        if self._before + text + self._after != data or not self._headless.is_empty:
            return None
        if not text or _QUOTE in text or _BACKSLASH in text or not text.decode().isprintable():
            return None
        return self._facts

    def run(self, events: Sequence[Event], start: int) -> list[Chunk] | None:
        """The chunks of the events from `start` on that are known, up to the first that is not.

        None where the texts are not all plain: each event has to be looked at.
        """
        facts, before, after, where = self._facts, self._before, self._after, self._text
        texts: list[bytes] = []
        found: list[Chunk] = []
        if facts is None or not self._headless.is_empty:
            return found
        for position in range(start, len(events)):
            event = events[position]
            data = event.data
            text = data[where]
            if before + text + after != data or not text or _QUOTE in text or _BACKSLASH in text:
                break
            if event.event == "error":
                break
            texts.append(text)
            found.append(Chunk(data, facts))
        try:
            return found if b" ".join(texts).decode().isprintable() else None
        except UnicodeDecodeError:
            return None

    def more(self, piece: bytes) -> list[Chunk] | None:
        """The chunks of the server-sent events that the piece is; None where it has to be looked at."""
        text, facts = piece[self._piece_text], self._facts
        if self._piece_before + text + self._piece_after != piece or facts is None:
            return None
        if not text or _BACKSLASH in text or not self._headless.is_empty:
            return None
        if _QUOTE in text:
            return self._several(text, facts)
        try:
            is_plain = text.decode().isprintable()
        except UnicodeDecodeError:
            return None
        return [Chunk(piece[_DATA], facts)] if is_plain else None

    def knows(self, chunk: bytes, around_bytes: int) -> bool:
        """Whether a chunk of a body is one event that `more` would know; see `PieceReader.knows`."""
        text = chunk[self._text_start + around_bytes : self._text_end]
        size_bytes = len(chunk) - around_bytes
        if b"%x\r\n%b%b%b\r\n" % (size_bytes, self._piece_before, text, self._piece_after) != chunk:
            return False
        if not text or _QUOTE in text or _BACKSLASH in text:
            return False
        try:
            return text.decode().isprintable()
        except UnicodeDecodeError:
            return False

    def _several(self, text: bytes, facts: ChunkFacts) -> list[Chunk] | None:
        """The same of what stands between the beginning of the first chunk and the end of the last."""
        texts = text.split(self._between)
        together = b" ".join(texts)
        if b"" in texts or _QUOTE in together:
            return None
        try:
            is_plain = together.decode().isprintable()
        except UnicodeDecodeError:
            return None
        before, after = self._before, self._after
        return [Chunk(before + each + after, facts) for each in texts] if is_plain else None

    def learn(self, data: bytes, facts: ChunkFacts) -> None:
        """Takes a chunk that was read, and in which nothing was amiss, as an example, if it says a text."""
        is_text = facts.has_content and facts.finish_reason is None and facts.usage is None and facts.error is None
        if not is_text or self._lessons >= MAX_LESSONS:
            return
        self._lessons += 1
        for mark in _CONTENT:
            start = data.find(mark) + len(mark)
            end = data.find(b'"', start)
            before, after = data[:start], data[end:]
            if before.endswith(mark) and end > start and _is_proved(before + _PROBE + after, facts):
                self._before, self._after, self._facts = before, after, facts
                self._text = slice(start, -len(after))
                self._piece_before, self._piece_after = _FIELD + before, after + _BLANK
                self._piece_text = slice(len(self._piece_before), -len(self._piece_after))
                # In a chunk the head stands before it, and a line end behind it.
                self._text_start = len(self._piece_before) - len(_LINE_END)
                self._text_end = -len(self._piece_after) - len(_LINE_END)
                self._between = self._piece_after + self._piece_before
                return


def _is_proved(probe: bytes, facts: ChunkFacts) -> bool:
    """Whether a chunk with the probe in the text's place has it as its text, and says the same otherwise."""
    try:
        return text_of_chunk(probe) == b'"' + _PROBE + b'"' and peek_chunk(probe) == facts
    except UpstreamBadResponse:
        return False
