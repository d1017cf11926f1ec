"""The path of a chat completion: read, choose, admit, share, dispatch, settle. The page to read first.

Both faces and both forms of the completion methods end here, with a call (who asks, until when) and the JSON of the
request. Whatever happens, the operation is settled exactly once: one record goes to the ledger.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from server.cache.kept import KeptAnswer
from server.chat.answer import Identity, finish_answer
from server.chat.deployment import Candidate
from server.chat.ids import ID_PREFIX, same_id
from server.chat.open_end import open_end, with_metadata_at
from server.chat.principal import Call
from server.chat.rates import Standing
from server.chat.records import bare
from server.chat.request import parse_chat_request
from server.chat.usage import Usage
from server.errors import PerpetuoError
from server.limits.metadata import rate_metadata
from server.parts import Parts
from server.prepared import Prepared, Read
from server.preparing import Preparing
from server.providers.dialect import Chunk
from server.recall import Recall
from server.routing.attempt import Means, UsualPrices, unwatched
from server.routing.counting import usage_of_answer, usage_of_stream
from server.routing.dispatch import ContinuedStream, LiveStream, Served, broken_stream
from server.routing.dispatch.line import wait_in_line
from server.routing.operation import Operation, Said
from server.routing.pushed import Pushed
from server.routing.tail import StreamTail
from server.sharing import Replay, Share, Stream
from server.telemetry.spans import Answered


class Pipeline:
    """Serves chat completions."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        # From when an upstream is asked a request must not vanish with the process: the ledger takes its beginning.
        self._means = Means(parts.clock, UsualPrices(parts.price), parts.watch or unwatched, parts.ledger.begin)
        self._exact = parts.clock.exact
        self._has_room = _no_room if parts.line is None else parts.line.has_room
        self._measure = partial(usage_of_stream, parts.calibration)
        self._recall = Recall(parts)
        self._preparing = Preparing(parts, self._recall, self.complete)
        self._prepare = self._preparing.prepare

    def serve(self, call: Call, body: bytes) -> Awaitable[bytes] | bytes:
        """The same as `complete`, or what that gives where it is there at once."""
        recalled = self._recall.answer(call, body)
        return self._complete(call, body, parse_chat_request) if recalled is None else recalled

    def complete(self, call: Call, body: bytes, read: Read = parse_chat_request) -> Coroutine[Any, Any, bytes]:
        """The answer in one piece, as the JSON of a chat completion. Raises the reason when there is none.

        `read` is how the face that was called reads its requests.
        """
        return self._serve(call, body) if read is parse_chat_request else self._complete(call, body, read)

    async def _serve(self, call: Call, body: bytes) -> bytes:
        served = self.serve(call, body)
        return served if isinstance(served, bytes) else await served

    async def _complete(self, call: Call, body: bytes, read: Read) -> bytes:
        # Loaded first, here and below: a call of what a member holds is slow otherwise.
        parts, exact, prepare = self._parts, self._exact, self._prepare
        visit = parts.under_way.enter()
        parts.metrics.begin()
        operation = Operation(call, self._means, False, exact())
        share, has_room = None, self._has_room
        try:
            if not isinstance(prepared := prepare(operation, body, read), Prepared):
                prepared = await prepared
            share = prepared.share
            if (admitted := self._admit(prepared)) is not None:
                await admitted
            if share is None:
                if not has_room(operation.candidates):
                    await self._find_room(operation, prepared)
                served = await parts.dispatcher.complete(prepared.errand(self._measure))
                self._take(operation, served)
                operation.record()  # here and now: no call of others has a part in it
                answer, is_plain = served.answer.body, served.answer.facts.is_plain
            else:
                answer, is_plain = await self._shared(prepared, share)
            finished = self._finished(operation, share, answer, is_plain)
            if (left := self._settle_before_the_end(operation, share)) is not None:
                await left
            return finished
        except (PerpetuoError, asyncio.CancelledError) as error:
            operation.fail(visit.reason(error))
            call.announce(operation.headers())
            visit.tell(error)
            raise
        finally:
            parts.under_way.leave(visit)
            if not operation.is_settled:
                self._settle_after(operation, share)

    async def _shared(self, prepared: Prepared, share: Share) -> tuple[bytes, bool]:
        """An answer that others may have a part in, and whether it is known to say nothing of the gateway."""
        operation = prepared.operation
        answer = await share.complete(partial(self._ask, prepared))
        share.tell(operation)
        operation.note(answer.notes)
        operation.served, operation.usage = answer.candidate, answer.usage
        operation.said = Said(answer.finish_reason)
        return answer.body, answer.is_plain

    def _finished(self, operation: Operation, share: Share | None, body: bytes, is_plain: bool) -> bytes:
        """The answer as it goes out, with what the gateway says of it. The operation must have been served."""
        metadata = operation.metadata()
        end = open_end(body, is_plain=is_plain)
        if end:
            finished = with_metadata_at(body, end, metadata)
        else:
            identity = self._identity(operation.call, metadata.routed_to)
            finished = finish_answer(body, identity=identity, metadata=metadata)
        self._tell(operation, share)
        content = operation.content
        if content is not None:
            content.add((finished,))
        return finished

    def _tell(self, operation: Operation, share: Share | None) -> None:
        """Tells the caller who has answered, and notes when, unless that was up to another's call."""
        announce, exact = operation.call.announce, self._exact
        if share is None or not share.has_followed:
            operation.answered_at = exact()
        announce(operation.headers())

    async def stream(
        self, call: Call, body: bytes, read: Read = parse_chat_request
    ) -> AsyncGenerator[list[bytes], None]:
        """The answer as it is written: lists of event data that came together.

        Raises the reason when there is none or when it breaks; what ends without an exception is complete.
        """
        parts, exact = self._parts, self._exact
        visit = parts.under_way.enter()
        parts.metrics.begin()
        operation = Operation(call, self._means, True, exact())
        share: Share | None = None
        live: Stream | None = None
        tail = StreamTail(self._identity(call))
        try:
            prepared = await self._preparing.prepared(operation, body, read)
            share = prepared.share
            await (self._admit(prepared) or _nothing())
            live = await self._open_shared(prepared)
            if share is not None:
                share.tell(operation)
            operation.served = live.candidate
            if isinstance(live, Replay):
                operation.usage = live.usage
            self._tell(operation, share)
            tail.answers_as(live.candidate.model)
            if not operation.attempts:
                parts.ledger.begin(operation.start())
            tail.wants_usage, tail.choices = prepared.request.wants_usage, prepared.request.choices
            async for ready in self._follow(operation, live, tail):
                operation.is_committed = visit.is_away = True
                if operation.content is not None:
                    operation.content.add(ready)
                yield ready
                visit.back()
            last = self._last(operation, live, tail)
            if operation.content is not None:
                operation.content.add(last)
            if (left := self._settle_before_the_end(operation, share)) is not None:
                await left
            yield last
        except (PerpetuoError, asyncio.CancelledError, GeneratorExit) as error:
            operation.fail(visit.reason(error))
            if operation.served is None:
                call.announce(operation.headers())
            visit.tell(error)
            raise
        finally:
            end = partial(self._end, operation, live, tail, share)
            await parts.under_way.leave_stream(visit, live, tail, end)

    async def _end(self, operation: Operation, live: Stream | None, tail: StreamTail, share: Share | None) -> None:
        if live is not None:
            await live.close()
            self._count(operation, live, tail)
        self._settle_after(operation, share)

    def _identity(self, call: Call, model: str = "") -> Identity:
        return Identity(same_id(ID_PREFIX, call.request_id), int(self._parts.clock.now().timestamp()), model)

    def _settle_after(self, operation: Operation, share: Share | None) -> None:
        """Settles now, or once the call that the request started for itself and others is over."""
        self._settle(operation) if share is None else share.when_over(partial(self._settle, operation))

    def _settle_before_the_end(self, operation: Operation, share: Share | None) -> Awaitable[None] | None:
        """Settles what is answered before its last bytes go out: a client that has them is in the books.

        None once it is, else what has to be waited for.
        """
        if share is not None and (over := share.over()) is not None:
            return self._settle_behind(over, operation)
        self._settle(operation)
        return self._parts.ledger.secured()

    async def _settle_behind(self, over: Awaitable[None], operation: Operation) -> None:
        await over
        self._settle(operation)
        if (secured := self._parts.ledger.secured()) is not None:
            await secured

    def _settle(self, operation: Operation) -> None:
        """Leaves the record with the ledger, and what the attempts came to with router, limits and metrics; once."""
        if operation.is_settled:
            return
        operation.is_settled = True
        parts, content, bond = self._parts, operation.content, operation.ask.bond
        record = operation.ended or operation.record()
        attempts, booked = record.attempts, bare(record) if operation.content_policy == "off" else record
        if bond is not None:
            parts.router.note(attempts, bond)
        if operation.grant is not None:
            parts.admission.settle(operation.grant, operation.used_tokens())
        if attempts or parts.refusals.are_recorded(record):
            parts.ledger.record(booked)
        if content is not None and (attempts or record.is_cache_hit):
            parts.contents.keep(record, content)
        parts.metrics.settle(record, operation.waited_s, operation.overhead_s())
        if parts.tracing is not None:
            said = operation.said or Said()
            answered = Answered(said.finish_reason or "", said.model or "")
            parts.tracing.settle(booked, operation.call.traceparent, answered)

    def _admit(self, prepared: Prepared) -> Awaitable[None] | None:
        """Counts the call, now that nothing but a provider can refuse it; None if it need not be counted."""
        parts = self._parts
        parts.ledger.check()
        free = parts.admission.is_free(prepared.operation.call.principal)
        return None if free else self._admit_by_count(prepared)

    async def _admit_by_count(self, prepared: Prepared) -> None:
        """Counts the call of a principal who has limits, and tells where these stand."""
        operation, call = prepared.operation, prepared.operation.call

        def tell(standings: Sequence[Standing]) -> None:
            call.announce(rate_metadata(standings))

        operation.grant = await self._parts.admission.admit(call.principal, prepared.needed_tokens, tell)

    async def _find_room(self, operation: Operation, prepared: Prepared) -> None:
        """Waits in line while no candidate takes a call; the call has to begin at once after it."""
        if not operation.candidates:
            request, policy = prepared.request, prepared.policy
            decided = self._parts.router.decided(operation.ask, request, operation.call, policy)
            operation.candidates = await decided
        line = self._parts.line
        if line is not None and not line.has_room(operation.candidates):
            await wait_in_line(line, operation)

    async def _ask(self, prepared: Prepared) -> KeptAnswer:
        """An answer in one piece from a provider."""
        candidates = prepared.operation.candidates
        if not candidates or not self._has_room(candidates):
            await self._find_room(prepared.operation, prepared)
        served = await self._parts.dispatcher.complete(prepared.errand(self._measure))
        usage, answer, facts = self._take(prepared.operation, served), served.answer, served.answer.facts
        notes = tuple(prepared.operation.notes)
        return KeptAnswer(served.attempt.candidate, answer.body, usage, facts.finish_reason, notes, facts.is_plain)

    def _take(self, operation: Operation, served: Served) -> Usage:
        """Notes an answer of a provider with what it took, which it gives, and ends its attempt."""
        answer, attempt, facts = served.answer, served.attempt, served.answer.facts
        usage = usage_of_answer(self._parts.calibration, attempt.candidate, answer, operation.ask.prompt_tokens)
        operation.served, operation.said = attempt.candidate, facts
        operation.usage = attempt.usage = usage
        if answer.notes:
            operation.note(answer.notes)
        attempt.end()
        return usage

    async def _open(self, prepared: Prepared) -> LiveStream | ContinuedStream:
        """A committed stream from a provider."""
        await self._find_room(prepared.operation, prepared)
        return await self._parts.dispatcher.stream(prepared.errand(self._measure))

    async def _open_shared(self, prepared: Prepared) -> Stream:
        if prepared.share is None:
            return await self._open(prepared)
        return await prepared.share.stream(partial(self._open, prepared), partial(self._pump, prepared))

    async def _pump(self, prepared: Prepared, live: Stream, show: Callable[[list[Chunk]], Awaitable[None]]) -> Usage:
        """Reads a stream that several may follow, and settles its attempt."""
        operation, tail = prepared.operation, StreamTail(Identity(""), choices=prepared.request.choices)
        try:
            await self._read(live, tail, show)
        except PerpetuoError as error:
            told = broken_stream(error, prepared.deadline, self._parts.clock.monotonic())
            live.count(self._usage_of(operation, live, tail))
            live.end(told)
            raise told from None
        except asyncio.CancelledError:
            live.count(self._usage_of(operation, live, tail))
            raise
        usage = self._usage_of(operation, live, tail)
        live.count(usage)
        live.end()
        return usage

    async def _read(self, live: Stream, tail: StreamTail, show: Callable[[list[Chunk]], Awaitable[None]]) -> None:
        chunks: list[Chunk] | None = live.held
        while chunks is not None:
            tail.feed(chunks)
            await show(chunks)
            chunks = None if tail.has_usage else await live.next_chunks()

    async def _follow(self, operation: Operation, live: Stream, tail: StreamTail) -> AsyncIterator[list[bytes]]:
        """What goes out, from the first content to what is held for the end. Raises when the stream breaks."""
        pushed = self._pushed(operation, live, tail)
        try:
            chunks: list[Chunk] | None = live.held
            while chunks is not None:
                if ready := tail.feed(chunks):
                    yield ready
                if pushed is not None and not tail.has_usage and (left := await pushed.run()):
                    yield left
                chunks = None if tail.has_usage else await live.next_chunks()
        except PerpetuoError as error:
            told = broken_stream(error, operation.call.deadline, self._parts.clock.monotonic())
            self._count(operation, live, tail)
            live.end(told)
            raise told from None

    def _pushed(self, operation: Operation, live: Stream, tail: StreamTail) -> Pushed | None:
        """How what comes goes out without this task, if the caller takes it so."""
        push, content = operation.call.push, operation.content
        if push is None or not isinstance(live, LiveStream):
            return None
        return Pushed(live, tail, push, None if content is None else content.add, operation.call.pass_on)

    def _last(self, operation: Operation, live: Stream, tail: StreamTail) -> list[bytes]:
        """The end of a whole stream, which tells how the answer was got."""
        usage = self._count(operation, live, tail)
        live.end()
        operation.said = Said(tail.finish_reason, tail.model)
        operation.note(live.notes)
        return tail.close(operation.metadata(), usage)

    def _count(self, operation: Operation, live: Stream, tail: StreamTail) -> Usage:
        """Counts the tokens of a stream, once."""
        if operation.usage is None:
            operation.usage = self._usage_of(operation, live, tail)
            live.count(operation.usage)
        return operation.usage

    def _usage_of(self, operation: Operation, live: Stream, tail: StreamTail) -> Usage:
        if isinstance(live, ContinuedStream):
            return live.usage()
        # Of a stream that several follow only the one who reads it learns.
        learns = isinstance(live, LiveStream)
        return usage_of_stream(
            self._parts.calibration, live.candidate, tail, operation.ask.prompt_tokens, learns=learns
        )


async def _nothing() -> None:
    """Nothing has to be waited for."""


def _no_room(candidates: Sequence[Candidate]) -> bool:
    """Where there is no line it is not known of anybody."""
    return False
