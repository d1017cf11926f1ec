"""`python -m cli.mock`: serves the mock until it is told to stop."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from cli.mock.scenario import KNOWN
from cli.mock.upstream import MockUpstream


async def serve(host: str, port: int, ready_file: Path | None) -> None:
    """Serves until SIGINT or SIGTERM. Writes `{"port", "pid", "base_url"}` to `ready_file` once it listens."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopped.set)
    async with MockUpstream(host, port) as mock:
        print(f"Mock upstream at {mock.base_url}; scenarios by the header x-mock-scenario or the model mock/SCENARIO.")
        if ready_file is not None:
            ready = {"port": mock.port, "pid": os.getpid(), "base_url": mock.base_url}
            partial = ready_file.with_name(f"{ready_file.name}.partial")
            partial.write_bytes(msgspec.json.encode(ready))
            partial.replace(ready_file)
        sys.stdout.flush()
        await stopped.wait()


def run(host: str = "127.0.0.1", port: int = 9100, ready_file: Path | None = None) -> None:
    """Runs `serve` in a loop of its own, uvloop's where it is installed."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(serve(host, port, ready_file))
    else:
        uvloop.run(serve(host, port, ready_file))


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line."""
    scenarios = "\n".join(f"  {name:<18}{text}" for name, text in KNOWN.items())
    parser = argparse.ArgumentParser(
        "perpetuo mock",
        description="An OpenAI-compatible upstream with scripted faults.",
        epilog=f"Scenarios, combined with +, as delay-first?ms=200+cut-at?byte=500:\n{scenarios}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at (127.0.0.1)")
    parser.add_argument("--port", type=int, default=9100, help="the port to listen at, 0 for a free one (9100)")
    parser.add_argument("--ready-file", type=Path, help="written with the port as JSON once it listens")
    options = parser.parse_args(arguments)
    run(options.host, options.port, options.ready_file)


if __name__ == "__main__":
    main()
