"""Answers that serve more than one request: from the cache, or from a call that another request has under way.

Between the pipeline, which knows requests, and the cache, which knows keys and bytes. Every request that may share has
a `Share`. Whoever starts a call leads it; it goes on without its leader as long as others wait, and past its leader's
deadline. When it fails, a fault of the request is everybody's, and any other failure is the leader's alone: the next
leads. Who has seen three calls of others fail is told so: providers that keep failing are not asked once by everybody.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeVar

from msgspec.structs import replace

from server.cache.control import CacheUse
from server.cache.fingerprint import Scopes
from server.cache.flights import Flight, Flights
from server.cache.kept import OWN_NOTE, AnswerKey, Answers, KeptAnswer, without_credential
from server.cache.neighbours import Likeness, Match
from server.chat.answer import peek_answer
from server.chat.deployment import Candidate
from server.chat.open_end import open_end
from server.chat.usage import Usage
from server.errors import DeadlineExceeded, Draining, PerpetuoError, UpstreamBadResponse
from server.providers.dialect import Chunk
from server.providers.pieces import pieces_of, whole_from
from server.routing.operation import Operation, Similar

T = TypeVar("T")

Chunks = list[Chunk]
Piece = tuple[Candidate, Chunks, Sequence[str]]
"""Who answers, what came, and the notes so far: one list for all pieces, which grows."""
Call = Flight[Piece, KeptAnswer]

USUAL_TIME_S: Final = 600.0
MOST_FAILURES: Final = 3

Ask = Callable[[], Awaitable[KeptAnswer]]
"""Gets an answer from a provider."""

Open = Callable[[], Awaitable["Stream"]]
"""Gets a committed stream from a provider."""

Pump = Callable[["Stream", Callable[[Chunks], Awaitable[None]]], Awaitable[Usage]]
"""Reads a stream to its end and shows its chunks as they come, the held ones first; raises when it breaks. Answers what
it took."""

# The same for everybody who asks the same: nobody else needs to try.
_FAULTS_OF_THE_REQUEST = frozenset(
    {
        "BODY_TOO_LARGE",
        "CONTENT_BLOCKED",
        "CONTEXT_TOO_LONG",
        "MODEL_NOT_ALLOWED",
        "MODEL_UNKNOWN",
        "PARAM_UNSUPPORTED",
        "REQUEST_INVALID",
    }
)


class Stream(Protocol):
    """A committed stream, wherever it comes from. Whoever has it must `close` it, on every path."""

    @property
    def candidate(self) -> Candidate:
        """Who answers, or did."""

    @property
    def held(self) -> Chunks:
        """What came before and with the first content."""

    @property
    def notes(self) -> Sequence[str]:
        """What was odd about the stream and could be lived with."""

    async def next_chunks(self) -> Chunks | None:
        """The chunks that came together, maybe none; None after the last of a stream that is whole, else it raises."""

    def count(self, usage: Usage) -> None:
        """Notes what the stream took, as far as it came."""

    def end(self, failure: PerpetuoError | None = None) -> None:
        """Notes that the stream is complete, or broke."""

    async def close(self) -> None:
        """Ends it. Safe to call twice."""


class Sharing:
    """The cache and the calls under way, of all requests. `now_s` is the running loop's clock, in seconds.

    A call that several may wait for has `usual_s` seconds, whatever its leader has, so that none of them loses by it.

    It counts how often an answer was here (`kept_count`), was here for a request that is like the one that asks
    (`similar_count`), was under way (`followed_count`), or had to be got (`led_count`).
    """

    def __init__(self, answers: Answers, now_s: Callable[[], float], usual_s: float = USUAL_TIME_S) -> None:
        self.answers = answers
        self.usual_s = usual_s
        self.flights: Flights[Piece, KeptAnswer] = Flights()
        self.scopes = Scopes()
        self.now_s = now_s
        self.kept_count = 0
        self.similar_count = 0
        self.followed_count = 0
        self.led_count = 0

    def share(self, key: AnswerKey, use: CacheUse, deadline: float, mode: str = "direct") -> "Share":
        """A request's part in it. `deadline` is absolute, on the same clock.

        Calls under way are shared by those of one `mode`: what they do when a stream breaks is not the same.
        """
        return Share(self, key, use, deadline, mode)

    async def close(self) -> None:
        """Gives up every call under way."""
        await self.flights.close()


class Share:
    """One request that may get an answer from elsewhere, and may leave one.

    `is_hit` says that it got one, `has_followed` that it has waited for another's call. `notes` are those of the
    request so far, which go along with the answer that it leaves. A call that it leads may take until `call_deadline`,
    which is later than its own if it has less time than usual. `match` is an answer to a request that is like this one.
    """

    def __init__(self, sharing: Sharing, key: AnswerKey, use: CacheUse, deadline: float, mode: str = "direct") -> None:
        self._sharing = sharing
        self._key = key
        self._flight_key = key[1] + mode.encode()
        self._use = use
        self._deadline = deadline
        self.call_deadline = max(deadline, sharing.now_s() + sharing.usual_s)
        self._led: Call | None = None
        self._failures = 0
        self.notes: Sequence[str] = ()
        self.is_hit = False
        self.has_followed = False
        self.match: Match | None = None
        self._likeness: Likeness | None = None
        self._found: KeptAnswer | None = None

    @property
    def exact_place(self) -> tuple[AnswerKey, float] | None:
        """Where the answer that it found is kept, and how old it may be, if it is of the very same request."""
        return None if self._found is None or self.match is not None else (self._key, self._use.max_age_s)

    def compare(self, likeness: Likeness) -> None:
        """Takes the most similar answer, if there is one, and leaves its own to those that are like it."""
        self._likeness = likeness
        sharing, use = self._sharing, self._use
        if use.reads:
            now_s = sharing.now_s()

            def answer_of(key: bytes) -> KeptAnswer | None:
                return sharing.answers.find((likeness.place[0], key), now_s, use.max_age_s)

            self.match = likeness.index.find(likeness.place, likeness.turn, likeness.least, answer_of, now_s)

    def tell(self, operation: Operation) -> None:
        """Tells the request whether its answer was made for another, and for which if that was not the very same."""
        operation.is_cache_hit = self.is_hit
        if self.is_hit and self.match is not None:
            operation.similar = Similar(self.match.source, self.match.similarity)
            operation.note([f"{OWN_NOTE}the answer to request {self.match.source}, {self.match.similarity} alike."])

    def is_under_way(self) -> bool:
        """Whether there is a call that it would wait for."""
        return self._use.reads and self._flight_key in self._sharing.flights

    def has_kept(self) -> bool:
        """Whether there is an answer to it already; one that was found is its own from then on."""
        return (self._found or self._find()) is not None

    async def complete(self, ask: Ask) -> KeptAnswer:
        """The answer: a kept one, that of a call under way, or one of our own."""
        while (kept := self._found or self._find()) is None:
            call = self._join() or self._lead(lambda _: self._asked(ask), shows_pieces=False)
            try:
                return await self.in_time(call.result())
            except PerpetuoError as error:
                self._try_again_after(error)
            finally:
                call.leave()
        self._count_kept()
        return kept

    async def stream(self, open_stream: Open, pump: Pump) -> Stream:
        """The answer as a stream, as `complete`."""
        while (kept := self._found or self._find()) is None:
            call = self._join() or self._lead(lambda led: self._pumped(open_stream, pump, led), shows_pieces=True)
            following = Following(call, self)
            try:
                if await following.open():
                    return following
                kept = await self.in_time(call.result())
            except PerpetuoError as error:
                await following.close()
                self._try_again_after(error)
            except BaseException:
                await following.close()
                raise
            else:
                await following.close()
                return Replay(kept)
        self._count_kept()
        return Replay(kept)

    async def in_time(self, awaited: Awaitable[T]) -> T:
        """Waits for a call within our own deadline; for one of our own that has no other deadline, as is."""
        is_as_long = not self.is_hit and self.call_deadline == self._deadline
        try:
            async with asyncio.timeout_at(None if is_as_long else self._deadline):
                return await awaited
        except TimeoutError:
            asked = "an identical one was served" if self.is_hit else "a provider was being asked"
            raise DeadlineExceeded(f"The time for this request ran out while {asked}.") from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise Draining("The gateway is stopping; the call for this request was given up.") from None

    def over(self) -> Awaitable[None] | None:
        """Done once the call that this request led is over, as it is about to be once its answer is; None for none."""
        return None if self._led is None else self._led.over()

    def when_over(self, callback: Callable[[], None]) -> None:
        """Calls back once the call that this request led is over; at once if it led none."""
        if self._led is None:
            callback()
        else:
            self._led.when_over(callback)

    def _find(self) -> KeptAnswer | None:
        if not self._use.reads:
            return None
        kept = self._sharing.answers.find(self._key, self._sharing.now_s(), self._use.max_age_s)
        if kept is not None:
            self.match = None  # the very same is better than one that is like it
        elif self.match is not None:
            kept = self.match.answer
        self.is_hit = kept is not None
        self._found = kept
        return kept

    def _count_kept(self) -> None:
        if self.match is None:
            self._sharing.kept_count += 1
        else:
            self._sharing.similar_count += 1

    def _join(self) -> Call | None:
        """Another's call that is under way, unless it may end long before our own time does."""
        now_s = self._sharing.now_s()
        enough = now_s + (self._deadline - now_s) / 2
        call = self._sharing.flights.join(self._flight_key, enough) if self._use.reads else None
        self.is_hit = call is not None
        if call is not None:
            self.has_followed = True
            self._sharing.followed_count += 1
        return call

    def _lead(self, work: Callable[[Call], Awaitable[KeptAnswer]], *, shows_pieces: bool) -> Call:
        self._sharing.led_count += 1
        self._led = self._sharing.flights.start(
            self._flight_key, work, shows_pieces=shows_pieces, deadline=self.call_deadline
        )
        return self._led

    def _try_again_after(self, error: PerpetuoError) -> None:
        """Raises a failure that is our own, anybody's, or one too many; after another's we try again."""
        is_ours = not self.is_hit or self._sharing.now_s() >= self._deadline
        self._failures += 1
        if (
            is_ours
            or self._failures >= MOST_FAILURES
            or error.reason in _FAULTS_OF_THE_REQUEST
            or isinstance(error, Draining)
        ):
            self.is_hit = False
            raise error

    async def _asked(self, ask: Ask) -> KeptAnswer:
        return self._keep(await ask())

    async def _pumped(self, open_stream: Open, pump: Pump, call: Call) -> KeptAnswer:
        live = await open_stream()
        pieces: list[bytes] = []
        notes = _for_all(self.notes)

        async def show(chunks: Chunks) -> None:
            pieces.extend(chunk.data for chunk in chunks)
            notes.extend(note for note in live.notes if note not in notes)
            await call.put((live.candidate, chunks, notes))

        try:
            usage = await pump(live, show)
        finally:
            await live.close()
        body = whole_from(pieces)
        if body is None:
            raise UpstreamBadResponse("The provider's stream ended without saying how.")
        return self._keep(KeptAnswer(live.candidate, body, usage, peek_answer(body).finish_reason, tuple(notes)))

    def _keep(self, answer: KeptAnswer) -> KeptAnswer:
        notes = tuple(_for_all(answer.notes))
        candidate, end = without_credential(answer.candidate), open_end(answer.body, is_plain=answer.is_plain)
        kept = replace(answer, candidate=candidate, notes=notes, open_bytes=end)
        if not self._use.stores:
            return kept
        now_s, like = self._sharing.now_s(), self._likeness
        if self._sharing.answers.keep(self._key, kept, now_s) and like is not None and kept.finish_reason == "stop":
            like.index.keep(like.place, like.turn, self._key[1], like.request_id, now_s)
        return kept


