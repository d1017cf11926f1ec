"""The REST face as an ASGI application: one catch-all route in front of a router of our own over the raw path.

Built once from descriptors and a channel; holds nothing of a request. What it serves is what the descriptors say; pages
that are not calls (health, documents) are handed in by path. Calls, errors and streams are others' business.
"""

from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Final

import grpc
from google.protobuf.descriptor import EnumDescriptor, ServiceDescriptor
from msgspec import Struct, field
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.calls import GONE, Caller, Endpoint, Exchange, own_headers
from edge.cycle import cycle_of
from edge.direct import Direct, DirectStream
from edge.errors import ErrorCatalogue
from edge.gate import Door, Gate, OpenDoor
from edge.ids import new_request_id
from edge.intake import ClientGoneError, media_type, read_body, wants_stream
from edge.lane import Surroundings
from edge.lanes import Head, KeptLanes
from edge.metrics import NO_ROUTE, PAGE, HttpMetrics
from edge.sse import DEFAULT_HEARTBEAT_S
from edge.styles import Style, Styles
from edge.transcoder.binding import Binding, BindingError, load_bindings
from edge.transcoder.faults import TranscodeError, method_not_allowed
from edge.transcoder.headers import inbound
from edge.transcoder.profile import CANONICAL, PERPETUO, Profile
from edge.transcoder.router import Match, NoMatch, Route, RouteConflictError, Router
from edge.transcoder.timeouts import timeout_s

_MIB: Final = 1024 * 1024
_INTERNAL: Final = 13
_DEFECT: Final = 500
_EXPOSED_HEADERS: Final = (
    "x-request-id",
    "request-id",
    "retry-after",
    "x-should-retry",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
    "x-perpetuo-attempts",
    "x-perpetuo-provider",
    "idempotent-replayed",
    "anthropic-ratelimit-requests-limit",
    "anthropic-ratelimit-requests-remaining",
    "anthropic-ratelimit-requests-reset",
)
# The last of its name counts, so a caller cannot label itself otherwise.
_SURFACE: Final = ("x-perpetuo-surface", "rest")
# The server closes a connection after a defect; a client that is not told loses its next request too.
_CLOSE: Final = (b"connection", b"close")
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class EdgeOptions(Struct, frozen=True, kw_only=True):
    """What the REST face serves and within which limits."""

    services: Sequence[ServiceDescriptor]
    reasons: EnumDescriptor
    """The enum whose values say what an error reason means."""
    profile: Profile = PERPETUO
    require_access: bool = False
    """Refuse to start for a method that does not say who may call it."""
    max_body_bytes: int = 32 * _MIB
    max_parsed_body_bytes: int = 4 * _MIB
    """The same for bodies that are parsed here, before anybody was asked who calls. The lesser of the two holds."""
    cors_origins: tuple[str, ...] = ()
    """Origins of web pages that may call; `*` for all."""
    heartbeat_s: float = DEFAULT_HEARTBEAT_S
    pages: Mapping[str, ASGIApp] = field(default_factory=dict)
    """What answers at a path without a call, for GET and HEAD; a path that ends in `/` answers for all below it.

    Such a page may raise TranscodeError instead of answering.
    """
    typed_errors_header: bytes = b""
    """In lower case; a caller that sends it reads typed errors. Empty: there is no such header."""
    metrics: HttpMetrics = field(default_factory=HttpMetrics)
    """Where requests are counted."""
    door: Door = field(default_factory=OpenDoor)
    """Asked before a model call is begun."""
    correct_path: Callable[[bytes], bytes | None] | None = None
    """Asked for another path when nothing is served at the one sent."""


def create_app(channel: grpc.aio.Channel, options: EdgeOptions) -> Starlette:
    """The application over a channel, which stays the caller's to close. Its `state.gate` is for the server.

    Raises:
        BindingError: a method cannot be served as its options say.
    """
    cors = Middleware(
        CORSMiddleware,
        allow_origins=options.cors_origins,
        allow_methods=_METHODS,
        allow_headers=["*"],
        expose_headers=_EXPOSED_HEADERS,
    )
    app = _Application(RestFace(channel, options), [cors] if options.cors_origins else [])
    app.state.gate = app.gate
    return app


