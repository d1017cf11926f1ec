"""`perpetuo serve`: both halves in one process, joined by the in-process channel.

Exit codes: 0 stopped, 1 cannot serve, 2 wrong options.
"""

import asyncio
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace

from msgspec import Struct

from cli.serve_settings import ServeSettings
from cli.start import start_block, write_ready_file, write_worker_file
from edge.listening import bind
from edge.serve import serving
from edge.standalone import gateway_app
from options.lean import give_back_often
from server.accounts.secrets import SecretsInvalidError
from server.accounts.vault import SealBrokenError
from server.app import Core, Place, collect_garbage_seldom
from server.demo import make_demo
from server.errors import StoreUnavailable
from server.stores import SettingsError
from server.telemetry.logs import configure, log_format


class Site(Struct, frozen=True):
    """Where a process stands when several serve: its number, and the descriptor whose end tells it to stop."""

    worker: int
    life_line: int


def serve(settings: ServeSettings, began: float, site: Site | None = None) -> int:
    """Serves in this process until it is told to stop; gives the exit code."""
    configure(log_format(settings.log_format), settings.log_level)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(settings, began) if site is None else _serve_beside(settings, site))
    except SettingsError as error:
        print(f"perpetuo serve: {error}", file=sys.stderr)
        return 2
    except (OSError, RuntimeError, ValueError, StoreUnavailable, SecretsInvalidError, SealBrokenError) as error:
        print(f"perpetuo serve: cannot serve: {error}", file=sys.stderr)
        return 1
    return 0


async def _serve(settings: ServeSettings, began: float) -> None:
    if settings.core:
        raise SettingsError("--core is for `python -m edge`; perpetuo serve brings its own core.")
    stop = _Stop()
    async with await Core.open(settings) as core:
        demo_key = await make_demo(core.stores) if settings.demo else ""
        grpc_port = await core.start()
        app = gateway_app(core.server.channel, settings, core.door)
        async with serving(app, settings, gate=app.state.gate) as port:
            print(start_block(settings, (port, grpc_port), demo_key, time.monotonic() - began), flush=True)
            if settings.ready_file is not None:
                write_ready_file(settings.ready_file, (port, grpc_port), demo_key)
            collect_garbage_seldom()
            give_back_often(asyncio.get_running_loop().call_later)
            stop.leads_to(core.leave)
            await stop.wait()
            core.leave()


async def _serve_beside(settings: ServeSettings, site: Site) -> None:
    """Serves as one of several processes."""
    stop = _Stop()
    asyncio.get_running_loop().add_reader(site.life_line, stop.tell)
    own = bind(settings.host, 0)
    sharing = replace(settings, replicas=settings.replicas * settings.workers)
    async with await Core.open(sharing, Place(shares_port=True, is_first=site.worker == 0)) as core:
        await core.start()
        app = gateway_app(core.server.channel, settings, core.door)
        async with serving(app, settings, beside=own, shares_port=True, gate=app.state.gate):
            if settings.ready_file is not None:
                write_worker_file(settings.ready_file, own.getsockname()[1])
            collect_garbage_seldom()
            give_back_often(asyncio.get_running_loop().call_later)
            stop.leads_to(core.leave)
            await stop.wait()
            core.leave()


class _Stop:
    """That this process was told to stop, by a signal or by `tell`."""

    def __init__(self) -> None:
        self._told = asyncio.Event()
        self._at_once: Callable[[], None] = lambda: None
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.tell)

    def tell(self) -> None:
        """Stops."""
        self._at_once()
        self._told.set()

    def leads_to(self, at_once: Callable[[], None]) -> None:
        """What is done when it is told, before anybody who waits for it gets a turn of the loop."""
        self._at_once = at_once

    async def wait(self) -> None:
        """Waits until it is told."""
        await self._told.wait()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The loop of uvloop where it is installed, which makes HTTP cheaper; else the standard one."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
