"""Sends chat completions over gRPC from a process of its own, so many at once, and counts like wrk.

`python -m tests.bench.grpc_load HOST:PORT KEY BODY CALLS SECONDS` prints one JSON line. It uses the raw methods, whose
messages hold the JSON of a REST caller; a body with `"stream": true` takes the streaming one.
"""

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import grpc
from google.api import httpbody_pb2
from perpetuo.v1 import completions_pb2, completions_pb2_grpc

from tests.bench import payload
from tests.bench.load import Load, Target, WrongAnswerError


def send(target: Target, *, body: Path, calls: int, seconds: float, core: int | None) -> Load:
    """Loads a gRPC target (its `url` is `host:port`) for a time. Any failed call is a `WrongAnswerError`."""
    command = [sys.executable, "-m", "tests.bench.grpc_load", target.url, target.key, str(body), str(calls)]
    command.append(str(seconds))
    if core is not None:
        command = ["taskset", "-c", str(core), *command]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise WrongAnswerError(f"{target.url} over gRPC: {result.stderr[-1000:]}")
    return Load(**json.loads(result.stdout))


class _Caller:
    """One channel and what is asked over it."""

    def __init__(self, channel: grpc.aio.Channel, key: str, body: bytes) -> None:
        self._stub = completions_pb2_grpc.CompletionsServiceStub(channel)
        self._metadata = (("authorization", f"Bearer {key}"),)
        self._body = httpbody_pb2.HttpBody(content_type="application/json", data=body)
        self._is_stream = json.loads(body).get("stream", False)
        self.took_s: list[float] = []

    async def ask_until(self, end_s: float) -> None:
        """One call after the other."""
        while (began := time.monotonic()) < end_s:
            await (self._stream() if self._is_stream else self._whole())
            self.took_s.append(time.monotonic() - began)

    async def _whole(self) -> None:
        request = completions_pb2.CreateRawChatCompletionRequest(body=self._body)
        await self._stub.CreateRawChatCompletion(request, metadata=self._metadata, timeout=30)

    async def _stream(self) -> None:
        request = completions_pb2.StreamRawChatCompletionRequest(body=self._body)
        messages = self._stub.StreamRawChatCompletion(request, metadata=self._metadata, timeout=30)
        events = 0
        async for message in messages:
            events += len(message.events)
        if events < payload.EVENTS:
            raise WrongAnswerError(f"a stream of {events} events")


async def _measure(address: str, key: str, body: bytes, calls: int, seconds: float) -> Load:
    async with grpc.aio.insecure_channel(address) as channel:
        caller = _Caller(channel, key, body)
        began = time.monotonic()
        await asyncio.gather(*(caller.ask_until(began + seconds) for _ in range(calls)))
        took = sorted(caller.took_s)
        return Load(
            requests=len(took),
            duration_s=time.monotonic() - began,
            p50_ms=took[len(took) // 2] * 1000,
            p99_ms=took[len(took) * 99 // 100] * 1000,
        )


def main() -> None:
    """Measures as the command line says."""
    address, key, body, calls, seconds = sys.argv[1:]
    load = asyncio.run(_measure(address, key, Path(body).read_bytes(), int(calls), float(seconds)))
    sys.stdout.write(json.dumps(asdict(load)) + "\n")


if __name__ == "__main__":
    main()
