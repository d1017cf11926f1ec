"""The HTTP/1.1 client of upstreams: one pool of kept connections for the process.

It sends what a dialect built and hands back what arrived; it knows no provider and parses no body. Headers and bodies
are never logged, and failures name neither host nor URL, since both can be a tenant's secret. There are no redirects,
no cookies and no proxies from the environment. Bounds are those of `Timeouts`, the byte limits here and in
`connection` and `inflate`, and `egress` for where connections may go.
"""

import asyncio
import ssl
from functools import lru_cache
from ipaddress import IPv4Address
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from server.chat.wire import FixedHeaders, Timeouts, WireRequest
from server.errors import PerpetuoError, UpstreamBlocked
from server.upstream.address_book import AddressBook, SystemResolver
from server.upstream.connection import Connection
from server.upstream.cork import Cork
from server.upstream.dial import Dialler, Origin
from server.upstream.egress import GuardedResolver, Resolver, is_numeric
from server.upstream.failures import StaleConnectionError, no_answer
from server.upstream.pool import MAX_CONNECTIONS, Counts, Pool, Ticket
from server.upstream.response import HttpResponse

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""The longest body that is read, after decompression."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_LARGE_BYTES: Final = 64 * 1024
_LENGTH: Final = b"Content-Length: "
_END: Final = b"\r\n\r\n"
# Of the first piece of a request's head.
_OWN_LINES: Final = 4


class _Target(Struct, frozen=True):
    """What a URL says, worked out once: where to connect, and the first lines of a request."""

    origin: Origin
    path: str
    host: str


class _Written(Struct, frozen=True, eq=False):
    """What requests begin with that go to one URL with the same headers: all of the head `before` the body's length.

    It holds a credential, so that it shows nothing in a repr.
    """

    owner: "HttpTransport"
    method: str
    url: str
    target: _Target
    before: bytes

    def __repr__(self) -> str:
        return f"_Written({self.method!r})"

    def is_of(self, request: WireRequest) -> bool:
        """Whether a request with these headers begins so."""
        return self.url == request.url and self.method == request.method

    def begin(self, request: WireRequest, timeouts: Timeouts, now_s: float) -> HttpResponse | None:
        """See `Way`."""
        owner, body = self.owner, request.body
        if not body or self.url != request.url or self.method != request.method:
            return None
        connection = owner.pool.take(self.target.origin, now_s)
        if connection is None:
            return None
        answer = HttpResponse(connection, timeouts, now_s, owner.max_body_bytes, (owner, request))
        size_bytes = len(body)
        if size_bytes <= _LARGE_BYTES:
            # Joined and not formatted, which takes three times as long.
            connection.start(b"".join((self.before, str(size_bytes).encode(), _END, body)), b"", answer)
        else:
            connection.start(b"%b%d%b" % (self.before, size_bytes, _END), body, answer)
        return answer


