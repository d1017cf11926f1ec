"""The commit gate of one stream, as a table: what an upstream does, and what that makes of the stream.

Nothing goes to the client before the first content. What says nothing (a role, an empty delta, usage) is held, bounded
in number and bytes here and in time by the call, so that until then every failure can move on unseen. Content commits:
from then on there is no other upstream, and a failure is told to the client as one.

    CONNECTING -> HELD -> COMMITTED -> ENDING -> DONE
         |          |         |
         +----------+---------+--> FAILED

ENDING is committed with the reason why every answer finished: the stream is whole, whatever becomes of its end.
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from server.chat.answer import ChunkFacts

MAX_HELD_CHUNKS: Final = 64
MAX_HELD_BYTES: Final = 256 * 1024
LEAST_MAX_CHUNKS: Final = 256
"""No stream is taken for endless before it has this many chunks of content."""

_UNBOUNDED: Final = 1 << 62


class State(Enum):
    """Where a stream is."""

    __hash__ = object.__hash__  # in C: it is a key for every event or request

    CONNECTING = "connecting"
    HELD = "held"
    COMMITTED = "committed"
    ENDING = "ending"
    DONE = "done"
    FAILED = "failed"


class Event(Enum):
    """What an upstream does. EXCESS is more than it may send, MARK its own word that the stream is complete."""

    __hash__ = object.__hash__  # in C: it is a key for every event or request

    HEADERS = "headers"
    EMPTY = "empty"
    EXCESS = "excess"
    CONTENT = "content"
    FINISH = "finish"
    MARK = "mark"
    EOF = "eof"
    FAILURE = "failure"


TABLE: Final[Mapping[tuple[State, Event], State]] = MappingProxyType(
    {
        (State.CONNECTING, Event.HEADERS): State.HELD,
        (State.CONNECTING, Event.FAILURE): State.FAILED,
        (State.HELD, Event.EMPTY): State.HELD,
        (State.HELD, Event.EXCESS): State.FAILED,
        (State.HELD, Event.CONTENT): State.COMMITTED,
        (State.HELD, Event.FINISH): State.ENDING,
        (State.HELD, Event.MARK): State.FAILED,
        (State.HELD, Event.EOF): State.FAILED,
        (State.HELD, Event.FAILURE): State.FAILED,
        (State.COMMITTED, Event.EMPTY): State.COMMITTED,
        (State.COMMITTED, Event.EXCESS): State.FAILED,
        (State.COMMITTED, Event.CONTENT): State.COMMITTED,
        (State.COMMITTED, Event.FINISH): State.ENDING,
        (State.COMMITTED, Event.MARK): State.DONE,
        (State.COMMITTED, Event.EOF): State.FAILED,
        (State.COMMITTED, Event.FAILURE): State.FAILED,
        (State.ENDING, Event.EMPTY): State.ENDING,
        (State.ENDING, Event.CONTENT): State.ENDING,
        (State.ENDING, Event.FINISH): State.ENDING,
        (State.ENDING, Event.MARK): State.DONE,
        (State.ENDING, Event.EOF): State.DONE,
        (State.ENDING, Event.FAILURE): State.DONE,
    }
)
"""What is not here cannot happen: a stream that is DONE or FAILED takes nothing more."""


class Gate:
    """The gate of one stream with `choices` answers, of at most `max_tokens` together; 0 tokens: as many as it likes.

    A chunk of content holds a token or more, so that twice as many chunks as tokens are a stream that does not end.
    """

    __slots__ = ("_choices", "_content_chunks", "_finished", "_held_bytes", "_held_chunks", "_max_chunks", "state")

    def __init__(self, choices: int = 1, max_tokens: int = 0) -> None:
        self._choices = choices
        self._max_chunks = max(2 * max_tokens, LEAST_MAX_CHUNKS) if max_tokens else 0
        self._content_chunks = 0
        self._finished = 0
        self._held_bytes = 0
        self._held_chunks = 0
        self.state = State.CONNECTING

    @property
    def is_open(self) -> bool:
        """Whether what comes may go to the client."""
        return self.state in (State.COMMITTED, State.ENDING, State.DONE)

    @property
    def is_over(self) -> bool:
        """Whether the stream takes nothing more."""
        return self.state in (State.DONE, State.FAILED)

    def take(self, event: Event) -> State:
        """The state that an event leads to. Raises KeyError for one that cannot happen."""
        self.state = TABLE[self.state, event]
        return self.state

    def take_more(self, count: int = 1) -> bool:
        """Takes chunks that have content and nothing else, as nearly every chunk of a stream that has begun.

        False: none was taken, and `chunk` has to be asked of each.
        """
        content_chunks = self._content_chunks + count
        if self.state is not State.COMMITTED or 0 < self._max_chunks < content_chunks:
            return False
        self._content_chunks = content_chunks
        return True

    @property
    def room(self) -> int:
        """How many chunks `take_more` would take now."""
        if self.state is not State.COMMITTED:
            return 0
        return max(self._max_chunks - self._content_chunks, 0) if self._max_chunks else _UNBOUNDED

    def chunk(self, facts: ChunkFacts, size_bytes: int) -> State:
        """The state that a chunk of `size_bytes` leads to."""
        if facts.has_content and facts.finish_reason is None and self.take_more():
            return State.COMMITTED
        if facts.finish_reason is not None:
            self._finished += 1 + facts.more_finished
            return self.take(Event.FINISH if self._finished >= self._choices else Event.CONTENT)
        if facts.has_content:
            self._content_chunks += 1
            is_excess = self.state is State.COMMITTED and self._content_chunks > self._max_chunks > 0
            return self.take(Event.EXCESS if is_excess else Event.CONTENT)
        if self.state is not State.HELD:
            return self.take(Event.EMPTY)
        self._held_chunks += 1
        self._held_bytes += size_bytes
        is_too_much = self._held_chunks > MAX_HELD_CHUNKS or self._held_bytes > MAX_HELD_BYTES
        return self.take(Event.EXCESS if is_too_much else Event.EMPTY)
