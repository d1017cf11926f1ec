"""The HTTP/1.1 client of upstreams: one connection pool for the process, on aiohttp.

It sends what a dialect built and hands back what arrived; it knows no provider and parses no body. Headers and bodies
are never logged, and failures name neither host nor URL, since both can be a tenant's secret. What aiohttp does by
itself is turned off where we decide: environment proxies, cookies, redirects, compressed answers and its own retry.
Bounds are those of `Timeouts`, the byte limits here, and `egress` for where connections may go.
"""

import asyncio
import io
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.resolver import DefaultResolver

from server.chat.wire import Timeouts, WireRequest
from server.errors import UpstreamBadResponse, UpstreamReset
from server.upstream.egress import GuardedResolver, guarded_socket
from server.upstream.failures import ANSWER_HAD_BEGUN, Exchange, body_failure, is_stale, send_failure

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""The longest body that is read, after decompression."""

MAX_INFLATION: Final = 100
"""How many times its compressed size a body may become; looked at once it is longer than `INFLATION_FREE_BYTES`."""

INFLATION_FREE_BYTES: Final = 1024 * 1024

READ_BUFFER_BYTES: Final = 256 * 1024
KEEP_ALIVE_S: Final = 15.0
DNS_TTL_S: Final = 10

_LARGE_BYTES: Final = 1024 * 1024


class _Handler(ResponseHandler):
    """aiohttp's protocol, which forgets two facts that we need when a connection breaks.

    Whether any byte of this answer had come (then nothing may be sent again), and that a body without a length did not
    end but broke.
    """

    _has_answered = False

    def set_response_params(self, **params: Any) -> None:
        self._has_answered = False
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        self._has_answered = True
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        if exc is not None and self._payload is not None:
            self._payload.set_exception(aiohttp.ClientPayloadError("The connection was reset."))
        super().connection_lost(exc)
        failure = self.exception()
        if self._has_answered and failure is not None:
            failure.add_note(ANSWER_HAD_BEGUN)


class AiohttpTransport:
    """The transport of `http` and `https` upstreams.

    Made in any thread; connections are opened in the loop of the first `send` and belong to it. `tls` replaces the
    system's trust store, `resolver` its names. Raises what `server.chat.wire.Transport` says.
    """

    def __init__(
        self,
        *,
        allow_private_upstreams: bool = False,
        user_agent: str = "perpetuo",
        max_body_bytes: int = MAX_BODY_BYTES,
        tls: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._allow_private = allow_private_upstreams
        self._headers = {"User-Agent": user_agent, "Accept-Encoding": "identity"}
        self._max_body_bytes = max_body_bytes
        self._tls = tls
        self._resolver = resolver
        self._pooled: aiohttp.ClientSession | None = None
        self._fresh: aiohttp.ClientSession | None = None
        self._dialled: ContextVar[list[socket.socket]] = ContextVar("dialled")

    async def send(self, request: WireRequest, timeouts: Timeouts) -> "AiohttpResponse":
        """Sends a request and waits for the response's headers.

        A pooled connection that the upstream closed before it sent a byte is not a failure: the request goes out once
        more, on a connection that is certainly new.
        """
        if self._pooled is None:
            self._pooled = self._session(force_close=False)
        exchange = Exchange(request.url, timeouts, [])
        self._dialled.set(exchange.dialled)
        try:
            return await self._exchange(self._pooled, request, timeouts)
        except (aiohttp.ClientError, TimeoutError) as error:
            if not is_stale(error, exchange):
                raise send_failure(error, exchange) from error
        if self._fresh is None:
            self._fresh = self._session(force_close=True)
        try:
            return await self._exchange(self._fresh, request, timeouts)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise send_failure(error, exchange) from error

    async def close(self) -> None:
        """Closes every connection, those in use too."""
        for session in (self._pooled, self._fresh):
            if session is not None:
                await session.close()

    async def _exchange(
        self, session: aiohttp.ClientSession, request: WireRequest, timeouts: Timeouts
    ) -> "AiohttpResponse":
        body = request.body
        response = await session.request(
            request.method,
            request.url,
            headers=request.headers,
            data=body if len(body) <= _LARGE_BYTES else io.BytesIO(body),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(
                total=timeouts.total_s, connect=timeouts.connect_s, sock_read=timeouts.first_byte_s
            ),
        )
        connection = response.connection
        protocol = None if connection is None else connection.protocol
        if protocol is not None:
            protocol.read_timeout = timeouts.idle_s
            protocol.start_timeout()
        return AiohttpResponse(response, timeouts, self._max_body_bytes)

    def _session(self, force_close: bool) -> aiohttp.ClientSession:
        resolver = self._resolver or DefaultResolver()
        connector = aiohttp.TCPConnector(
            limit=0,
            force_close=force_close,
            keepalive_timeout=None if force_close else KEEP_ALIVE_S,
            ttl_dns_cache=DNS_TTL_S,
            ssl=True if self._tls is None else self._tls,
            resolver=resolver if self._allow_private else GuardedResolver(resolver),
            socket_factory=guarded_socket(self._allow_private, self._note_dialled),
        )
        loop = asyncio.get_running_loop()
        connector._factory = lambda: _Handler(loop)  # type: ignore[assignment]
        session = aiohttp.ClientSession(
            connector=connector,
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            read_bufsize=READ_BUFFER_BYTES,
        )
        session._retry_connection = False
        return session

    def _note_dialled(self, opened: socket.socket) -> None:
        self._dialled.get().append(opened)


class AiohttpResponse:
    """An answer whose headers have arrived; also the iterator over its body."""

    __slots__ = ("_bytes_read", "_headers", "_max_body_bytes", "_response", "_timeouts", "status")

    def __init__(self, response: aiohttp.ClientResponse, timeouts: Timeouts, max_body_bytes: int) -> None:
        self.status = response.status
        self._response = response
        self._timeouts = timeouts
        self._max_body_bytes = max_body_bytes
        self._headers: dict[str, str] | None = None
        self._bytes_read = 0

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, names in lower case, of repeated ones the first."""
        if self._headers is None:
            self._headers = {}
            for name, value in self._response.headers.items():
                self._headers.setdefault(name.lower(), value)
        return self._headers

    async def read(self) -> bytes:
        """The whole body; see `server.chat.wire.WireResponse`."""
        length = self._response.content_length
        if length is not None and length > self._max_body_bytes:
            raise self._too_large()
        data = await self._next()
        if self._response.content.at_eof():
            return data
        parts = [data]
        while data := await self._next():
            parts.append(data)
        return b"".join(parts)

    def chunks(self) -> AsyncIterator[bytes]:
        """The body in pieces as they arrive; see `server.chat.wire.WireResponse`."""
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        data = await self._next()
        if not data:
            raise StopAsyncIteration
        return data

    async def close(self) -> None:
        """Ends the exchange at once: what is unread or unsent is dropped with the connection."""
        connection = self._response.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()
        self._response.close()

    async def _next(self) -> bytes:
        """The next piece of the body, empty at its end. Pieces that came before a failure come before the failure."""
        content = self._response.content
        try:
            data = await content.readany()
        except (aiohttp.ClientError, TimeoutError) as error:
            data = _left_over(content, error)
            if not data:
                raise body_failure(error, self._timeouts) from error
        except RuntimeError as error:
            raise UpstreamReset("The connection to the provider was closed while its answer was read.") from error
        self._bytes_read += len(data)
        if self._bytes_read > INFLATION_FREE_BYTES:
            self._check_size(content)
        return data

    def _check_size(self, content: aiohttp.StreamReader) -> None:
        if self._bytes_read > self._max_body_bytes:
            raise self._too_large()
        compressed = content.total_compressed_bytes
        if compressed is not None and content.total_bytes > MAX_INFLATION * compressed:
            raise UpstreamBadResponse(f"The provider's answer inflates to more than {MAX_INFLATION} times its size.")

    def _too_large(self) -> UpstreamBadResponse:
        limit = self._max_body_bytes
        return UpstreamBadResponse(
            f"The provider's answer is longer than {limit} bytes.", details={"limitBytes": str(limit)}
        )


def _left_over(content: aiohttp.StreamReader, error: Exception) -> bytes:
    """What had arrived before a failure; nothing once the time for everything is up."""
    if not isinstance(error, aiohttp.ClientError):
        return b""
    try:
        return content._read_nowait(-1)
    except TimeoutError:
        return b""
