"""What a call costs over each transport: `python -m tests.bench.inprocess_channel [--uvloop]`.

Both sides run in one process and one loop, so each figure is the whole cost of a call, in microseconds of CPU time
of the process; it is the median of several rounds in which the transports take turns. The request is a raw JSON
body of 3 KB, with the metadata that the edge sends.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
from structlog.testing import CapturingLogger

from server.chat.principal import Plan, Principal
from server.interceptors.authenticate import AuthenticateInterceptor
from server.interceptors.status import StatusInterceptor
from tests.contract.channel.stage import (
    SERVICE,
    TRANSPORTS,
    Context,
    Script,
    Stage,
    Text,
    open_stage,
    text,
    unary_stream,
    unary_unary,
)

ROUNDS = 5
CALLS = {"tcp": 300, "unix": 300, "inprocess": 5_000}
STREAM_MESSAGES = 100
METADATA = (("authorization", "Bearer pk_bench"), ("x-request-id", "bench"), ("x-perpetuo-surface", "rest"))
REQUEST = text("x" * 3_000)
EVENT = text("x" * 250)
ACCESS_KEY = 3

Case = Callable[[Stage, int], Awaitable[int]]


async def echo(request: Text, context: Context) -> Text:
    return request


async def pour(request: Text, context: Context) -> AsyncIterator[Text]:
    for _ in range(STREAM_MESSAGES):
        yield EVENT


class AnyKey:
    """Admits everybody, so that only the way to it is measured."""

    async def authenticate_key(self, secret: str) -> Principal:
        return Principal("usr", "ws", Plan.ENTERPRISE, key_id="key")

    async def authenticate_token(self, token: str) -> Principal:
        return Principal("usr", "ws", Plan.ENTERPRISE, token_id="tok")


def script(*, has_interceptors: bool) -> Script:
    """Echo and a stream, bare or behind the real interceptors without their log."""
    log: Any = CapturingLogger()
    table: Any = {f"/{SERVICE}/Do": ACCESS_KEY, f"/{SERVICE}/Pour": ACCESS_KEY}
    chain: Sequence[grpc.aio.ServerInterceptor] = (
        StatusInterceptor(log, has_access_log=False),
        AuthenticateInterceptor(AnyKey(), table),
    )
    return Script({"Do": unary_unary(echo), "Pour": unary_stream(pour)}, chain if has_interceptors else ())


async def unary_calls(stage: Stage, count: int) -> int:
    method = stage.unary_unary()
    for _ in range(count):
        await method(REQUEST, metadata=METADATA, timeout=30)
    return count


async def streamed_messages(stage: Stage, count: int) -> int:
    method = stage.unary_stream("Pour")
    streams = max(count // STREAM_MESSAGES, 1)
    for _ in range(streams):
        async for _message in method(REQUEST, metadata=METADATA, timeout=30):
            pass
    return streams * STREAM_MESSAGES


CASES: dict[str, tuple[bool, Case]] = {
    "unary call": (False, unary_calls),
    "unary call, interceptors": (True, unary_calls),
    "streamed message": (False, streamed_messages),
    "streamed message, interceptors": (True, streamed_messages),
}


async def microseconds(case: Case, stage: Stage, count: int) -> float:
    """What one unit of a case takes."""
    started = time.process_time()
    done = await case(stage, count)
    return (time.process_time() - started) / done * 1e6


async def measured(has_interceptors: bool, case: Case) -> dict[str, float]:
    """The median of a case for each transport, which take turns."""
    seen: dict[str, list[float]] = {transport: [] for transport in TRANSPORTS}
    async with AsyncExitStack() as stack:
        stages: dict[str, Stage] = {}
        for transport in TRANSPORTS:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            opened = open_stage(transport, script(has_interceptors=has_interceptors), directory)
            stages[transport] = await stack.enter_async_context(opened)
            await case(stages[transport], CALLS[transport] // 5)
        for transport in TRANSPORTS * ROUNDS:
            seen[transport].append(await microseconds(case, stages[transport], CALLS[transport]))
    return {transport: statistics.median(figures) for transport, figures in seen.items()}


async def main() -> None:
    """Prints the table."""
    print(f"{'us each':32}" + "".join(f"{transport:>12}" for transport in TRANSPORTS))
    for name, (has_interceptors, case) in CASES.items():
        figures = await measured(has_interceptors, case)
        print(f"{name:32}" + "".join(f"{figures[transport]:12.1f}" for transport in TRANSPORTS), flush=True)


def run(arguments: Sequence[str]) -> None:
    """Runs the benchmark on the loop that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uvloop", action="store_true", help="use uvloop, as the server does when it is installed")
    if parser.parse_args(arguments).uvloop:
        import uvloop

        uvloop.run(main())
    else:
        asyncio.run(main())


if __name__ == "__main__":
    run(sys.argv[1:])