def _for_all(notes: Sequence[str]) -> list[str]:
    """The notes that are not of the one request alone."""
    return [note for note in notes if not note.startswith(OWN_NOTE)]


class Following:
    """A stream that is read from a call under way, one's own or another's. The call itself is settled by its work."""

    def __init__(self, call: Call, share: Share) -> None:
        self._call = call
        self._share = share
        self._next = 0
        self._is_open = True
        self._candidate: Candidate | None = None
        self.held: Chunks = []
        self.notes: Sequence[str] = ()
        call.read()

    @property
    def candidate(self) -> Candidate:
        """Who answers."""
        assert self._candidate is not None
        return self._candidate

    async def open(self) -> bool:
        """Waits for the first piece; False for a call that shows none. Raises what the call failed with before."""
        if not self._call.shows_pieces:
            return False
        piece = await self._piece()
        assert piece is not None
        self._candidate, self.held, self.notes = piece
        return True

    async def next_chunks(self) -> Chunks | None:
        """See `Stream`."""
        piece = await self._piece()
        if piece is None:
            return None
        return piece[1]

    def count(self, usage: Usage) -> None:
        """See `Stream`."""

    def end(self, failure: PerpetuoError | None = None) -> None:
        """See `Stream`."""

    async def close(self) -> None:
        """See `Stream`."""
        if self._is_open:
            self._is_open = False
            self._call.leave(is_reader=True)

    async def _piece(self) -> Piece | None:
        piece = await self._share.in_time(self._call.piece(self._next))
        self._next += 1
        return piece


class Replay:
    """A kept answer as a stream. `usage` is what it took when it was made."""

    def __init__(self, kept: KeptAnswer) -> None:
        self.candidate = kept.candidate
        self.usage = kept.usage
        self.held = pieces_of(kept.body)
        self.notes: Sequence[str] = kept.notes

    async def next_chunks(self) -> Chunks | None:
        """See `Stream`."""
        return None

    def count(self, usage: Usage) -> None:
        """See `Stream`."""

    def end(self, failure: PerpetuoError | None = None) -> None:
        """See `Stream`."""

    async def close(self) -> None:
        """See `Stream`."""
