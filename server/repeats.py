"""Repeated requests: one that comes again under the same `Idempotency-Key` has the answer of the first.

The first is served like any other, but to its end, whether its caller is still there or not; who comes meanwhile waits
for it. Its answer is kept for `KEEP_S`, of all replicas together where they share their state. A request that failed is
forgotten, so that it can be tried again. Requests without a key pass through untouched. A face reads each request that
it answers, so that requests are read even where nobody serves them.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

import msgspec
from msgspec import Struct, structs

from server.cache.flights import Flight, Flights
from server.cache.shelves import Place, Shelves
from server.chat.principal import Call
from server.chat.request import parse_chat_request
from server.chat.shared import Claims
from server.errors import Conflict, DeadlineExceeded, Draining, RequestInvalid
from server.prepared import Read

KEEP_S: Final = 3600.0
MAX_BYTES: Final = 64 * 1024 * 1024
"""Of all answers that a process keeps; one may take a sixteenth."""

MAX_SHARED_BYTES: Final = 256 * 1024
"""Of an answer that other replicas can have."""

MAX_KEY_CHARS: Final = 255
HEADER: Final = "idempotency-key"
REPLAYED: Final = ("idempotent-replayed", "true")

_LEASE_S: Final = 5.0
_LOOK_EVERY_S: Final = 0.2
_OVERHEAD_BYTES: Final = 1024
_TOLD_AGAIN: Final = "x-perpetuo-"
_CLAIM: Final = "repeat:"

T = TypeVar("T")
Lists = list[list[bytes]]


class Completing(Protocol):
    """What serves requests: the pipeline, or this before it."""

    def complete(self, call: Call, body: bytes, read: Read = parse_chat_request) -> Coroutine[Any, Any, bytes]:
        """See `Pipeline.complete`."""

    def serve(self, call: Call, body: bytes) -> Awaitable[bytes] | bytes:
        """See `Pipeline.serve`."""

    def stream(self, call: Call, body: bytes, read: Read = parse_chat_request) -> AsyncGenerator[list[bytes], None]:
        """See `Pipeline.stream`."""


class _Note(Struct, frozen=True, omit_defaults=True):
    """What is known under a key: what was asked, by which request, and the answer, None as long as there is none.

    An answer in one piece is one list of one. `is_too_long`: there was an answer, and it could not be kept.
    """

    asked: str
    request_id: str
    answer: Lists | None = None
    headers: list[tuple[str, str]] = []
    is_too_long: bool = False

    @property
    def size_bytes(self) -> int:
        """What it takes in memory, roughly."""
        return _OVERHEAD_BYTES + sum(len(event) for events in self.answer or () for event in events)


class _Asked(Struct, frozen=True):
    """A request under a key."""

    call: Call
    place: Place
    asked: str

    @property
    def name(self) -> str:
        """The name of its claim."""
        return _CLAIM + self.place[1].hex()


@dataclass(slots=True)
class _Run:
    """The first request of a key, while it is served."""

    asked: str
    request_id: str
    flight: Flight[list[bytes], _Note]
    headers: list[tuple[str, str]] = field(default_factory=list)


Serve = Callable[[Call, Flight[list[bytes], _Note]], Awaitable[Lists]]


class Repeats:
    """Serves requests through `inner`, those of one key once. `now_s` is the running loop's clock; `close` it."""

    def __init__(
        self, inner: Completing, claims: Claims, now_s: Callable[[], float], max_bytes: int = MAX_BYTES
    ) -> None:
        self._inner = inner
        self._claims = claims
        self._now_s = now_s
        self._kept: Shelves[_Note] = Shelves(max_bytes, KEEP_S)
        self._flights: Flights[list[bytes], _Note] = Flights()
        self._runs: dict[Place, _Run] = {}

    def complete(self, call: Call, body: bytes, read: Read = parse_chat_request) -> Coroutine[Any, Any, bytes]:
        """See `Pipeline.complete`. Raises Conflict for a key that stands for another request."""
        if HEADER not in call.knobs:
            return self._inner.complete(call, body, read)
        return self._complete(call, body, read)

    def serve(self, call: Call, body: bytes) -> Awaitable[bytes] | bytes:
        """See `Pipeline.serve`, and `complete`."""
        if HEADER not in call.knobs:
            return self._inner.serve(call, body)
        return self._complete(call, body, parse_chat_request)

    def stream(self, call: Call, body: bytes, read: Read = parse_chat_request) -> AsyncGenerator[list[bytes], None]:
        """See `Pipeline.stream`, and `complete`."""
        if HEADER not in call.knobs:
            return self._inner.stream(call, body, read)
        return self._stream(call, body, read)

    async def first_id(self, call: Call) -> str:
        """The id of the request whose answer the call will have: its own, if it is the first of its key."""
        if HEADER not in call.knobs:
            return call.request_id
        place = _place(call)
        known = self._runs.get(place) or self._kept.find(place, self._now_s(), KEEP_S)
        if known is None:
            known = _read(await self._claims.look(_CLAIM + place[1].hex()))
        return call.request_id if known is None else known.request_id

    async def close(self) -> None:
        """Gives up what is still served."""
        await self._flights.close()

    async def _complete(self, call: Call, body: bytes, read: Read) -> bytes:
        async def serve(first: Call, _: Flight[list[bytes], _Note]) -> Lists:
            return [[await self._inner.complete(first, body, read)]]

        asked = _asked(call, body, is_stream=False)
        note = self._find(asked)
        if note is None:
            run, is_first = self._join(asked, serve)
            try:
                note = await self._in_time(run.flight.result(), None if is_first else call.deadline)
            finally:
                run.flight.leave()
        if note.request_id != call.request_id:
            _tell_again(call, note.headers)
            read(body, stream=False)
        return _answer_of(note)[0][0]

    async def _stream(self, call: Call, body: bytes, read: Read) -> AsyncGenerator[list[bytes], None]:
        async def serve(first: Call, flight: Flight[list[bytes], _Note]) -> Lists:
            lists: Lists = []
            async with aclosing(self._inner.stream(first, body, read)) as parts:
                async for events in parts:
                    lists.append(events)
                    await flight.put(events)
            return lists

        asked = _asked(call, body, is_stream=True)
        note = self._find(asked)
        if note is not None:
            lists_of_events = _answer_of(note)
            _tell_again(call, note.headers)
            read(body, stream=True)
            for events in lists_of_events:
                yield events
            return
        async with aclosing(self._followed(asked, serve)) as followed:
            async for events, is_again in followed:
                if is_again:
                    read(body, stream=True)
                yield events

    async def _followed(self, asked: _Asked, serve: Serve) -> AsyncGenerator[tuple[list[bytes], bool], None]:
        """The lists of the first request as they come; with the first, whether they are another request's."""
        run, is_first = self._join(asked, serve)
        until_s = None if is_first else asked.call.deadline
        run.flight.read()
        number = 0
        try:
            while (events := await self._in_time(run.flight.piece(number), until_s)) is not None:
                is_again = number == 0 and run.request_id != asked.call.request_id
                if is_again:
                    _tell_again(asked.call, run.headers)
                yield events, is_again
                number += 1
        finally:
            run.flight.leave(is_reader=True)

    def _find(self, asked: _Asked) -> _Note | None:
        note = self._kept.find(asked.place, self._now_s(), KEEP_S)
        if note is not None:
            _check(asked, note.asked)
        return note

    def _join(self, asked: _Asked, serve: Serve) -> tuple[_Run, bool]:
        """The request of that key that is served, and whether it is this one; to be left."""
        key = asked.place[1]
        run = self._runs.get(asked.place)
        if run is not None:
            _check(asked, run.asked)
            if self._flights.join(key) is run.flight:
                return run, False

        async def work(flight: Flight[list[bytes], _Note]) -> _Note:
            try:
                return await self._served(asked, self._runs[asked.place], serve)
            finally:
                del self._runs[asked.place]

        flight = self._flights.start(key, work, shows_pieces=True)
        # One more who waits, and never leaves: it goes on when its caller does not wait any longer.
        self._flights.join(key)
        run = self._runs[asked.place] = _Run(asked.asked, asked.call.request_id, flight)
        return run, True

    async def _served(self, asked: _Asked, run: _Run, serve: Serve) -> _Note:
        """The answer: another replica's, or one of our own, which is kept."""
        note = await self._others(asked)
        if note is not None:
            run.request_id, run.headers = note.request_id, note.headers
            for events in _answer_of(note):
                await run.flight.put(events)
        else:
            note = await self._own(asked, run, serve)
        if not self._kept.put(asked.place, note, note.size_bytes, self._now_s()):
            stub = structs.replace(note, answer=None, is_too_long=True)
            self._kept.put(asked.place, stub, stub.size_bytes, self._now_s())
        return note

    async def _own(self, asked: _Asked, run: _Run, serve: Serve) -> _Note:
        def announce(pairs: Iterable[tuple[str, str]]) -> None:
            told = list(pairs)
            run.headers += told
            asked.call.announce(told)

        try:
            answer = await serve(structs.replace(asked.call, announce=announce, push=None, pass_on=None), run.flight)
        except BaseException:
            self._claims.drop(asked.name)
            raise
        note = _Note(asked.asked, asked.call.request_id, answer, run.headers)
        shared = note
        if note.size_bytes > MAX_SHARED_BYTES:
            shared = structs.replace(note, answer=None, is_too_long=True)
        self._claims.put(asked.name, _written(shared), KEEP_S)
        return note

    async def _others(self, asked: _Asked) -> _Note | None:
        """Another replica's answer, once it has one; None if the request is ours to serve."""
        mine = _written(_Note(asked.asked, asked.call.request_id))
        while True:
            left_s = asked.call.deadline - self._now_s()
            note = _read(await self._claims.claim(asked.name, mine, max(left_s, 0.0) + _LEASE_S))
            if note is None:
                return None
            _check(asked, note.asked)
            if note.answer is not None or note.is_too_long:
                return note
            if left_s < _LOOK_EVERY_S:
                raise _late()
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _in_time(self, awaited: Awaitable[T], until_s: float | None) -> T:
        """Waits for what another request is served, within our own deadline; for our own, which has its own, as is."""
        try:
            async with asyncio.timeout_at(until_s):
                return await awaited
        except TimeoutError:
            raise _late() from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise Draining("The gateway is stopping; the request of this key was given up.") from None