class HttpTransport:
    """The transport of `http` and `https` upstreams.

    Made in any thread; connections are opened in the loop of the first `send` and belong to it. `tls` replaces the
    system's trust store, `resolver` its names. At most `max_connections` go to one upstream; who finds no room within
    the time to connect is refused with Overloaded. Raises what `server.chat.wire.Transport` says.
    """

    def __init__(
        self,
        *,
        allow_private_upstreams: bool = False,
        user_agent: str = "perpetuo",
        max_body_bytes: int = MAX_BODY_BYTES,
        max_connections: int = MAX_CONNECTIONS,
        tls: ssl.SSLContext | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        names: Resolver = resolver or AddressBook(SystemResolver())
        names = names if allow_private_upstreams else GuardedResolver(names)
        self._dialler = Dialler(names, allow_private=allow_private_upstreams, tls=tls)
        self._own_headers = f"User-Agent: {user_agent}\r\nAccept-Encoding: identity\r\n"
        self.max_body_bytes = max_body_bytes
        self.pool = Pool(max_connections)
        self.loop: asyncio.AbstractEventLoop | None = None
        """That of the connections, once there is one."""
        self._open: set[Connection] = set()
        self._cork = Cork()

    async def send(self, request: WireRequest, timeouts: Timeouts) -> HttpResponse:
        """Sends a request and waits for the response's headers.

        A pooled connection that the upstream closed before it sent a byte is not a failure: the request goes out once
        more, on a connection that is certainly new.
        """
        loop = self.loop = asyncio.get_running_loop()
        started_s = loop.time()
        target, head = self._begun(request)
        place: Connection | Ticket | None = self.pool.take(target.origin, started_s)
        if place is None:
            place = await self.pool.room(target.origin, min(timeouts.connect_s, timeouts.total_s))
        if isinstance(place, Connection):
            try:
                answer = HttpResponse(place, timeouts, started_s, self.max_body_bytes)
                _exchange(place, head, request.body, answer)
                await answer.arrive()
                return answer
            except StaleConnectionError:
                place = self.pool.extra_room(target.origin)
        return await self._send_new(place, request, timeouts, started_s)

    async def send_again(self, request: WireRequest, timeouts: Timeouts, started_s: float) -> HttpResponse:
        """Sends a request, begun at `started_s`, once more: over a connection that is certainly new."""
        target, _ = self._begun(request)
        return await self._send_new(self.pool.extra_room(target.origin), request, timeouts, started_s)

    async def _send_new(
        self, ticket: Ticket, request: WireRequest, timeouts: Timeouts, started_s: float
    ) -> HttpResponse:
        """Sends a request over a connection that is made for it."""
        connection = await self._dial(ticket, timeouts)
        answer = HttpResponse(connection, timeouts, started_s, self.max_body_bytes)
        _exchange(connection, self._begun(request)[1], request.body, answer)
        await answer.arrive()
        return answer

    def counts(self) -> Counts:
        """How many connections there are, and who waits for one."""
        return self.pool.counts()

    async def close(self) -> None:
        """Closes every connection, those in use too."""
        self.pool.close()
        for connection in tuple(self._open):
            connection.abort()

    def _begun(self, request: WireRequest) -> tuple[_Target, bytes]:
        """Where a request goes, and its head. Raises UpstreamBlocked for what would be read as more than one header."""
        headers, body = request.headers, request.body
        if headers.__class__ is not FixedHeaders or not body:
            target = _target(request.url)
            head = self._head(request, target)
            if body or request.method != "GET":
                return target, b"%b%b%d%b" % (head, _LENGTH, len(body), _END)
            return target, head + b"\r\n"
        assert isinstance(headers, FixedHeaders)
        written = headers.written
        if not isinstance(written, _Written) or written.owner is not self or not written.is_of(request):
            target = _target(request.url)
            head = self._head(request, target)
            written = headers.written = _Written(self, request.method, request.url, target, head + _LENGTH)
        return written.target, b"%b%d%b" % (written.before, len(body), _END)

    def _head(self, request: WireRequest, target: _Target) -> bytes:
        """The request's head without the length of its body, and without its end. Raises UpstreamBlocked."""
        given = request.headers
        lines = [f"{request.method} {target.path} HTTP/1.1\r\nHost: {target.host}\r\n{self._own_headers}"]
        lines += [f"{name}: {value}\r\n" for name, value in given.items()]
        if "Accept" not in given:
            lines.append("Accept: */*\r\n")
        text = "".join(lines)
        ends = text.count("\n")
        if ends != len(lines) + _OWN_LINES - 1 or text.count("\r") != ends or "\0" in text:
            raise _no_header()
        try:
            return text.encode("latin-1")
        except UnicodeEncodeError:
            raise _no_header() from None

    async def _dial(self, ticket: Ticket, timeouts: Timeouts) -> Connection:
        """A connection in the room that a ticket holds; without one, the room is given back."""
        loop, pool, cork = asyncio.get_running_loop(), self.pool, self._cork

        def forget(connection: Connection) -> None:
            self._open.discard(connection)
            pool.forget(ticket, connection)

        try:
            connection = await self._dialler.open(
                ticket.origin, lambda: Connection(loop, cork, ticket.keep, forget), timeouts
            )
        except BaseException:
            pool.forget(ticket)
            raise
        if connection.can_carry():
            self._open.add(connection)
        return connection


def _exchange(connection: Connection, head: bytes, body: bytes, answer: HttpResponse) -> None:
    """Sends a request over a connection, if that can still carry one."""
    if not connection.can_carry():
        answer.fail(no_answer() if connection.exchanges == 0 else StaleConnectionError())
    elif len(body) <= _LARGE_BYTES:
        connection.start(head + body, b"", answer)
    else:
        connection.start(head, body, answer)


@lru_cache(maxsize=1024)
def _target(url: str) -> _Target:
    """Where a URL leads. Raises UpstreamBlocked for one that no request may go to."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _no_url() from None
    default = _DEFAULT_PORTS.get(parts.scheme)
    if default is None or not host or not url.isascii() or not url.isprintable() or " " in url or "@" in parts.netloc:
        raise _no_url()
    if is_numeric(host):
        _check_ipv4(host)
    shown = f"[{host}]" if ":" in host else host
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    origin = Origin(host, port or default, parts.scheme == "https")
    return _Target(origin, path, shown if port in (None, default) else f"{shown}:{port}")


def _check_ipv4(host: str) -> None:
    """Refuses an IPv4 address in a spelling that only some stacks know."""
    try:
        IPv4Address(host)
    except ValueError:
        raise _no_url() from None


def _no_url() -> PerpetuoError:
    return UpstreamBlocked("The provider's base URL is not one that requests may go to.")


def _no_header() -> PerpetuoError:
    return UpstreamBlocked("The provider entry holds a character that no header of a request can carry.")
