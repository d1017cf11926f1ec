"""`python -m cli.mock`: serves the mock until it is told to stop."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from cli.mock.catalogue import FAULTS
from cli.mock.parts import PARTS
from cli.mock.scenario import ScenarioUnknownError
from cli.mock.upstream import MockUpstream


async def serve(mock: MockUpstream, ready_file: Path | None) -> None:
    """Serves until SIGINT or SIGTERM. Writes `{"port", "pid", "base_url"}` to `ready_file` once it listens."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopped.set)
    async with mock:
        print(f"Mock upstream at {mock.base_url}; scenarios by the header x-mock-scenario or the model mock/SCENARIO.")
        if ready_file is not None:
            ready = {"port": mock.port, "pid": os.getpid(), "base_url": mock.base_url}
            partial = ready_file.with_name(f"{ready_file.name}.partial")
            partial.write_bytes(msgspec.json.encode(ready))
            partial.replace(ready_file)
        sys.stdout.flush()
        await stopped.wait()


def run(mock: MockUpstream, ready_file: Path | None = None) -> None:
    """Runs `serve` in a loop of its own, uvloop's where it is installed."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(serve(mock, ready_file))
    else:
        uvloop.run(serve(mock, ready_file))


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        "perpetuo mock",
        description="An upstream with scripted faults, in the dialects of OpenAI, Anthropic and Gemini.",
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at (127.0.0.1)")
    parser.add_argument("--port", type=int, default=9100, help="the port to listen at, 0 for a free one (9100)")
    parser.add_argument("--ready-file", type=Path, help="written with the port as JSON once it listens")
    parser.add_argument(
        "--scenario",
        default="",
        metavar="NAME[,NAME]",
        help="what requests get that name no scenario; several take turns; a comma within one is written %%2C",
    )
    parser.add_argument(
        "--ca-file", type=Path, help="written with the authority that a client of tls has to trust, PEM"
    )
    options = parser.parse_args(arguments)
    scenarios = options.scenario.split(",") if options.scenario else []
    try:
        mock = MockUpstream(options.host, options.port, scenarios)
    except ScenarioUnknownError as error:
        parser.error(str(error))
    if options.ca_file is not None:
        options.ca_file.write_bytes(mock.authority_pem)
    run(mock, options.ready_file)


def _epilog() -> str:
    faults = "\n".join(f"  {fault.name:<20}{fault.says}" for fault in FAULTS)
    parts = "\n".join(f"  {name:<20}{part.says}" for name, part in PARTS.items())
    return (
        f"Faults by name:\n{faults}\n\n"
        f"What they are made of, combined with +, as delay-first?ms=200+cut-at?byte=500:\n{parts}"
    )


if __name__ == "__main__":
    main()
