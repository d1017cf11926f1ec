"""How the operator's commands reach the accounts: over the socket of a gateway that serves, else on the database.

Both ways end in the same methods; which one it is makes no difference to a command.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import grpc

from server.app import operator_server
from server.operator_socket import FILE_NAME
from server.settings import ServerSettings
from server.stores import open_stores

_CONNECT_TIMEOUT_S = 5.0


class NoDataError(Exception):
    """There is no gateway in the data directory."""


@contextlib.asynccontextmanager
async def operator_channel(settings: ServerSettings, *, makes_data: bool) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to `perpetuo.admin.v1.AdminService`.

    Raises NoDataError where there is nothing yet and nothing is to be made, OSError when the socket file belongs to
    somebody else, and what opening the database raises.
    """
    path = settings.data_dir.absolute() / FILE_NAME
    if await _answers(path):
        async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
            yield channel
        return
    if not makes_data and not settings.database_url and not (settings.data_dir / "perpetuo.db").exists():
        raise NoDataError(f"There is no gateway in {settings.data_dir.absolute()}; name its directory with --data-dir.")
    stores = await open_stores(settings)
    server = operator_server(settings, stores, has_access_log=False)
    try:
        yield server.channel
    finally:
        await server.stop()
        await stores.close()


async def _answers(path: Path) -> bool:
    """Whether somebody serves on the socket file; a file that a crash left behind does not count."""
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            _, writer = await asyncio.open_unix_connection(path)
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
