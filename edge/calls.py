"""One HTTP request carried by one gRPC call: unary answers, streams, and what becomes of either when it fails.

The call is cancelled on every path, at once when the client leaves. An error before the first message of a stream is an
HTTP status; after it, it is the stream's last event.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

import grpc
from google.protobuf.message import Message
from msgspec import Struct

from edge.cycle import Cycle, cycle_of
from edge.departure import DepartureWatch
from edge.direct import DOUBLED, JSON_LINES, Direct, DirectStream
from edge.errors import ErrorCatalogue, Failure, headers_of
from edge.ids import new_request_id
from edge.intake import JSON, Receive
from edge.sse import HeaderList, Send, StreamWriter, framing_of
from edge.styles import Style, error_body, in_stream
from edge.transcoder.binding import Binding
from edge.transcoder.headers import Metadata, accepts_trailers, outbound, outbound_lines, outbound_trailers

GONE: Final = 499
"""The status of a request whose client left before it was answered."""

_LOGGER: Final = logging.getLogger(__name__)
_UNAVAILABLE: Final = 14
_INTERNAL: Final = 13
_REQUEST_ID: Final = b"x-request-id"
_OWN_ON_ERROR: Final = frozenset({_REQUEST_ID, b"request-id", b"retry-after", b"x-should-retry"})
NOSNIFF_LINE: Final = b"x-content-type-options: nosniff\r\n"
NOSNIFF: Final = (b"x-content-type-options", b"nosniff")
_JSON: Final = (b"content-type", b"application/json")

MultiCallable = Callable[..., Any]


class Endpoint(Struct, frozen=True):
    """A binding with the call that serves it, made once."""

    binding: Binding
    call: MultiCallable
    twin: "Endpoint | None"
    header_twin: "tuple[bytes, Endpoint] | None"
    """A header, and what serves requests with it."""
    is_json: bool
    """Its body, if any, has to be JSON."""
    max_body_bytes: int
    here: MultiCallable | None = None
    """Makes calls that run in the task that awaits them, if the channel has such; they tell their metadata at once."""
    direct: Direct | None = None
    """Makes calls of one body each way, if the method is such a one and the channel has a way for it."""
    direct_stream: DirectStream | None = None
    """The same where the answer is streamed."""


class Exchange(Struct, frozen=True):
    """One request on its way: what to send, and the connection to answer on."""

    message: Message
    metadata: Metadata
    timeout_s: float | None
    receive: Receive
    send: Send
    te: str
    style: Style
    """How its errors are written."""
    cycle: Cycle | None = None
    """The connection, if it is one of our own server and nothing stands before it."""


class Caller(Struct, frozen=True):
    """Makes calls and answers with what they bring. Holds nothing of a request."""

    catalogue: ErrorCatalogue
    heartbeat_s: float

    async def serve(self, endpoint: Endpoint, exchange: Exchange) -> int:
        """Answers a request; gives the status. A client that leaves is answered nothing: 499."""
        make = endpoint.here or endpoint.call
        try:
            call = make(exchange.message, metadata=exchange.metadata, timeout=exchange.timeout_s)
        except grpc.aio.UsageError:
            return await self.refuse_late(exchange.send, exchange.style)
        watch = DepartureWatch(exchange.receive, call.cancel)
        try:
            if endpoint.binding.is_server_streaming:
                return await self._stream(endpoint, call, exchange)
            return await self._unary(endpoint, call, exchange)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not watch.has_gone or (task is not None and task.cancelling()):
                raise
            return GONE
        finally:
            watch.stop()
            call.cancel()

    async def refuse(self, failure: Failure, send: Send, style: Style, headers: HeaderList | None = None) -> int:
        """Answers with an error; gives its status."""
        body = error_body(failure, style)
        extra = [entry for entry in headers or () if entry[0] not in _OWN_ON_ERROR]
        await respond(send, failure.http_status, [*headers_of(failure), *extra, _JSON], body)
        return failure.http_status

    async def _unary(self, endpoint: Endpoint, call: Any, exchange: Exchange) -> int:
        binding, is_here = endpoint.binding, endpoint.here is not None
        try:
            answer = await call
            if is_here:
                initial, trailing = call.received_metadata
            else:
                initial, trailing = await call.initial_metadata(), await call.trailing_metadata()
        except grpc.aio.AioRpcError as error:
            return await self.refuse_call(error, exchange.send, exchange.style, exchange.te)
        except asyncio.CancelledError:
            if is_stopped():
                await self.refuse_late(exchange.send, exchange.style)
            raise
        raw = binding.raw(answer) if binding.raw is not None else None
        try:
            body = binding.encode(answer) if raw is None or binding.is_wrapped else raw.data
        except ValueError:
            return await self._refuse_defect(binding, answer_headers(initial, trailing, exchange.te), exchange)
        content_type = JSON if raw is None else raw.content_type
        if exchange.cycle is not None and content_type == JSON and not trailing:
            lines = outbound_lines(initial, DOUBLED)
            if lines is not None:
                await exchange.cycle.answer(200, lines + JSON_LINES, body)
                return 200
        headers = answer_headers(initial, trailing, exchange.te)
        headers.append((b"content-type", _media_type(content_type)))
        await respond(exchange.send, 200, headers, body)
        return 200

    async def _stream(self, endpoint: Endpoint, call: Any, exchange: Exchange) -> int:
        out = _Streamed(endpoint.binding, call, exchange, self.heartbeat_s)
        try:
            if endpoint.here is not None:
                await call.into(out.take)
            else:
                async for message in call:
                    await out.take(message)
            await out.finish()
        except grpc.aio.AioRpcError as error:
            if not out.is_open:
                return await self.refuse_call(error, exchange.send, exchange.style, exchange.te)
            await out.fail(self.catalogue.of_call(error, request_id_in(out.headers)))
        except ValueError:
            if not out.is_open:
                raise
            _LOGGER.exception("A streamed message of %s has no JSON form", endpoint.binding.rpc)
            await out.fail(self.catalogue.of_status(_INTERNAL, request_id_in(out.headers)))
        except asyncio.CancelledError:
            if is_stopped():
                if out.is_open:
                    await out.fail(self.catalogue.of_status(_UNAVAILABLE, request_id_in(out.headers)))
                else:
                    await self.refuse_late(exchange.send, exchange.style)
            raise
        finally:
            out.stop()
        return 200

    async def refuse_call(self, error: grpc.aio.AioRpcError, send: Send, style: Style, te: str) -> int:
        """Answers with the error of a call; gives its status."""
        failure = self.catalogue.of_call(error)
        if not failure.request_id:
            failure = self.catalogue.of_call(error, new_request_id())
        headers = _metadata_headers(error.initial_metadata(), error.trailing_metadata(), te)
        return await self.refuse(failure, send, style, headers)

    async def refuse_late(self, send: Send, style: Style) -> int:
        """Answers where the server stops, or the channel is closed; gives the status."""
        failure = self.catalogue.of_status(_UNAVAILABLE, new_request_id())
        return await self.refuse(failure, send, style)

    async def _refuse_defect(self, binding: Binding, headers: HeaderList, exchange: Exchange) -> int:
        request_id = request_id_in(headers)
        _LOGGER.exception("The answer of %s to %s has no JSON form", binding.rpc, request_id)
        failure = self.catalogue.of_status(_INTERNAL, request_id)
        return await self.refuse(failure, exchange.send, exchange.style)


class _Streamed:
    """A streamed answer on its way out: its head with the first message, every message as it comes, and its end.

    Nothing is sent before the first message, so that an error until then can be a status. `stop` it on every path.
    """

    __slots__ = ("_binding", "_call", "_exchange", "_heartbeat_s", "_writer", "headers")

    def __init__(self, binding: Binding, call: Any, exchange: Exchange, heartbeat_s: float) -> None:
        self._binding = binding
        self._call = call
        self._exchange = exchange
        self._heartbeat_s = heartbeat_s
        self._writer: StreamWriter | None = None
        self.headers: HeaderList = []

    @property
    def is_open(self) -> bool:
        """Whether the status is told."""
        return self._writer is not None

    async def take(self, message: Message) -> None:
        """Sends a message; returns when the connection takes more. ValueError for one that has no JSON form."""
        writer = self._writer
        if writer is not None:
            await writer.write(self._binding.events(message))
            return
        writer = await self._open(message)
        await writer.write(self._binding.events(message))
        # What comes is written without waking this task from now on, where the channel and the connection both can.
        hand_to: Callable[[Callable[[Sequence[bytes]], bool]], None] | None = getattr(self._call, "hand_to", None)
        if hand_to is not None and self._binding.is_batch:
            hand_to(writer.push)

    async def finish(self) -> None:
        """Ends a stream that is complete."""
        await (self._writer or await self._open(None)).finish()

    async def fail(self, failure: Failure) -> None:
        """Ends a stream that broke."""
        writer = self._writer
        assert writer is not None
        style = in_stream(self._exchange.style, is_named=writer.is_named)
        await writer.fail(error_body(failure, style, writer.events))

    def stop(self) -> None:
        """Lets nothing be sent any more that nobody asks for."""
        if self._writer is not None:
            self._writer.stop()

    async def _open(self, first: Message | None) -> StreamWriter:
        call, binding, exchange = self._call, self._binding, self._exchange
        told = getattr(call, "received_metadata", None)
        initial = await call.initial_metadata() if told is None else told
        framing = None if binding.raw is not None else framing_of(binding.framing)
        cycle = cycle_of(exchange.receive)
        push = None if cycle is None else cycle.push
        lines = None if exchange.cycle is None or framing is None else outbound_lines(initial, DOUBLED)
        if lines is not None and exchange.cycle is not None and framing is not None:
            self.headers = [(_REQUEST_ID, next(iter(initial))[1].encode())]
            writer = self._writer = StreamWriter(exchange.send, framing, self._heartbeat_s, push)
            await exchange.cycle.open(lines + framing.lines + NOSNIFF_LINE)
            writer.watch()
            return writer
        self.headers = answer_headers(initial, (), "")
        if binding.raw is not None and first is not None:
            self.headers.append((b"content-type", _media_type(binding.raw(first).content_type)))
        writer = self._writer = StreamWriter(exchange.send, framing, self._heartbeat_s, push)
        await writer.open([*self.headers, NOSNIFF])
        return writer


def is_stopped() -> bool:
    """Whether this task is cancelled, as only a server does that stops, and not the call that it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def respond(send: Send, status: int, headers: HeaderList, body: bytes) -> None:
    """Sends one whole response."""
    headers = [*headers, NOSNIFF, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def own_headers() -> HeaderList:
    """What every answer carries that no call had a part in."""
    request_id = new_request_id().encode()
    return [(_REQUEST_ID, request_id), (b"request-id", request_id), NOSNIFF]


def answer_headers(initial: Any, trailing: Any, te: str) -> HeaderList:
    """The headers that metadata make, with the request's id under both its names, ours if the call brought none."""
    headers = _metadata_headers(initial, trailing, te)
    told = [value for name, value in headers if name == _REQUEST_ID]
    request_id = next(filter(None, told), None) or new_request_id().encode()
    return [
        (_REQUEST_ID, request_id),
        (b"request-id", request_id),
        *[entry for entry in headers if entry[0] != _REQUEST_ID],
    ]


def _metadata_headers(initial: Any, trailing: Any, te: str) -> HeaderList:
    headers = outbound(initial or ())
    if trailing:
        headers += outbound_trailers(trailing, accepts_trailers=bool(te) and accepts_trailers([te]))
    return headers


def request_id_in(headers: HeaderList) -> str:
    """The id of a request among the headers of its answer, empty if there is none."""
    return next((value.decode("ascii", "replace") for name, value in headers if name == _REQUEST_ID), "")


def _media_type(content_type: str) -> bytes:
    """A content type that can stand in a header; JSON for one that is absent or cannot."""
    if content_type and content_type.isascii() and content_type.isprintable():
        return content_type.encode()
    return b"application/json"
