"""The attempt loop: candidates in order, until one answers or none is left.

Before the first content every failure of a provider moves on to the next candidate, unseen by the client; after it the
stream is committed, and a failure ends it. What happens is written into the operation's trace, attempt by attempt.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from server.chat.deployment import Candidate
from server.chat.request import ChatRequest
from server.chat.wire import Timeouts, Transport, WireResponse
from server.errors import (
    ClientGone,
    DeadlineExceeded,
    PerpetuoError,
    UpstreamStreamInterrupted,
)
from server.providers.dialect import Answer, Dialect
from server.routing.attempt import Attempt, Trace
from server.routing.dispatch.live import LiveStream, gate_for
from server.routing.retry import Move, flags_credential, move_after, verdict

_LEAST_TIME_S = 0.05

DialectOf = Callable[[str, ChatRequest], Dialect]
"""The dialect that serves a request at a provider."""

Flag = Callable[[str, str], None]
"""Provider entry id and reason: the entry's own credential was refused."""


@dataclass(frozen=True, slots=True)
class Served:
    """An answer, and who gave it."""

    candidate: Candidate
    answer: Answer


class Dispatcher:
    """Sends requests to upstreams."""

    def __init__(self, transport: Transport, dialect_of: DialectOf, timeouts: Timeouts, flag: Flag) -> None:
        self._transport = transport
        self._dialect_of = dialect_of
        self._timeouts = timeouts
        self._flag = flag

    async def complete(
        self, request: ChatRequest, candidates: Sequence[Candidate], deadline: float, trace: Trace
    ) -> Served:
        """The first answer that a candidate gives in one piece. Raises the verdict over all failures."""
        failures: list[PerpetuoError] = []
        for candidate in candidates:
            attempt = trace.begin(candidate)
            try:
                answer = await self._ask(request, attempt, deadline)
            except PerpetuoError as error:
                self._moves_on(attempt, error, failures)
                continue
            return Served(candidate, answer)
        raise verdict(failures)

    async def stream(
        self, request: ChatRequest, candidates: Sequence[Candidate], deadline: float, trace: Trace
    ) -> LiveStream:
        """A committed stream of the first candidate that has content. Raises the verdict over all failures."""
        failures: list[PerpetuoError] = []
        for candidate in candidates:
            attempt = trace.begin(candidate)
            try:
                return await self._open(request, attempt, deadline)
            except PerpetuoError as error:
                self._moves_on(attempt, error, failures)
        raise verdict(failures)

    def _moves_on(self, attempt: Attempt, error: PerpetuoError, failures: list[PerpetuoError]) -> None:
        attempt.fail(error)
        if flags_credential(error):
            self._flag(attempt.candidate.deployment.provider_id, error.reason)
        if move_after(error) is Move.STOP:
            raise error
        failures.append(error)

    async def _send(self, request: ChatRequest, attempt: Attempt, deadline: float, *, is_stream: bool) -> WireResponse:
        left_s = deadline - attempt.clock.monotonic()
        if left_s < _LEAST_TIME_S:
            raise DeadlineExceeded("The time for this request ran out before a provider could be asked.")
        dialect = self._dialect_of(attempt.candidate.deployment.provider, request)
        request.forget()  # what was noted for a candidate that failed does not concern the next
        wire = dialect.build(request, attempt.candidate, is_stream=is_stream)
        bounds = self._timeouts
        bounds = Timeouts(bounds.connect_s, bounds.first_byte_s, bounds.idle_s, left_s)
        response = await self._transport.send(wire, bounds)
        attempt.status = response.status
        return response

    async def _ask(self, request: ChatRequest, attempt: Attempt, deadline: float) -> Answer:
        dialect = self._dialect_of(attempt.candidate.deployment.provider, request)
        try:
            response = await self._send(request, attempt, deadline, is_stream=False)
            try:
                body = await response.read()
                attempt.saw_answer()
                return dialect.answer(response.status, response.headers, body)
            finally:
                await response.close()
        except PerpetuoError as error:
            raise _as_deadline(error, attempt, deadline) from None

    async def _open(self, request: ChatRequest, attempt: Attempt, deadline: float) -> LiveStream:
        dialect = self._dialect_of(attempt.candidate.deployment.provider, request)
        response: WireResponse | None = None
        try:
            response = await self._send(request, attempt, deadline, is_stream=True)
            if not dialect.is_stream(response.status, response.headers):
                raise dialect.error(response.status, response.headers, await response.read())
            live = LiveStream(response, dialect, attempt, gate_for(request))
            await live.open()
            response = None
            return live
        except PerpetuoError as error:
            raise _as_deadline(error, attempt, deadline) from None
        finally:
            if response is not None:
                await response.close()


def _as_deadline(error: PerpetuoError, attempt: Attempt, deadline: float) -> PerpetuoError:
    """A provider's time-out that was the caller's own deadline is told as such."""
    if error.reason == "UPSTREAM_TIMEOUT" and deadline - attempt.clock.monotonic() < _LEAST_TIME_S:
        return DeadlineExceeded("The time for this request ran out while a provider was being asked.")
    return error


def broken_stream(error: PerpetuoError, deadline: float, now: float) -> PerpetuoError:
    """What a client is told of a stream that failed after its first content."""
    if isinstance(error, ClientGone | DeadlineExceeded | UpstreamStreamInterrupted):
        return error
    if deadline - now < _LEAST_TIME_S:
        return DeadlineExceeded("The time for this request ran out while the answer was being written.")
    return UpstreamStreamInterrupted(
        f"The provider's stream broke before it was complete: {error.message}", details={"cause": error.reason}
    )
