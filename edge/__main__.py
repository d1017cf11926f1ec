"""`python -m edge --core HOST:PORT`: the REST face alone. Exit codes: 0 stopped, 1 cannot serve, 2 wrong options.

Heavy imports happen inside, after what makes them lighter.
"""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Sequence

from edge.settings import EdgeSettings
from options.lean import defer_seldom_used, give_back_often, import_http, import_logs, spare_memory
from options.options import OptionsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT; gives the exit code."""
    gc.disable()  # until everything is imported, see `_serve`
    import_logs()
    try:
        settings = EdgeSettings.from_command_line(sys.argv[1:] if arguments is None else arguments)
    except OptionsError as error:
        for problem in error.problems:
            print(f"edge: {problem}", file=sys.stderr)  # noqa: T201
        return 2
    if not settings.core:
        print("edge: --core HOST:PORT is required: where the gRPC core listens", file=sys.stderr)  # noqa: T201
        return 2
    spare_memory()
    defer_seldom_used()
    import_http()
    from edge.logs import configure

    configure(settings.log_level, settings.log_format)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(settings))
    except OSError as error:
        print(f"edge: cannot serve on {settings.host}:{settings.port}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


async def _serve(settings: EdgeSettings) -> None:
    from edge.standalone import run

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # What lives now lives to the end, and requests leave few cycles behind: collect seldom, and only what is new.
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    gc.enable()
    give_back_often(loop.call_later)
    await run(settings, stop)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The loop of uvloop where it is installed, which makes HTTP cheaper; else the standard one."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    sys.exit(main())
