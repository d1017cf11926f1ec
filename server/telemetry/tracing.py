"""Spans on their way to a collector, in OTLP over HTTP with JSON: kept for a moment, and sent together.

Requests never wait for it: spans are made when a request is settled and sent behind it, a bounded number waits, and
what finds no room, or what the collector does not take after some tries, is dropped and counted. Whoever makes it says
how the collector is reached.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct

from server.chat.records import OperationRecord
from server.chat.wire import Timeouts, Transport, WireRequest
from server.errors import PerpetuoError
from server.telemetry.spans import SCHEMA, Answered, NameOf, Span, parent_of, spans_of

MAX_WAITING: Final = 8192
MAX_SENT: Final = 512
EVERY_S: Final = 2.0

_TRIES: Final = 3
_CLOSE_S: Final = 3.0
_TIMEOUTS: Final = Timeouts(connect_s=2.0, first_byte_s=5.0, idle_s=5.0, total_s=10.0)
_LATER: Final = frozenset({429, 502, 503, 504})
_log: Final = logging.getLogger(__name__)


class TraceRules(Struct, frozen=True):
    """Where spans go and which: `url` is that of the collector, without `/v1/traces`, and `headers` go along.

    `ratio` of the requests whose callers trace nothing themselves are traced, from 0 to 1; where callers do, they
    decide. `resource` is what is told of this process.
    """

    url: str
    headers: Mapping[str, str] = {}
    ratio: float = 1.0
    resource: Mapping[str, str] = {}


class Tracing(Protocol):
    """Takes settled requests."""

    def settle(self, record: OperationRecord, parent: str, answered: Answered) -> None:
        """Takes one. `parent` is the header `traceparent`, empty without one."""


class SpanExporter:
    """Makes spans of settled requests and sends them. Belongs to one event loop; `close` it.

    `dropped` counts spans that were not sent.
    """

    def __init__(self, rules: TraceRules, transport: Transport, name_of: NameOf, chance: random.Random) -> None:
        self._rules = rules
        self._transport = transport
        self._name_of = name_of
        self._chance = chance
        self._waiting: deque[Span] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._sending: asyncio.Task[None] | None = None
        self._has_warned = False
        self._tries = 0
        self.dropped = 0

    def settle(self, record: OperationRecord, parent: str, answered: Answered) -> None:
        """See `Tracing.settle`."""
        caller = parent_of(parent) if parent else None
        is_wanted = self._chance.random() < self._rules.ratio if caller is None else caller.is_sampled
        if not is_wanted:
            return
        spans = spans_of(record, answered, caller, self._name_of, self._new_id)
        if len(self._waiting) + len(spans) > MAX_WAITING:
            self.dropped += len(spans)
            return
        self._waiting += spans
        self._wake(at_once=len(self._waiting) >= MAX_SENT)

    async def close(self) -> None:
        """Sends what waits, as far as the collector takes it soon."""
        try:
            async with asyncio.timeout(_CLOSE_S):
                if self._sending is not None:
                    await asyncio.wait([self._sending])
                while self._waiting and await self._send():
                    pass
        except TimeoutError:
            pass
        if self._timer is not None:
            self._timer.cancel()
        if self._sending is not None and not self._sending.done():
            self._sending.cancel()
            await asyncio.wait([self._sending])
        self.dropped += len(self._waiting)
        self._waiting.clear()
        await self._transport.close()

    def _new_id(self, size_bytes: int) -> str:
        return self._chance.randbytes(size_bytes).hex()

    def _wake(self, *, at_once: bool) -> None:
        """Sends soon, or now."""
        if self._sending is not None and not self._sending.done():
            return
        if at_once and self._tries == 0:
            self._begin()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(EVERY_S, self._begin)

    def _begin(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._sending = asyncio.get_running_loop().create_task(self._send_all(), name="spans")

    async def _send_all(self) -> None:
        while self._waiting:
            if not await self._send():
                break
        self._sending = None
        if self._waiting:
            self._wake(at_once=False)

    async def _send(self) -> bool:
        """Sends some; whether the collector is there for more."""
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_SENT))]
        try:
            is_taken, why = await self._post(batch)
        except asyncio.CancelledError:
            self.dropped += len(batch)
            raise
        if is_taken:
            self._tries = 0
            return True
        self._tries += 1
        if self._tries < _TRIES:
            self._waiting.extendleft(reversed(batch))
        else:
            self._tries = 0
            self.dropped += len(batch)
            self._warn(why)
        return False

    async def _post(self, batch: Sequence[Span]) -> tuple[bool, str]:
        """Whether a batch need not be sent again, and why it must."""
        headers = {"Content-Type": "application/json", "Accept": "application/json", **self._rules.headers}
        url = f"{self._rules.url.rstrip('/')}/v1/traces"
        request = WireRequest("POST", url, headers, _written(batch, self._rules.resource))
        try:
            response = await self._transport.send(request, _TIMEOUTS)
            try:
                await response.read()
            finally:
                await response.close()
        except PerpetuoError as error:
            return False, error.message
        if response.status in _LATER:
            return False, f"it answered {response.status}"
        if not 200 <= response.status < 300:
            self.dropped += len(batch)
            self._warn(f"it answered {response.status}")
        return True, ""

    def _warn(self, why: str) -> None:
        """Tells once that spans are lost; how many is in the metrics."""
        if not self._has_warned:
            self._has_warned = True
            _log.warning("The collector does not take spans, which are dropped: %s", why)


def _written(batch: Sequence[Span], resource: Mapping[str, str]) -> bytes:
    """A batch in the JSON encoding of OTLP."""
    told: list[dict[str, Any]] = [{"key": key, "value": {"stringValue": text}} for key, text in resource.items()]
    scope = {"scope": {"name": "perpetuo"}, "schemaUrl": SCHEMA, "spans": batch}
    return msgspec.json.encode({"resourceSpans": [{"resource": {"attributes": told}, "scopeSpans": [scope]}]})
