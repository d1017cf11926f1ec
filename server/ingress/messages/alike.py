"""Chunks that differ from an earlier one in a plain text alone: what they say is known without reading their JSON.

What stands before and after the text is learnt from one chunk, and proved by reading it with another text in that
place; a chunk that begins and ends so, with a text in between that needs no escape, says what that one said. Pure.
"""

from typing import Final

from server.errors import UpstreamBadResponse
from server.ingress.chat_answer import Completion, read_completion

MAX_LESSONS: Final = 2
"""How often one stream is learnt from: where chunks differ in more than the text, they go on to do so."""

_CONTENT: Final = (b'"content":"', b'"content": "')
_PROBE: Final = "probe"
_QUOTE: Final = ord('"')
_BACKSLASH: Final = ord("\\")


class Alike:
    """Knows the chunks of one stream by their beginning and their end."""

    __slots__ = ("_after", "_before", "_lessons", "_text")

    def __init__(self) -> None:
        self._before = b""
        self._after = b""
        self._text = slice(0)
        self._lessons = 0

    def text_of(self, data: bytes) -> bytes | None:
        """The text of a chunk that says nothing else, as it may stand in JSON; None for one that has to be read."""
        text = data[self._text]
        if not text or self._before + text + self._after != data or _QUOTE in text or _BACKSLASH in text:
            return None
        try:
            return text if text.decode().isprintable() else None
        except UnicodeDecodeError:
            return None

    def learn(self, data: bytes, chunk: Completion) -> None:
        """Takes a chunk that was read as an example, if all that it says is a text."""
        if self._lessons >= MAX_LESSONS or not _says_text_alone(chunk):
            return
        self._lessons += 1
        for mark in _CONTENT:
            start = data.find(mark) + len(mark)
            end = data.find(b'"', start)
            before, after = data[:start], data[end:]
            if before.endswith(mark) and end > start and _is_proved(before + _PROBE.encode() + after, chunk):
                self._before, self._after, self._text = before, after, slice(start, -len(after))
                return


def _says_text_alone(chunk: Completion) -> bool:
    """Whether a chunk is one of a text, and changes nothing else that is known of its stream."""
    said = chunk.choices[0].delta if len(chunk.choices) == 1 else None
    if said is None or not isinstance(said.content, str) or not said.content or said.reasoning or said.refusal:
        return False
    says_more = said.reasoning_content or said.thinking_blocks or said.reasoning_items or said.tool_calls
    tells_more = chunk.usage or chunk.gateway_metadata or chunk.native or chunk.choices[0].finish_reason
    return not (says_more or tells_more)


def _is_proved(probe: bytes, chunk: Completion) -> bool:
    """Whether a chunk with the probe in the text's place has it as its text, and says the same otherwise."""
    try:
        read = read_completion(probe)
    except UpstreamBadResponse:
        return False
    said = read.choices[0].delta if len(read.choices) == 1 else None
    mine = chunk.choices[0].delta
    if said is None or mine is None or said.content != _PROBE:
        return False
    said.content = mine.content
    return read == chunk
