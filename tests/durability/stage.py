"""A gateway and an upstream in processes of their own, on ports that stay the same over all starts."""

import asyncio
import contextlib
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.gateway import Account, add_provider, environment, sign_up
from tests.stores.ports import steady_port

_START_LIMIT_S = 60.0


@dataclass(slots=True)
class Gateway:
    """`perpetuo serve` with its data in `folder`."""

    folder: Path
    database_url: str = ""
    options: Sequence[str] = ()
    upstream_url: str = ""
    port: int = field(default_factory=steady_port)
    starts_s: list[float] = field(default_factory=list)
    queued_s: list[float] = field(default_factory=list)
    _process: asyncio.subprocess.Process | None = None

    @property
    def database(self) -> Path | str:
        """The file or the URL of its database."""
        return self.database_url or self.folder / "data" / "perpetuo.db"

    @property
    def log(self) -> Path:
        """Everything it has said, over all starts."""
        return self.folder / "gateway.log"

    @property
    def url(self) -> str:
        """The REST face."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Starts it, and waits until it serves."""
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        began = time.monotonic()
        arguments = ["serve", "--port", str(self.port), "--grpc-port", "0", "--data-dir", str(self.folder / "data")]
        arguments += ["--ready-file", str(ready), "--default-plan", "enterprise", "--allow-private-upstreams"]
        # What is asked here is what becomes of calls that were taken, on however busy a machine.
        arguments += ["--max-lag-ms", "0"]
        if self.database_url:
            arguments += ["--database-url", self.database_url]
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "cli.main", *arguments, *self.options),
                cwd=self.folder,
                env=_environment(),
                stdout=log,
                stderr=log,
            )
        await self._until_ready(ready)
        self.starts_s.append(time.monotonic() - began)
        self.queued_s.append(_queued_s(self._process.pid))

    async def kill(self) -> None:
        """Ends it as the kernel does."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """Asks it to end."""
        await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.send_signal(number)
            await process.wait()

    async def _until_ready(self, ready: Path) -> None:
        assert self._process is not None
        until = time.monotonic() + _START_LIMIT_S
        while not ready.exists():
            if self._process.returncode is not None or time.monotonic() > until:
                raise AssertionError(f"the gateway did not start:\n{self.log.read_text()[-4000:]}")
            await asyncio.sleep(0.02)


def _environment() -> dict[str, str]:
    """That it is late on a busy machine says nothing about it, unless its options say otherwise."""
    return {"PERPETUO_MAX_LAG_MS": "0"} | environment()


def _queued_s(pid: int) -> float:
    """How long a process could have run and had to wait for a CPU since it began, in seconds; 0 if nobody tells."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


@contextlib.asynccontextmanager
async def mock_upstream(folder: Path) -> AsyncIterator[str]:
    """`perpetuo mock`; its base URL."""
    ready = folder / "mock.json"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", "mock", "--port", "0", "--ready-file", str(ready)),
        cwd=folder,
        env=environment(),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_START_LIMIT_S):
            while not ready.exists():
                assert process.returncode is None, "the mock did not start"
                await asyncio.sleep(0.02)
        told: dict[str, Any] = json.loads(ready.read_text())
        yield told["base_url"]
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


@contextlib.asynccontextmanager
async def staged(
    folder: Path, database_url: str = "", options: Sequence[str] = ()
) -> AsyncIterator[tuple[Gateway, Account]]:
    """A gateway that serves, with a user whose only provider entry is the mock."""
    async with mock_upstream(folder) as base_url:
        gateway = Gateway(folder, database_url, options, base_url)
        try:
            await gateway.start()
            account = await sign_up(gateway.url, "durable@example.com")
            await add_provider(gateway.url, account, base_url)
            yield gateway, account
        finally:
            await gateway.stop()
