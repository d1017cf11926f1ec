"""The path of a chat completion: admit, choose, dispatch, settle. The page to read first.

Both faces and both forms of the completion methods end here, with a call (who asks, until when) and the JSON of the
request. Whatever happens, the operation is settled exactly once: one record goes to the ledger.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from server.chat.answer import finish_answer
from server.chat.estimate import estimate_text_tokens
from server.chat.ids import new_id
from server.chat.knobs import knobs_from
from server.chat.principal import Call
from server.chat.request import ChatRequest, parse_chat_request
from server.chat.usage import Usage
from server.errors import ClientGone, PerpetuoError, UpstreamBadResponse
from server.ledger.ledger import Ledger
from server.providers.dialect import Chunk
from server.routing.attempt import Clock, Price, Trace
from server.routing.dispatch import Dispatcher, LiveStream, Served, broken_stream
from server.routing.operation import Operation
from server.routing.router import Router
from server.routing.tail import StreamTail

_USAGE_WAIT_S = 2.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What the pipeline is made of."""

    router: Router
    dispatcher: Dispatcher
    ledger: Ledger
    clock: Clock
    price: Price


class Pipeline:
    """Serves chat completions."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def complete(self, call: Call, body: bytes) -> bytes:
        """The answer in one piece, as the JSON of a chat completion. Raises the reason when there is none."""
        operation = self._begin(call, is_stream=False)
        try:
            request = await self._admit(operation, body)
            served = await self._parts.dispatcher.complete(
                request, operation.candidates, call.deadline, operation.trace
            )
            return _finished(operation, served)
        except (PerpetuoError, asyncio.CancelledError) as error:
            operation.fail(_reason(error))
            raise
        finally:
            self._settle(operation)

    async def stream(self, call: Call, body: bytes) -> AsyncIterator[list[bytes]]:
        """The answer as it is written: lists of event data that came together.

        Raises the reason when there is none or when it breaks; what ends without an exception is complete.
        """
        operation = self._begin(call, is_stream=True)
        live: LiveStream | None = None
        tail = StreamTail(new_id("chatcmpl-"))
        try:
            request = await self._admit(operation, body)
            live = await self._parts.dispatcher.stream(request, operation.candidates, call.deadline, operation.trace)
            operation.served = live.candidate
            tail.wants_usage = request.wants_usage
            async for ready in self._follow(operation, live, tail):
                operation.is_committed = True
                yield ready
            yield self._last(operation, live, tail)
        except (PerpetuoError, asyncio.CancelledError, GeneratorExit) as error:
            operation.fail(_reason(error))
            raise
        finally:
            if live is not None:
                await live.close()
                _count(operation, live, tail)
            self._settle(operation)

    def _begin(self, call: Call, *, is_stream: bool) -> Operation:
        return Operation(call, Trace(self._parts.clock, self._parts.price), is_stream)

    def _settle(self, operation: Operation) -> None:
        """Leaves the record with the ledger, and what the attempts came to with the router."""
        record = operation.record()
        self._parts.router.note(record.attempts, is_stream=record.is_stream)
        self._parts.ledger.record(record)

    async def _admit(self, operation: Operation, body: bytes) -> ChatRequest:
        """Reads the request, and finds who may serve it."""
        call, router = operation.call, self._parts.router
        request = parse_chat_request(body, stream=operation.is_stream)
        operation.notes = request.notes
        operation.model_requested = request.model or ""
        asked = await router.read(request, knobs_from(request, call.knobs), call)
        operation.strategy = asked.ask.strategy
        operation.prompt_tokens = asked.ask.prompt_tokens
        operation.complexity = asked.ask.complexity
        operation.candidates = (await router.decide(asked.ask, call.principal.workspace_id)).candidates
        return request

    async def _follow(self, operation: Operation, live: LiveStream, tail: StreamTail) -> AsyncIterator[list[bytes]]:
        """What goes out, from the first content to what is held for the end. Raises when the stream breaks."""
        try:
            chunks: list[Chunk] | None = live.held
            while chunks is not None:
                if ready := tail.feed(chunks):
                    yield ready
                chunks = None if tail.has_usage else await _next_chunks(live, tail)
            if not (tail.is_finished or live.is_done):
                raise UpstreamBadResponse("The provider closed the stream before the answer was complete.")
        except PerpetuoError as error:
            told = broken_stream(error, operation.call.deadline, self._parts.clock.monotonic())
            _count(operation, live, tail)
            live.attempt.fail(told)
            raise told from None

    def _last(self, operation: Operation, live: LiveStream, tail: StreamTail) -> list[bytes]:
        """The end of a whole stream, which tells how the answer was got."""
        usage = _count(operation, live, tail)
        live.attempt.end()
        operation.notes.extend(live.notes)
        return tail.close(operation.metadata(), usage, int(self._parts.clock.now().timestamp()))


def _count(operation: Operation, live: LiveStream, tail: StreamTail) -> Usage:
    """The tokens of a stream as far as it came: reported, else as many as there were pieces of content."""
    if operation.usage is None:
        operation.usage = live.attempt.usage = tail.usage or Usage(
            input_tokens=operation.prompt_tokens, output_tokens=tail.content_chunks, is_estimated=True
        )
    return operation.usage


async def _next_chunks(live: LiveStream, tail: StreamTail) -> list[Chunk] | None:
    """The next chunks; once the answer has ended only for as long as the usage is worth waiting for."""
    if not tail.waits_only_for_usage:
        return await live.next_chunks()
    try:
        async with asyncio.timeout(_USAGE_WAIT_S):
            return await live.next_chunks()
    except TimeoutError:
        return None


def _finished(operation: Operation, served: Served) -> bytes:
    """The answer as the client gets it, with what the gateway has to say."""
    answer = served.answer
    operation.served = served.candidate
    operation.usage = answer.facts.usage or Usage(
        input_tokens=operation.prompt_tokens,
        output_tokens=estimate_text_tokens(answer.body.decode("utf-8", "replace")),
        is_estimated=True,
    )
    attempt = operation.trace.attempts[-1]
    attempt.usage = operation.usage
    attempt.end()
    return finish_answer(answer.body, answer_id=new_id("chatcmpl-"), metadata=operation.metadata())


def _reason(error: BaseException) -> PerpetuoError:
    return error if isinstance(error, PerpetuoError) else ClientGone("The caller left.")
