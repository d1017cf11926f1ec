"""The core in a process of its own: serves until it is told to stop."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from options.lean import give_back_often
from server.accounts.secrets import SecretsInvalidError
from server.accounts.vault import SealBrokenError
from server.app import Core, collect_garbage_seldom
from server.demo import make_demo
from server.errors import StoreUnavailable
from server.settings import ServerSettings
from server.stores import SettingsError
from server.telemetry.logs import configure, log_format


def serve_alone(settings: ServerSettings) -> int:
    """Serves until SIGTERM or SIGINT; gives the exit code."""
    configure(log_format(settings.log_format), settings.log_level)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(settings))
    except SettingsError as error:
        print(f"server: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except (OSError, RuntimeError, ValueError, StoreUnavailable, SecretsInvalidError, SealBrokenError) as error:
        print(f"server: cannot serve: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


async def _serve(settings: ServerSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with await Core.open(settings) as core:
        demo_key = await make_demo(core.stores) if settings.demo else ""
        port = await core.start()
        if settings.ready_file is not None:
            write_ready_file(settings.ready_file, port, demo_key)
        collect_garbage_seldom()
        give_back_often(loop.call_later)

        def leave() -> None:
            core.leave()
            stop.set()

        # At once, and not when this coroutine has its next turn.
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, leave)
        await stop.wait()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The loop of uvloop where it is installed, which makes sockets cheaper; else the standard one."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def write_ready_file(path: Path, grpc_port: int, demo_key: str) -> None:
    """Writes `{"grpc_port", "pid", "demo_key"}` as JSON, whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(msgspec.json.encode({"grpc_port": grpc_port, "pid": os.getpid(), "demo_key": demo_key}))
    partial.replace(path)