def _asked(call: Call, body: bytes, *, is_stream: bool) -> _Asked:
    """The request under its key. Raises RequestInvalid for a key that is none."""
    key = call.knobs[HEADER]
    if not key.strip() or len(key) > MAX_KEY_CHARS:
        raise RequestInvalid(f"The header 'Idempotency-Key' must have 1 to {MAX_KEY_CHARS} characters.", param=HEADER)
    knobs = sorted((name, value) for name, value in call.knobs.items() if name != HEADER)
    head = msgspec.json.encode([call.surface, is_stream, knobs])
    return _Asked(call, _place(call), hashlib.blake2b(head + body, digest_size=32).hexdigest())


def _place(call: Call) -> Place:
    """Where the answer of a key is: no other workspace, and no other of its keys or users, ever comes there."""
    principal = call.principal
    parts = [principal.workspace_id, principal.key_id, principal.user_id, call.knobs[HEADER]]
    return principal.workspace_id, hashlib.blake2b(msgspec.json.encode(parts), digest_size=32).digest()


def _check(asked: _Asked, before: str) -> None:
    if asked.asked != before:
        raise Conflict(
            "This Idempotency-Key was used for another request; send another key, or the very same request.",
            param=HEADER,
        )


def _answer_of(note: _Note) -> Lists:
    if note.answer is None:
        raise Conflict(
            "The request of this Idempotency-Key was answered, but the answer was too long to be kept; send another "
            "key to ask again.",
            param=HEADER,
        )
    return note.answer


def _tell_again(call: Call, headers: Iterable[tuple[str, str]]) -> None:
    call.announce([*(pair for pair in headers if pair[0].startswith(_TOLD_AGAIN)), REPLAYED])


def _written(note: _Note) -> str:
    return msgspec.json.encode(note).decode()


def _read(text: str | None) -> _Note | None:
    try:
        return None if text is None else msgspec.json.decode(text, type=_Note)
    except msgspec.MsgspecError:
        return None


def _late() -> DeadlineExceeded:
    return DeadlineExceeded("The time for this request ran out while the first of its Idempotency-Key was served.")
