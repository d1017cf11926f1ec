"""A way to a server over TCP that a test can close, cut or freeze, so that the server is away without being stopped."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.stores.ports import steady_port


class Gate:
    """Carries connections from a port of its own to `port` of loopback.

    Frozen, it takes connections and bytes and passes nothing on.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = steady_port()
        self.connection_count = 0

    async def open(self) -> None:
        """Takes connections, on the same port each time."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def close(self) -> None:
        """Refuses connections and cuts those that there are."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def cut(self) -> None:
        """Ends every connection there is."""
        for writer in list(self._writers):
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()

    def freeze(self) -> None:
        """Passes nothing on from now."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Passes everything on again, what was held first."""
        self._flowing.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connection_count += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            there, to_there = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers.add(to_there)
            try:
                back = asyncio.ensure_future(self._carry(there, writer))
                try:
                    await self._carry(reader, to_there)
                finally:
                    back.cancel()
                    await asyncio.wait([back])
            finally:
                to_there.transport.abort()
                self._writers.discard(to_there)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self._writers.discard(writer)
            self._tasks.discard(task)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


@contextlib.asynccontextmanager
async def gate_to(port: int) -> AsyncIterator[Gate]:
    """A gate that is open."""
    gate = Gate(port)
    await gate.open()
    try:
        yield gate
    finally:
        gate.thaw()
        await gate.close()
