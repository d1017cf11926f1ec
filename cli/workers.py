"""`perpetuo serve --workers N`: one process that looks after N, all serving on the same ports.

The workers are started anew, never forked: gRPC does not survive a fork. The first starts alone, since it makes
secrets and tables; then come the others. Each gets its settings as one line on its standard input and stops when that
closes, so that none outlives its supervisor. One that ends unasked is started again, after a pause that doubles.

This process must not serve, nor hold anything of the core.
"""

import asyncio
import os
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from cli.serve_settings import ServeSettings
from cli.start import start_block, write_ready_file
from edge.listening import bind
from options.value import encoded
from server.telemetry.logs import LineLogger, configure, log_format

_WORKER: Final = """
from options.lean import import_http, spare_memory
from server.lean import import_lean
spare_memory()
import_lean()
import_http()
from cli.worker import main
raise SystemExit(main())
"""
_START_LIMIT_S: Final = 60.0
_LOOK_S: Final = 0.02
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
_STEADY_S: Final = 60.0
"""A worker that ran so long is forgiven its earlier ends."""
_KILL_AFTER_S: Final = 10.0
"""Beyond the grace, before a worker that does not stop is killed."""

_log: Final = LineLogger("workers")


class WorkersError(Exception):
    """Settings with which several processes cannot serve. The message says why and what to do."""


class Ready(Struct, frozen=True):
    """What a worker says once it serves: its process, and the port that is its own."""

    pid: int
    own_port: int


@dataclass(slots=True)
class _Worker:
    """A worker's process and how it fares."""

    number: int
    process: asyncio.subprocess.Process | None = None
    began_s: float = 0.0
    pause_s: float = _FIRST_PAUSE_S
    ready: Ready | None = field(default=None)


def check_workers(settings: ServeSettings) -> None:
    """Refuses what several processes cannot share. Raises WorkersError."""
    number = settings.workers
    if not settings.database_url.startswith("postgres"):
        raise WorkersError(
            f"--workers {number} needs a database for several processes, and SQLite has one writer, in one process: "
            "give --database-url postgresql://user:password@host/name, or leave out --workers."
        )
    if settings.state_url == "memory:":
        raise WorkersError(
            f"--workers {number} needs shared state, or each worker would allow the whole of every limit, and a "
            "revoked token would live on in the others: give --state-url valkey://host:6379, or leave out --workers."
        )
    if settings.demo:
        raise WorkersError(f"--demo is for one process: leave out --workers {number} or --demo.")


def supervise(settings: ServeSettings, began: float) -> int:
    """Runs the workers until SIGTERM or SIGINT; gives the exit code: 0 stopped, 1 cannot serve, 2 wrong options."""
    configure(log_format(settings.log_format), settings.log_level)
    try:
        check_workers(settings)
        return asyncio.run(_Supervisor(settings, began).run())
    except WorkersError as error:
        print(f"perpetuo serve: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"perpetuo serve: cannot serve: {error}", file=sys.stderr)
        return 1


class _Supervisor:
    def __init__(self, settings: ServeSettings, began: float) -> None:
        self._began = began
        # Bound and never listening: the ports stay ours while workers come and go.
        self._kept = [bind(settings.host, port, shares_port=True) for port in (settings.port, settings.grpc_port)]
        self._ports = self._kept[0].getsockname()[1], self._kept[1].getsockname()[1]
        self._settings = settings
        self._workers = [_Worker(number) for number in range(settings.workers)]
        self._folder = tempfile.TemporaryDirectory(prefix="perpetuo-workers-")
        self._stop = asyncio.Event()

    async def run(self) -> int:
        """Starts the workers, keeps them running, and stops them."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        try:
            first, *others = self._workers
            is_up = await self._start(first) and all(await asyncio.gather(*map(self._start, others)))
            if not is_up:
                return 0 if self._stop.is_set() else 1
            self._tell()
            keepers = [loop.create_task(self._keep(worker)) for worker in self._workers]
            await self._stop.wait()
            for keeper in keepers:
                keeper.cancel()
            await asyncio.wait(keepers)
            return 0
        finally:
            await asyncio.gather(*map(self._end, self._workers))
            for kept in self._kept:
                kept.close()
            self._folder.cleanup()

    def _tell(self) -> None:
        settings = self._settings
        print(start_block(settings, self._ports, "", time.monotonic() - self._began), flush=True)
        own = [worker.ready.own_port for worker in self._workers if worker.ready is not None]
        print(f"# {len(own)} workers; each answers by itself on port {', '.join(map(str, own))}", flush=True)
        if settings.ready_file is not None:
            write_ready_file(settings.ready_file, self._ports, "", workers=own)

    async def _start(self, worker: _Worker) -> bool:
        """Starts a worker and waits until it serves; False when it ends before, or the supervisor is to stop."""
        ready_file = Path(self._folder.name) / f"{worker.number}.ready"
        ready_file.unlink(missing_ok=True)
        command = [sys.executable, "-P", "-c", _WORKER]
        # The worker finds the same modules wherever this process found them.
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE, env=environment)
        worker.process, worker.ready, worker.began_s = process, None, time.monotonic()
        assert process.stdin is not None
        process.stdin.write(told_line(self._settings, self._ports, worker.number, ready_file))
        while not ready_file.exists():
            if process.returncode is not None or self._stop.is_set():
                return False
            if time.monotonic() - worker.began_s > _START_LIMIT_S:
                _log.error("a worker does not come up", worker=worker.number, limit_s=_START_LIMIT_S)
                return False
            await asyncio.sleep(_LOOK_S)
        worker.ready = msgspec.json.decode(ready_file.read_bytes(), type=Ready)
        return True

    async def _keep(self, worker: _Worker) -> None:
        """Starts a worker again whenever it ends."""
        while True:
            assert worker.process is not None
            code = await worker.process.wait()
            if time.monotonic() - worker.began_s > _STEADY_S:
                worker.pause_s = _FIRST_PAUSE_S
            _log.error("a worker ended", worker=worker.number, code=code, again_in_s=worker.pause_s)
            await asyncio.sleep(worker.pause_s)
            worker.pause_s = min(worker.pause_s * 2, _LONGEST_PAUSE_S)
            if not await self._start(worker):
                await self._end(worker)

    async def _end(self, worker: _Worker) -> None:
        """Stops a worker: it gets the grace for its running requests, and little more."""
        process = worker.process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(self._settings.grace_s + _KILL_AFTER_S):
                await process.wait()
        except TimeoutError:
            _log.error("a worker did not stop and is killed", worker=worker.number)
            process.kill()
            await process.wait()


def told_line(settings: ServeSettings, ports: tuple[int, int], number: int, ready_file: Path) -> bytes:
    """What a worker is told: its number, and the settings with the ports as they are.

    Secrets stand there in clear: the line goes through a pipe and nowhere else.
    """
    told = replace(settings, port=ports[0], grpc_port=ports[1], ready_file=ready_file)
    return msgspec.json.encode({"number": number, "settings": told}, enc_hook=encoded) + b"\n"
