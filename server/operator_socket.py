"""The operator's way in: a socket file in the data directory that its owner alone can open.

Whoever can open it may do what `perpetuo.admin.v1.AdminService` offers; nothing else is served there. The mode of the
file is what keeps others out, so it is set before anybody can connect, and looked at before anything is served.
"""

import logging
import os
import stat
from pathlib import Path

import grpc

from server.inprocess import HandlerRegistry, InProcessChannel
from server.interceptors.authenticate import AuthenticateInterceptor, Authenticator, access_table
from server.interceptors.status import StatusInterceptor
from server.telemetry.logs import LineLogger

FILE_NAME = "operator.sock"
"""The name of the socket file in the data directory."""

_MAX_PATH_BYTES = 100  # of the 107 that Linux takes
_OTHERS = 0o077
_MESSAGE_BYTES = 4 * 1024 * 1024

_log = logging.getLogger(__name__)


class OperatorServer:
    """Serves a registry on a socket file. `channel` calls the same handlers without one."""

    def __init__(self, registry: HandlerRegistry, authenticator: Authenticator, *, has_access_log: bool = True) -> None:
        table = access_table(registry.service_names())
        interceptors = (
            StatusInterceptor(LineLogger("access"), has_access_log=has_access_log),
            AuthenticateInterceptor(authenticator, table, is_operator=True),
        )
        limits = (("grpc.max_receive_message_length", _MESSAGE_BYTES),)
        self._server = grpc.aio.server(interceptors=interceptors, options=limits)
        registry.install(self._server)
        self.channel = InProcessChannel(registry, interceptors, limits, None)

    async def start(self, path: Path) -> bool:
        """Listens; says whether it could. A path that is too long for a socket is told in the log, and left."""
        if len(os.fsencode(path)) > _MAX_PATH_BYTES:
            _log.warning("%s is too long for a socket file: `perpetuo users` works only while nothing serves", path)
            return False
        before = os.umask(0o177)
        try:
            self._server.add_insecure_port(f"unix:{path}")
        finally:
            os.umask(before)
        _check_mode(path)
        await self._server.start()
        return True

    async def stop(self) -> None:
        """Stops at once. Safe to repeat."""
        await self._server.stop(None)
        await self.channel.stop(0)


def _check_mode(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _OTHERS:
        raise RuntimeError(f"{path} could be opened by others (mode {mode:04o})")
