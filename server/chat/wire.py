"""One upstream call as data: what a dialect builds and a transport sends, and what comes back."""

from collections.abc import AsyncIterator, Callable, Generator, Mapping
from enum import Enum
from typing import Any, Protocol, TypeAlias, runtime_checkable

from msgspec import Struct


class Framing(Enum):
    """How a streamed body is cut into events: server-sent events, or Amazon's binary event stream."""

    SSE = "sse"
    EVENT_STREAM = "event-stream"


class FixedHeaders(dict[str, str]):
    """Headers that never change and go along with many requests.

    `written` is how a transport has written them down, and by which such requests can begin without a step through
    other transports. They may hold a credential, so they never show in a repr.
    """

    __slots__ = ("written",)

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__(headers)
        self.written: Way | None = None

    def __repr__(self) -> str:
        return f"FixedHeaders({', '.join(self)})"


class WireRequest(Struct, frozen=True):
    """An HTTP request to an upstream. `headers` may hold a credential, so it never shows in a repr.

    `sign` is there where the request must be signed at the moment when it is sent. `others` are the bodies of further
    requests that are like this one: all are sent, one after the other, and the answer is the list of their answers in
    JSON; the first that fails is the answer to all. `grant` is the request that is answered with an OAuth token, which
    goes along as the bearer.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    is_stream: bool = False
    sign: "Sign | None" = None
    others: tuple[bytes, ...] = ()
    grant: "WireRequest | None" = None

    def __repr__(self) -> str:
        return f"WireRequest({self.method!r}, {self.url!r}, is_stream={self.is_stream!r})"


Sign: TypeAlias = Callable[[WireRequest, float], WireRequest]
"""A request, and the time in seconds since 1970, to the request with its signature."""


Carry: TypeAlias = Callable[[bytes, int], bool]
"""Takes a chunk of a body as it stands on the wire, with so many bytes around what it holds; False: it did nothing."""


class Timeouts(Struct, frozen=True):
    """Bounds of one upstream call, each in seconds.

    `connect_s` until the connection stands. `first_byte_s` until the response headers, and of a body that is taken in
    pieces until the first that its reader calls progress. `idle_s` between two pieces of a body that is read as a
    whole, else between two that were progress. `total_s` for everything.
    """

    connect_s: float = 3.0
    first_byte_s: float = 120.0
    idle_s: float = 30.0
    total_s: float = 600.0


class WireResponse(Protocol):
    """An upstream's answer whose headers have arrived. Whoever holds it must `close` it, on every path."""

    @property
    def status(self) -> int:
        """The HTTP status code."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, names in lower case, of repeated ones the first."""

    async def read(self) -> bytes:
        """The whole body, decoded.

        Raises UpstreamBadResponse above the byte limit and for one that ends too early, UpstreamReset when the
        connection breaks, UpstreamTimeout when a time is up.
        """

    def chunks(self) -> AsyncIterator[bytes]:
        """The body in pieces as they arrive; raises as `read` does."""

    def progressed(self) -> None:
        """Tells that the piece that was taken last brought something: the idle time begins anew. Bytes alone do not."""

    def wind_up(self, within_s: float) -> None:
        """Tells that all that matters has come: what is still to come has `within_s` seconds, progress or not."""

    async def close(self) -> None:
        """Ends the exchange: a body that was not read to its end drops the connection. Safe to call twice."""


class Coming(WireResponse, Protocol):
    """A response of a request that was sent at once, whose headers may still have to come."""

    def __await__(self) -> Generator[Any, None, None]:
        """Waits until the headers are there, or never will be. Whoever is cancelled meanwhile has to `drop` it."""

    def arm(self) -> bool:
        """The same for who yields to the task by itself, and has to yield this at once. False: nothing is to come."""

    @property
    def kind(self) -> str:
        """The content type as it stands in the headers, empty without one."""

    @property
    def has_headers(self) -> bool:
        """Whether they have come."""

    async def instead(self) -> WireResponse:
        """What comes in its place if they never will: the answer to the same request, sent once more.

        Raises what stood in the way, if nothing is to be sent again for it.
        """

    def whole(self) -> bytes | None:
        """The whole body if it has come with the headers, as most do; None if it has to be `read`."""

    def drop(self) -> None:
        """The same as `close`, at once."""


class Way(Protocol):
    """How requests with the same headers go."""

    def begin(self, request: WireRequest, timeouts: Timeouts, now_s: float) -> Coming | None:
        """Sends a request over a connection that is there; None if there is none: it has to go the usual way."""


def begun(request: WireRequest, timeouts: Timeouts, now_s: float) -> Coming | None:
    """Sends a request the way that the last with its headers went, if that can be done without waiting; else None.

    `now_s` is now in seconds of the loop's clock.
    """
    headers: Any = request.headers
    if headers.__class__ is not FixedHeaders or headers.written is None:
        return None
    if request.others or request.grant is not None or request.sign is not None:
        return None
    way: Way = headers.written
    return way.begin(request, timeouts, now_s)


@runtime_checkable
class Pushing(Protocol):
    """A response that can hand its body on as it comes, without waking the task that reads it."""

    async def push(self, take: Callable[[bytes], bool], carry: Carry | None = None) -> None:
        """Gives every piece to `take` the moment it comes, until that answers False; what it was given, it has taken.

        Returns then, and when anything else happens that a reader has to see: its end, a failure, too many bytes. At
        once if something waits to be read. `take` is called by the connection, and must not wait.

        `carry` is asked first where something comes behind a piece that was one chunk of a chunked body, unless that
        began with what a chunk's head may begin with and was none. What it takes counts as progress.
        """


class Transport(Protocol):
    """The only way to an upstream."""

    async def send(self, request: WireRequest, timeouts: Timeouts) -> WireResponse:
        """Sends a request and waits for the response's headers.

        Raises UpstreamUnavailable (refused), UpstreamTimeout, UpstreamDns, UpstreamTls, UpstreamReset, UpstreamBlocked.
        An HTTP error status is an answer, not an error. Redirects are never followed.
        """

    async def close(self) -> None:
        """Closes every pooled connection."""
