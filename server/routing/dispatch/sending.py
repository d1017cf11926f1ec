"""What is sent for one call, and within which times: the dialect builds it, and the transport gets it.

What costs nothing to be known before is left to others: who is asked, and what an answer means. It notes nothing, and
judges no failure.
"""

from collections.abc import Awaitable
from typing import TypeAlias

from server.chat.deployment import Candidate
from server.chat.media import is_for_bytes
from server.chat.wire import Coming, Transport, WireRequest, WireResponse, begun
from server.errors import ParamUnsupported
from server.providers.dialect import Dialect
from server.routing.course import Step
from server.routing.dispatch.continued import PrefillOf
from server.routing.dispatch.errand import Errand
from server.routing.patience import Patience, reasons
from server.upstream.pictures import Fetch

Sent: TypeAlias = tuple[Coming | None, Awaitable[WireResponse] | None]
"""A response of what was sent at once, or else what has to be awaited for one."""


class Sending:
    """Sends calls. `fetch` gets pictures by address for candidates that take only bytes; None where nobody does."""

    def __init__(self, transport: Transport, patience: Patience, prefill_of: PrefillOf, fetch: Fetch | None) -> None:
        self._transport = transport
        self._limits = patience.limits
        self._prefill_of = prefill_of
        self._fetch = fetch

    def begin(self, errand: Errand, step: Step, dialect: Dialect, is_stream: bool, now_s: float | None = None) -> Sent:
        """Sends at once what can be sent so, else gives what is to be awaited for it. Raises what the dialect does.

        `now_s` is now on the loop's clock, for who has looked at it.
        """
        request, candidate = errand.request, step.candidate
        if request.told:
            request.forget()  # what was noted for a candidate that failed does not concern the next
        if step.is_plain:
            request = request.without_usage()
        try:
            wire = dialect.build(request, candidate, is_stream=is_stream)
        except ParamUnsupported as refusal:
            if self._fetch is None or not is_for_bytes(refusal):
                raise
            return None, self._send_fetched(self._fetch, errand, step, dialect, is_stream)
        if errand.goes_on:
            wire = self._marked(wire, errand, candidate)
        if now_s is None:
            now_s = errand.trace.clock.monotonic()
        is_reasoning, limits_of = reasons(request.view, candidate.facts), self._limits
        limits = limits_of(is_stream, is_reasoning, errand.prompt_tokens, errand.deadline - now_s)
        coming = begun(wire, limits, now_s)
        return (None, self._transport.send(wire, limits)) if coming is None else (coming, None)

    async def _send_fetched(
        self, fetch: Fetch, errand: Errand, step: Step, dialect: Dialect, is_stream: bool
    ) -> WireResponse:
        """The same for a candidate that takes only the bytes of pictures."""
        request, candidate = errand.request.without_usage() if step.is_plain else errand.request, step.candidate
        request.forget()
        request = await fetch(request, errand.deadline - errand.trace.clock.monotonic())
        wire = dialect.build(request, candidate, is_stream=is_stream)
        left_s, is_reasoning = errand.deadline - errand.trace.clock.monotonic(), reasons(request.view, candidate.facts)
        limits = self._limits(is_stream, is_reasoning, errand.prompt_tokens, left_s)
        return await self._transport.send(self._marked(wire, errand, candidate), limits)

    def _marked(self, wire: WireRequest, errand: Errand, candidate: Candidate) -> WireRequest:
        """The request as it says that the assistant's last message is to be gone on with, if it is."""
        if errand.goes_on and (prefill := self._prefill_of(candidate)) is not None:
            return prefill.marked(wire)
        return wire
