"""A stream from an upstream: read piece by piece, and passed through the commit gate.

What comes is progress only if it says something; pings and empty events do not keep a stream alive. Once every answer
has finished, the end and the usage have two seconds more.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from server.chat.answer import ChunkFacts
from server.chat.deployment import Candidate
from server.chat.request import ChatRequest
from server.chat.usage import Usage
from server.chat.wire import WireResponse
from server.errors import PerpetuoError, UpstreamBadResponse
from server.providers.dialect import Chunk, Dialect
from server.providers.dialect import Event as WireEvent
from server.routing.attempt import Attempt
from server.routing.gate import Event, Gate, State
from server.routing.relay import Relay
from server.routing.tail import StreamTail
from server.upstream.framing import event_decoder
from server.upstream.sse import SseDecoder

END_WAIT_S: Final = 2.0

FeedAll = Callable[[Sequence[WireEvent], list[Chunk]], None]
"""See `PieceReader.feed_all`."""

OnFailure = Callable[[Attempt, PerpetuoError], None]
"""Takes the attempt of a stream that failed, and how."""

_INCOMPLETE: Final = {
    (State.HELD, Event.EXCESS): "The provider sent only empty chunks.",
    (State.HELD, Event.MARK): "The provider ended the stream without any content.",
    (State.HELD, Event.EOF): "The provider closed the stream before any content.",
    (State.COMMITTED, Event.EXCESS): "The provider sent far more than the request lets it.",
    (State.COMMITTED, Event.EOF): "The provider closed the stream before the answer was complete.",
}


def nobody_minds(attempt: Attempt, failure: PerpetuoError) -> None:
    """A failure that nobody waits for."""


def gate_for(request: ChatRequest) -> Gate:
    """The gate for the stream of a request."""
    view = request.view
    bounds = [bound for bound in (view.max_tokens, view.max_completion_tokens) if isinstance(bound, int)]
    return Gate(request.choices, request.choices * max(bounds, default=0))


def is_told(usage: Usage | None) -> bool:
    """Whether it is what a provider says of a whole answer."""
    return usage is not None and not usage.is_estimated


class LiveStream:
    """A stream whose headers have come; once it is open, `held` has what came up to the first content.

    Whoever has it must `close` it, on every path.
    """

    def __init__(
        self,
        response: WireResponse,
        dialect: Dialect,
        attempt: Attempt,
        gate: Gate,
        on_failure: OnFailure = nobody_minds,
    ) -> None:
        """`on_failure` is called once if the stream fails after it was opened.

        A response may be `Pushing` and a decoder a `PieceReader`: asked by name, as whether an object is of a protocol
        takes as long as reading ten events.
        """
        self._response = response
        self._source: AsyncIterator[bytes] = response.chunks()
        self._push: Callable[..., Awaitable[None]] | None = getattr(response, "push", None)
        self._relay: Relay | None = None
        self._take: Callable[[list[Chunk]], bool] | None = None
        self._events = event_decoder(dialect.framing)
        self._decoder = dialect.stream()
        self._sse = self._events if isinstance(self._events, SseDecoder) else None
        self._more: Callable[[bytes], list[Chunk] | None] | None = getattr(self._decoder, "more", None)
        self._feed_all: FeedAll | None = getattr(self._decoder, "feed_all", None)
        self._failure: PerpetuoError | None = None
        self._has_exceeded = False
        self._gate = gate
        self._gate.take(Event.HEADERS)
        self._on_failure = on_failure
        self.attempt = attempt
        self.held: list[Chunk] = []

    @property
    def candidate(self) -> Candidate:
        """Who answers."""
        return self.attempt.candidate

    @property
    def has_exceeded(self) -> bool:
        """Whether more came than the request lets it."""
        return self._has_exceeded

    @property
    def notes(self) -> Sequence[str]:
        """What was odd about the stream and could be lived with."""
        return self._decoder.notes

    def has_all(self, *, wants_usage: bool) -> bool:
        """Whether `held` has the whole answer and its usage, so that nothing need be waited for."""
        if self._gate.is_over:
            return self._failure is None
        if self._gate.state is not State.ENDING:
            return False
        facts = [chunk.facts for chunk in self.held]
        return any(fact.is_usage_only if wants_usage else is_told(fact.usage) for fact in facts)

    async def open(self) -> None:
        """Reads until the first content, or the end of an answer without any; raises what the upstream failed with.

        A stream that does not end is no better elsewhere: its beginning is the client's, however fast it came.
        """
        while not (self._gate.is_open or self._has_exceeded):
            chunks = await self.next_chunks()
            if self._failure is not None and not self._has_exceeded:
                raise self._failure
            self.held.extend(chunks or ())
        if any(chunk.facts.has_content for chunk in self.held):
            self.attempt.saw_content()

    async def next_chunks(self) -> list[Chunk] | None:
        """The chunks that came together, maybe none; None after the last of a stream that is whole.

        Raises what broke it, after what came before.
        """
        if self._failure is not None:
            raise self._failure
        if self._gate.is_over:
            return None
        try:
            data = await anext(self._source, None)
        except PerpetuoError as error:
            if self._gate.take(Event.FAILURE) is State.DONE:
                return None
            self._failure = error
            raise
        return self._chunks_of(data)

    def relay_to(self, tail: StreamTail, send: Callable[[bytes], bool]) -> None:
        """Has chunks of the body that are nothing but more text sent as they stand while `push` runs, if it can."""
        knows = getattr(self._decoder, "knows", None)
        if knows is not None and self._sse is not None:
            self._relay = Relay(self._gate, tail, knows, send)

    async def push(self, take: Callable[[list[Chunk]], bool]) -> None:
        """Gives what comes to `take` the moment it comes, as long as that answers True and the stream goes on.

        What is still to be read, or what has become of the stream, `next_chunks` gives then. Every chunk passes the
        same checks on both ways.
        """
        if self._push is not None and self._failure is None and not self._gate.is_over:
            self._take, relay = take, self._relay
            try:
                await (self._push(self._pushed) if relay is None else self._push(self._pushed, relay.carry))
            finally:
                self._take = None
                if relay is not None:
                    relay.fold()

    def _pushed(self, data: bytes) -> bool:
        """Takes a piece; False when the task that reads has to go on."""
        take, more, sse, relay, goes_on = self._take, self._more, self._sse, self._relay, True
        assert take is not None
        if relay is not None:
            relay.fold()
        known = more(data) if more is not None and sse is not None and sse.is_between_events else None
        try:
            if known is not None and self._gate.take_more(len(known)):
                # Nothing but more text, as nearly every piece is: what any other may bring need not be looked for.
                self._response.progressed()
                goes_on = take(known)
                if relay is not None and goes_on and len(known) == 1:
                    relay.arm(known[0].facts)
                return goes_on
            if chunks := self._chunks_of(data):
                goes_on = take(chunks)
        except PerpetuoError as error:
            self._failure = error
        return goes_on and self._failure is None and not self._gate.is_over

    def _chunks_of(self, data: bytes | None) -> list[Chunk]:
        """The chunks of a piece, or of the end, that have passed the gate; sets the failure that comes after them."""
        chunks: list[Chunk] = []
        try:
            events = self._events.finish() if data is None else self._events.feed(data)
            if len(events) > 1 and self._feed_all is not None:
                self._feed_all(events, chunks)
            else:
                for event in events:
                    chunks += self._decoder.feed(event)
        except PerpetuoError as error:
            # What came before it in the same piece is the client's; the failure is told after it.
            self._failure = error
        self._pass(chunks, is_at_end=data is None)
        return chunks

    def _pass(self, chunks: Sequence[Chunk], *, is_at_end: bool) -> None:
        """Takes chunks that came together through the gate, and then what came with them."""
        gate = self._gate
        before = gate.state
        is_progress = self._take_in(chunks)
        if gate.state is State.FAILED:
            return
        if self._failure is not None:
            if gate.take(Event.FAILURE) is State.DONE:
                self._failure = None
        elif self._decoder.is_done:
            self._end(Event.MARK)
        elif is_at_end:
            self._end(Event.EOF)
        elif gate.state is State.ENDING:
            if before is not State.ENDING:
                self._response.wind_up(END_WAIT_S)
        elif is_progress:
            self._response.progressed()

    def _take_in(self, chunks: Sequence[Chunk]) -> bool:
        """Takes chunks through the gate; whether they are progress. What is too much fails the stream."""
        gate, is_progress = self._gate, False
        more_until, takes_runs = 0, True
        for position, chunk in enumerate(chunks):
            if position < more_until:
                continue  # more of the same text, and taken
            facts = chunk.facts
            if facts.has_content or facts.usage is not None:
                is_progress = True
            was = gate.state
            if gate.chunk(facts, len(chunk.data)) is State.FAILED:
                self._failure = UpstreamBadResponse(_INCOMPLETE[was, Event.EXCESS])
                self._has_exceeded = was is State.COMMITTED
                return False
            if takes_runs and facts.has_content and facts.finish_reason is None:
                end = _end_of_run(chunks, position + 1, facts)
                takes_runs = gate.take_more(end - position - 1)
                more_until = end if takes_runs else 0
        return is_progress

    def _end(self, event: Event) -> None:
        was = self._gate.state
        if self._gate.take(event) is State.FAILED:
            self._failure = UpstreamBadResponse(_INCOMPLETE[was, event])

    def count(self, usage: Usage) -> None:
        """Notes what the stream took, as far as it came."""
        self.attempt.usage = usage

    def end(self, failure: PerpetuoError | None = None) -> None:
        """Notes that the stream is complete, or broke."""
        if failure is None:
            self.attempt.end()
        elif self.attempt.record is None:
            self.attempt.fail(failure)
            self._on_failure(self.attempt, failure)

    async def close(self) -> None:
        """Ends the upstream call; what was not read is not paid attention to."""
        await self._response.close()


def _end_of_run(chunks: Sequence[Chunk], start: int, facts: ChunkFacts) -> int:
    """Where the chunks that say what an earlier one says, and are known by the very same facts, end."""
    end = start
    while end < len(chunks) and chunks[end].facts is facts:
        end += 1
    return end