class _Application(Starlette):
    """Starlette with one catch-all for everything; routes and exception handlers that are added are not consulted.

    Looking through them was measured at 7 us of the 40 of a request.
    """

    def __init__(self, face: "RestFace", middleware: Sequence[Middleware]) -> None:
        super().__init__(routes=[Mount("/", app=face)], middleware=middleware)
        self._face = face
        # A page of another origin could not read a refusal that came without the headers for it.
        self.gate = None if middleware else face.gate

    def build_middleware_stack(self) -> ASGIApp:
        """Defects become answers outside, then the middleware, then the face."""
        inner: ASGIApp = self._serve
        for layer, args, kwargs in reversed(self.user_middleware):
            inner = layer(inner, *args, **kwargs)
        return ServerErrorMiddleware(inner, handler=self._face.explain_defect)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves; of requests on connections of our own server, nothing but the face itself has to know."""
        cycle = None if self.user_middleware else cycle_of(send)
        if cycle is None:
            await super().__call__(scope, receive, send)
            return
        try:
            await self._face(scope, receive, send)
        except Exception:
            if not cycle.response_started:
                await self._face.tell_defect(scope, send)
            raise  # the cycle logs it and closes the connection

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.router(scope, receive, send)
        else:
            await self._face(scope, receive, send)


class RestFace:
    """The ASGI application below the middleware."""

    def __init__(self, channel: grpc.aio.Channel, options: EdgeOptions) -> None:
        """Compiles every binding; see `create_app`."""
        self._catalogue = ErrorCatalogue(options.reasons)
        self._caller = Caller(
            catalogue=self._catalogue,
            heartbeat_s=options.heartbeat_s,
        )
        self._around = Surroundings(self._caller, options.metrics, self.tell_defect)
        self._pages = options.pages
        self._metrics = options.metrics
        self._correct_path = options.correct_path
        bindings = load_bindings(options.services, options.profile, require_access=options.require_access)
        self._styles = Styles(
            bindings, has_status_errors=options.profile is CANONICAL, header=options.typed_errors_header
        )
        self._lanes = KeptLanes(self._styles, self._around)
        self.gate = Gate(options.door, self._catalogue, self._styles, options.metrics)
        try:
            self._router = Router(
                Route(each.http_method, each.template, _endpoint(channel, each, options), each.source)
                for each in bindings
            )
        except RouteConflictError as error:
            raise BindingError(str(error)) from error
        self._constant = {
            (route.method, route.template.text.encode()): route.target
            for route in self._router.routes
            if route.template.is_static and self._is_constant(route)
        }

    def _is_constant(self, route: Route[Endpoint]) -> bool:
        """Whether its path means this route whatever else there is, so that nothing else has to be asked."""
        path = route.template.text
        if path.endswith("/") or self._page(path) is not None:
            return False
        match = self._router.match(route.method, path.encode())
        return isinstance(match, Match) and match.target is route.target

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one HTTP request; closes a WebSocket, of which there are none here."""
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return
        metrics, began_s = self._metrics, monotonic()
        route, status = NO_ROUTE, _DEFECT
        metrics.open += 1
        try:
            route, status = await self._answer(scope, receive, send)
        finally:
            metrics.open -= 1
            metrics.answered(scope["method"], route, status, monotonic() - began_s)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> tuple[str, int]:
        """Answers a request; gives the template of its route and the status."""
        endpoint = self._constant.get((scope["method"], _raw_path(scope)))
        page = self._page(scope["path"]) if self._pages and endpoint is None else None
        route = NO_ROUTE if page is None else PAGE
        try:
            if endpoint is not None:
                route = endpoint.binding.template.text
                return route, await self._serve(endpoint, (), scope, receive, send)
            if page is not None:
                return route, await self._show(page, scope, receive, send)
            match = self._match(scope["method"], _raw_path(scope))
            if isinstance(match, NoMatch):
                return route, await self._unmatched(match, scope["method"], send)
            endpoint = match.target
            route = endpoint.binding.template.text
            return route, await self._serve(endpoint, match.values, scope, receive, send)
        except TranscodeError as error:
            failure = self._catalogue.of_refusal(error, new_request_id())
            return route, await self._caller.refuse(failure, send, self._style(endpoint, scope))
        except ClientGoneError:
            return route, GONE

    async def explain_defect(self, request: Request, error: Exception) -> Response:
        """The answer to an exception that nobody expected; who calls this logs it."""
        return _Defect(self, request.scope)

    async def tell_defect(self, scope: Scope, send: Send) -> None:
        """Answers where an exception came that nobody expected."""
        failure = self._catalogue.of_status(_INTERNAL, new_request_id())
        await self._caller.refuse(failure, send, self._style(None, scope), [_CLOSE])

    def _style(self, endpoint: Endpoint | None, scope: Scope) -> Style:
        binding = None if endpoint is None else endpoint.binding
        return self._styles.of(binding, _raw_path(scope), {name for name, _ in scope["headers"]})

    def _match(self, method: str, raw_path: bytes) -> Match[Endpoint] | NoMatch:
        match = self._router.match(method, raw_path)
        # A variable of many segments takes a path that ends in a slash, but no name ends so.
        is_slip = raw_path.endswith(b"/") or (isinstance(match, NoMatch) and not match.allowed)
        meant = self._correct_path(raw_path) if is_slip and self._correct_path is not None else None
        if meant is not None:
            corrected = self._router.match(method, meant)
            if not isinstance(corrected, NoMatch) or corrected.allowed:
                return corrected
        return match

    async def _unmatched(self, match: NoMatch, method: str, send: Send) -> int:
        if method == "OPTIONS" and match.allowed:
            allow = ", ".join((*match.allowed, "OPTIONS")).encode()
            await send({"type": "http.response.start", "status": 204, "headers": [(b"allow", allow), *own_headers()]})
            await send({"type": "http.response.body", "body": b""})
            return 204
        raise match.error(method)

    async def _serve(
        self, endpoint: Endpoint, values: Sequence[str], scope: Scope, receive: Receive, send: Send
    ) -> int:
        headers = dict(scope["headers"])
        if endpoint.header_twin is not None and endpoint.header_twin[0] in headers:
            endpoint = endpoint.header_twin[1]
        body, content_type = b"", ""
        base = endpoint
        if endpoint.binding.has_body:
            body = await read_body(headers, receive, endpoint.max_body_bytes)
            content_type = media_type(headers, body, is_json=endpoint.is_json)
            if endpoint.twin is not None and wants_stream(body):
                endpoint = endpoint.twin
        client, cycle = scope.get("client"), cycle_of(send)
        metadata = (*inbound(scope["headers"], client[0] if client else None), _SURFACE)
        timeout_s = _timeout_s(headers)
        te = "" if b"te" not in headers else headers[b"te"].decode("latin-1")
        style = self._styles.of(endpoint.binding, _raw_path(scope), headers)
        if cycle is not None and base.direct is not None and timeout_s is None and not scope["query_string"]:
            lanes = self._lanes.of(base, Head(metadata, _raw_path(scope), te, tuple(headers)))
            if (lane := lanes.of(body)) is not None:
                cycle.lanes = lanes
                return await lane.answer(cycle, body)
        message = endpoint.binding.build(values, scope["query_string"], body, content_type)
        return await self._caller.serve(
            endpoint, Exchange(message, metadata, timeout_s, receive, send, te, style, cycle)
        )

    def _page(self, path: str) -> ASGIApp | None:
        page = self._pages.get(path)
        end = len(path)
        while page is None and (end := path.rfind("/", 0, end)) > 0:
            page = self._pages.get(path[: end + 1])
        return page

    async def _show(self, page: ASGIApp, scope: Scope, receive: Receive, send: Send) -> int:
        method = scope["method"]
        if method in {"GET", "HEAD"}:
            statuses: list[int] = []
            await page(scope, receive, _with_own_headers(send, statuses.append))
            return statuses[0] if statuses else GONE
        raise method_not_allowed(f"{scope['path']} has no {method}; it has GET, HEAD.", ("GET", "HEAD"))


