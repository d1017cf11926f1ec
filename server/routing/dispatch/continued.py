"""A stream that goes on when it breaks: its text so far is given to the same or another candidate, for the rest of it.

The client sees one stream. Every call is an attempt of its own with what it took, and a note says who went on. What
cannot be gone on with ends as any other broken stream does. How a candidate is asked is up to the dispatcher.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from msgspec import Struct, structs

from server.chat.answer import Identity
from server.chat.continuation import continuation_of
from server.chat.deployment import Candidate
from server.chat.usage import Usage
from server.errors import PerpetuoError
from server.providers.dialect import Chunk
from server.providers.prefill import Prefill
from server.routing.course import MAX_CALLS
from server.routing.dispatch.broken import broken_stream
from server.routing.dispatch.errand import Errand
from server.routing.dispatch.live import LiveStream
from server.routing.failure import FailureClass, classify
from server.routing.seam import Said, Seam, identity_of, summed
from server.routing.tail import StreamTail

PrefillOf = Callable[[Candidate], Prefill | None]
"""How a candidate is told to go on with a text; None if it does not."""

# What leaves the candidate as good as any other, and what leaves only the others.
_SAME_FIRST: Final = frozenset(
    {FailureClass.CUT, FailureClass.BAD_ANSWER, FailureClass.NO_ANSWER, FailureClass.SERVER_ERROR}
)
_SAME_LAST: Final = frozenset({FailureClass.STALLED, FailureClass.NO_FIRST_TOKEN, FailureClass.NOT_NOW})
_NEVER_SAME: Final = frozenset({FailureClass.OVERLOADED, FailureClass.LIMITED, FailureClass.QUOTA})
_GOES_ON: Final = _SAME_FIRST | _SAME_LAST | _NEVER_SAME


class Ways(Struct, frozen=True):
    """How a stream goes on. `reopen` gets a committed stream for an errand whose candidates all take a prefill."""

    prefill_of: PrefillOf
    reopen: Callable[[Errand], Awaitable[LiveStream]]


class ContinuedStream:
    """A committed stream that may be made of several. Whoever has it must `close` it, on every path."""

    def __init__(self, live: LiveStream, errand: Errand, ways: Ways) -> None:
        self._live = live
        self._errand = errand
        self._ways = ways
        self._said = Said()
        self._seam: Seam | None = None
        self._identity = identity_of(live.held[0]) if live.held else {}
        self._tail = StreamTail(Identity(""))
        self._prompt_tokens = errand.prompt_tokens
        self._spent: Usage | None = None
        self._used: Usage | None = None
        self._breaks: list[Candidate] = []
        self._notes: list[str] = []
        self.candidate = live.candidate
        self.held: list[Chunk] = self._taken(live.held)

    @property
    def notes(self) -> Sequence[str]:
        """What was odd about the stream, its breaks among it."""
        return [*self._notes, *self._live.notes]

    async def next_chunks(self) -> list[Chunk] | None:
        """The chunks that came together, maybe none; None after the last of a stream that is whole, else it raises."""
        try:
            chunks = await self._live.next_chunks()
        except PerpetuoError as error:
            chunks = await self._go_on(error)
        return None if chunks is None else self._taken(chunks)

    def usage(self) -> Usage:
        """What all calls took together, as far as they came."""
        used = self._measured()
        return used if self._spent is None else summed(self._spent, used)

    def count(self, usage: Usage) -> None:
        """Notes what the last call took; `usage` is that of all."""
        self._live.count(self._measured())

    def end(self, failure: PerpetuoError | None = None) -> None:
        """Notes that the stream is complete, or broke for good."""
        self._live.end(failure)

    async def close(self) -> None:
        """Ends the call that runs."""
        await self._live.close()

    def _measured(self) -> Usage:
        """What the last call took, once nothing more comes of it."""
        if self._used is None:
            self._used = self._errand.measure(self._live.candidate, self._tail, self._prompt_tokens)
        return self._used

    def _taken(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        """The chunks as they go out."""
        self._tail.feed(chunks)
        if self._seam is not None:
            chunks = [joined for chunk in chunks if (joined := self._seam.join(chunk)) is not None]
        for chunk in chunks:
            self._said.take(chunk)
        return list(chunks)

    async def _go_on(self, error: PerpetuoError) -> list[Chunk]:
        """What a stream that goes on brought first. Raises the error if none does."""
        candidates = self._candidates(error)
        if not candidates:
            raise error
        broken = self._live
        await broken.close()
        self._settle(error)
        said = self._said.text
        live = await self._reopened(candidates, said)
        if live is None:
            raise error
        self._notes += [note for note in broken.notes if note not in self._notes]
        self._notes.append(
            f"The stream of {_name(broken.candidate)} broke after {len(said)} characters; {_name(live.candidate)} "
            f"went on with it."
        )
        prefill = self._ways.prefill_of(live.candidate)
        spent = self.usage()
        self._seam = Seam(said, self._identity, spent, echoes=prefill is not None and prefill.echoes)
        self._live, self._spent, self._used = live, spent, None
        self._tail = StreamTail(Identity(""))
        return live.held

    async def _reopened(self, candidates: Sequence[Candidate], said: str) -> LiveStream | None:
        errand, used = self._errand, self.usage()
        said_tokens = used.completion_tokens
        request = continuation_of(errand.request, said.rstrip(), said_tokens)
        self._prompt_tokens = int(errand.prompt_tokens) + said_tokens
        again = structs.replace(
            errand,
            request=request,
            candidates=candidates,
            prompt_tokens=self._prompt_tokens,
            mode="direct",
            max_calls=self._calls_left(),
            goes_on=bool(said.rstrip()),
        )
        try:
            return await self._ways.reopen(again)
        except PerpetuoError:
            # Whatever became of it, the caller is told why the stream broke.
            request.forget()
            return None

    def _settle(self, error: PerpetuoError) -> None:
        """Writes down what the broken call took; it was not in vain."""
        self._live.count(self._measured())
        clock = self._live.attempt.clock
        self._live.end(broken_stream(error, self._errand.deadline, clock.monotonic()))
        self._breaks.append(self._live.candidate)

    def _calls_left(self) -> int:
        return MAX_CALLS - len(self._errand.trace.attempts)

    def _candidates(self, error: PerpetuoError) -> list[Candidate]:
        """Who may go on, in order: the same, unless it fell silent or has no room, and those that were not asked."""
        kind = classify(error, is_stream=True)
        if kind not in _GOES_ON or self._live.has_exceeded or not self._said.is_plain:
            return []
        asked = [attempt.candidate for attempt in self._errand.trace.attempts]
        others = [candidate for candidate in self._errand.candidates if candidate not in asked]
        same = [] if kind in _NEVER_SAME or self._live.candidate in self._breaks else [self._live.candidate]
        ordered = [*same, *others] if kind in _SAME_FIRST else [*others, *same]
        able = [candidate for candidate in ordered if self._ways.prefill_of(candidate) is not None]
        return able[: max(self._calls_left(), 0)]


def _name(candidate: Candidate) -> str:
    return f"{candidate.deployment.provider} ({candidate.model})"
