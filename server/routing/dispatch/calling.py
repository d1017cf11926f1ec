"""One call to one candidate: what is sent, and what comes of it, in one piece or as a stream.

What costs nothing to be known before is left to others: whom to call, when to call again, and whom it concerns that a
call failed. Everything that it raises is the failure of that call.
"""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from server.chat.request import ChatRequest
from server.chat.wire import Coming, WireResponse
from server.errors import PerpetuoError, UpstreamBadResponse
from server.providers.dialect import Answer, Dialect
from server.routing.attempt import Attempt
from server.routing.course import Step
from server.routing.dispatch.buffered import hold_whole
from server.routing.dispatch.errand import Errand
from server.routing.dispatch.folded import JSON, fold, is_declared_stream, is_kind_of_stream
from server.routing.dispatch.live import LiveStream, gate_for
from server.routing.dispatch.sending import Sending, Sent

DialectOf = Callable[[str, ChatRequest], Dialect]
"""The dialect that serves a request at a provider."""

Broke = Callable[[Attempt, PerpetuoError], None]
"""Is told of a stream that failed after its first content."""

_PAGE: Final = "html"


class Served(Struct, frozen=True, gc=False):
    """An answer, and the attempt that brought it."""

    attempt: Attempt
    answer: Answer


class Caller:
    """Makes calls. `broke` is told of streams that fail after their first content."""

    __slots__ = ("_broke", "dialect_of", "sending")

    def __init__(self, sending: Sending, dialect_of: DialectOf, broke: Broke) -> None:
        self.sending = sending
        self.dialect_of = dialect_of
        self._broke = broke

    async def ask(self, errand: Errand, step: Step, attempt: Attempt) -> Served:
        """An answer in one piece, however it comes."""
        dialect = self.dialect_of(step.candidate.deployment.provider, errand.request)
        sent = self.sending.begin(errand, step, dialect, step.is_streamed)
        return await self.heard(errand, step, attempt, sent)

    async def heard(self, errand: Errand, step: Step, attempt: Attempt, sent: Sent) -> Served:
        """The same of what was sent, which nothing is left of after it."""
        coming, others = sent
        response = coming if others is None else await others
        assert response is not None
        dialect = self.dialect_of(step.candidate.deployment.provider, errand.request)
        try:
            if coming is not None:
                await coming
                if not coming.has_headers:
                    response = await coming.instead()
            status, headers = response.status, response.headers
            attempt.heard(status, headers)
            may_be_stream = step.is_streamed or is_declared_stream(headers)
            if may_be_stream and dialect.is_stream(status, headers):
                live = LiveStream(response, dialect, attempt, gate_for(errand.request), self._broke)
                return Served(attempt, await fold(live, errand))
            body = await response.read()
            attempt.saw_answer()
            return Served(attempt, dialect.answer(status, headers, body))
        except UpstreamBadResponse as error:
            raise _as_page(error, response) from None
        finally:
            await response.close()

    async def open(self, errand: Errand, step: Step, attempt: Attempt) -> LiveStream:
        """A stream that has content, or is held whole."""
        dialect = self.dialect_of(step.candidate.deployment.provider, errand.request)
        coming, others = self.sending.begin(errand, step, dialect, True)
        response = coming if others is None else await others
        assert response is not None
        is_open = False
        try:
            if coming is not None:
                await coming
                if not coming.has_headers:
                    response = await coming.instead()
            attempt.heard(response.status, response.headers)
            if not dialect.is_stream(response.status, response.headers):
                raise dialect.error(response.status, response.headers, await response.read())
            live = LiveStream(response, dialect, attempt, gate_for(errand.request), self._broke)
            await live.open()
            if errand.mode == "buffered":
                await hold_whole(live, errand)
            is_open = True
            return live
        except UpstreamBadResponse as error:
            raise _as_page(error, response) from None
        finally:
            if not is_open:
                await response.close()


def at_once(dialect: Dialect, coming: Coming, attempt: Attempt) -> Served | None:
    """What came whole with its headers, as most answers do; None if it has to be `heard`: it was not touched."""
    kind = coming.kind
    if (kind != JSON and is_kind_of_stream(kind)) or (body := coming.whole()) is None:
        return None
    status, headers = coming.status, coming.headers
    attempt.heard(status, headers, True)
    try:
        return Served(attempt, dialect.answer(status, headers, body))
    except UpstreamBadResponse as error:
        raise _as_page(error, coming) from None


def _as_page(error: UpstreamBadResponse, response: WireResponse) -> UpstreamBadResponse:
    """An answer that is a page for people is told as such: no model wrote it."""
    if _PAGE not in response.headers.get("content-type", "").lower():
        return error
    return UpstreamBadResponse("The provider answered with a page instead of an answer.", details={"kind": "page"})