def _with_own_headers(send: Send, tell_status: Callable[[int], None]) -> Send:
    async def send_with(message: Message) -> None:
        if message["type"] == "http.response.start":
            tell_status(message["status"])
            message = {**message, "headers": [*message.get("headers", ()), *own_headers()]}
        await send(message)

    return send_with


def _raw_path(scope: Scope) -> bytes:
    found: bytes = scope.get("raw_path") or scope["path"].encode()
    return found


class _Defect(Response):
    """The answer to a defect where Starlette wants a response of its own kind."""

    def __init__(self, face: RestFace, scope: Scope) -> None:
        super().__init__(status_code=_DEFECT)
        self._face = face
        self._scope = scope

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it."""
        await self._face.tell_defect(self._scope, send)


def _endpoint(channel: grpc.aio.Channel, binding: Binding, options: EdgeOptions) -> Endpoint:
    make = channel.unary_stream if binding.is_server_streaming else channel.unary_unary
    limit_bytes = options.max_body_bytes
    if not binding.has_raw_body:
        limit_bytes = min(limit_bytes, options.max_parsed_body_bytes)
    call = make(binding.rpc, binding.request_class.SerializeToString, binding.response_class.FromString)
    return Endpoint(
        binding=binding,
        call=call,
        here=getattr(call, "here", None),
        direct=_direct(call, binding),
        direct_stream=_direct_stream(call, binding),
        twin=None if binding.twin is None else _endpoint(channel, binding.twin, options),
        header_twin=_header_twin(channel, binding, options),
        is_json=not binding.has_raw_body or binding.twin is not None or bool(binding.schema.request),
        max_body_bytes=limit_bytes,
    )


def _direct(call: object, binding: Binding) -> Direct | None:
    """How the method is called without messages, if the channel can, and all of a request is one body each way."""
    direct: Direct | None = getattr(call, "direct", None)
    return direct if _is_nothing_but_a_body(binding) and binding.raw is not None and not binding.is_wrapped else None


def _direct_stream(call: object, binding: Binding) -> DirectStream | None:
    """The same of a method whose answer is lists of events."""
    direct: DirectStream | None = getattr(call, "direct_stream", None)
    return direct if _is_nothing_but_a_body(binding) and binding.raw is None and binding.is_batch else None


def _is_nothing_but_a_body(binding: Binding) -> bool:
    return binding.has_raw_body and not binding.rule.presets and not binding.template.variables


def _header_twin(channel: grpc.aio.Channel, binding: Binding, options: EdgeOptions) -> tuple[bytes, Endpoint] | None:
    if binding.header_twin is None:
        return None
    header, twin = binding.header_twin
    return header, _endpoint(channel, twin, options)


def _timeout_s(headers: Mapping[bytes, bytes]) -> float | None:
    if b"grpc-timeout" not in headers and b"x-request-timeout" not in headers:
        return None
    return timeout_s(_text(headers, b"grpc-timeout"), _text(headers, b"x-request-timeout"))


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")
