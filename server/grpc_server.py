"""The way into the core: registered servicers with health and reflection, behind the interceptors, on a port.

The same handlers and interceptors serve the in-process channel beside it. It must not know what the services do.
"""

import asyncio

import grpc
from grpc_health.v1 import health_pb2_grpc
from msgspec import Struct
from perpetuo.internal.v1 import tunnel_pb2_grpc

from server.direct import Chain, direct_methods
from server.direct_streams import direct_streams
from server.inprocess import HandlerRegistry, InProcessChannel
from server.inprocess.registry import Found
from server.interceptors.authenticate import AuthenticateInterceptor, Authenticator, access_table
from server.interceptors.shedding import Door
from server.interceptors.status import Counted, StatusInterceptor, count_nowhere
from server.interceptors.together import Together
from server.services.health import HealthServicer
from server.services.reflection import add_reflection
from server.telemetry.logs import LineLogger
from server.tunnel import TunnelServicer

_KEEPALIVE_MIN_INTERVAL_MS = 10_000
_KEEPALIVE_INTERVAL_MS = 30_000
_KEEPALIVE_TIMEOUT_MS = 10_000
# So many calls wait in the transport for their turn in the loop; half a second's refusals.
_WAITING_CALLS = 10_000


class ServerOptions(Struct, frozen=True):
    """What can be chosen about the way in; the limits hold for sockets and in process alike.

    `message_bytes` bounds a message either way, `metadata_bytes` all metadata of one direction of a call. Calls beyond
    `concurrent_calls` are refused with RESOURCE_EXHAUSTED; None is no bound. `shares_port` lets several processes
    listen on one port. A connection has `handshake_s` seconds to say that it speaks HTTP/2. `counted` has the
    counts of calls that have ended, by method and status. At the `door` calls are refused when there are too many.
    """

    message_bytes: int = 32 * 1024 * 1024
    metadata_bytes: int = 64 * 1024
    concurrent_calls: int | None = None
    has_reflection: bool = True
    has_access_log: bool = True
    shares_port: bool = False
    handshake_s: float = 10.0
    counted: Counted = count_nowhere
    door: Door | None = None


class CoreServer:
    """Serves a registry's services, with health and reflection added, behind identity, errors and access log.

    Build it inside the running loop, when every service has been registered. Raises ValueError for a method that does
    not say who may call it. `channel` calls the same handlers without a socket; it works before `start`.
    """

    def __init__(
        self, registry: HandlerRegistry, authenticator: Authenticator, options: ServerOptions | None = None
    ) -> None:
        options = options or ServerOptions()
        self._health = HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, registry)
        self._services = registry.service_names()
        if options.has_reflection:
            add_reflection(registry, self._services)
        # For our own other half, and so not among the services that are shown.
        self._tunnels = TunnelServicer()
        tunnel_pb2_grpc.add_TunnelServiceServicer_to_server(self._tunnels, registry)
        self._access_log = LineLogger("access")
        status = StatusInterceptor(self._access_log, has_access_log=options.has_access_log, counted=options.counted)
        authenticate = AuthenticateInterceptor(authenticator, access_table(registry.service_names()))
        together = Together(status, authenticate, options.door)
        limit = options.concurrent_calls
        self._server = grpc.aio.server(options=_options(options), maximum_concurrent_rpcs=limit)
        self._server.add_generic_rpc_handlers((Found(together.found_by(registry.find)),))
        self.channel = self._tunnels.channel = InProcessChannel(registry, (together,), _limits(options), limit)
        chain = Chain(self.channel, status, authenticate, options.door)
        self.channel.serve_directly(
            direct_methods(registry.raw_forms, chain), direct_streams(registry.raw_streams, chain)
        )

    async def start(self, host: str, port: int, credentials: grpc.ServerCredentials | None = None) -> int:
        """Listens, and returns the port; port 0 picks one. Without credentials nothing is encrypted.

        Raises RuntimeError when the address cannot be had.
        """
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if credentials is None:
            bound = self._server.add_insecure_port(address)
        else:
            bound = self._server.add_secure_port(address, credentials)
        await self._server.start()
        self._health.serve(self._services)
        return bound

    def announce_end(self) -> None:
        """Says NOT_SERVING, before it returns; calls are taken as before. Safe to repeat."""
        self._health.announce_end()

    async def stop_port(self, grace_s: float) -> None:
        """Refuses new calls at the port and gives running ones `grace_s` seconds; the channel goes on."""
        self._tunnels.leave()
        await self._server.stop(grace_s)

    async def stop(self, grace_s: float) -> None:
        """Says NOT_SERVING first, then refuses new calls and gives running ones `grace_s` seconds. Safe to repeat."""
        self.announce_end()
        self._tunnels.leave()
        await asyncio.gather(self._server.stop(grace_s), self.channel.stop(grace_s))
        self._access_log.flush()


def _limits(options: ServerOptions) -> tuple[tuple[str, int], ...]:
    return (
        ("grpc.max_receive_message_length", options.message_bytes),
        ("grpc.max_send_message_length", options.message_bytes),
        ("grpc.max_metadata_size", options.metadata_bytes),
        ("grpc.absolute_max_metadata_size", options.metadata_bytes),
    )


def _options(options: ServerOptions) -> tuple[tuple[str, int], ...]:
    return (
        *_limits(options),
        # A slow reader of a stream must block its writer after a few messages, not after megabytes.
        ("grpc.http2.bdp_probe", 0),
        # Otherwise a second server on the same port starts without a complaint.
        ("grpc.so_reuseport", int(options.shares_port)),
        ("grpc.server_handshake_timeout_ms", round(options.handshake_s * 1000)),
        ("grpc.keepalive_time_ms", _KEEPALIVE_INTERVAL_MS),
        ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
        ("grpc.keepalive_permit_without_calls", 1),
        # Clients may ping through a long silence before the first token.
        ("grpc.http2.min_recv_ping_interval_without_data_ms", _KEEPALIVE_MIN_INTERVAL_MS),
        ("grpc.http2.max_pings_without_data", 0),
        # Beyond it, and from a tenth of it on if the transport is left to itself, calls are cancelled without a word:
        # it is the door that refuses, with a reason and the time to come again.
        ("grpc.server.max_pending_requests", _WAITING_CALLS),
        ("grpc.server.max_pending_requests_hard_limit", _WAITING_CALLS),
    )
