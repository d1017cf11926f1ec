"""A gRPC server that answers chat completions at once and does nothing else: the least that a call of a stub costs.

`python -m tests.bench.grpc_bare --gap-ms N --ready-file PATH`. A stream has the events of the paced upstream, so many
milliseconds apart. It asks nobody who calls, and knows neither limits nor records.
"""

import argparse
import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import uvloop
from perpetuo.v1 import chat_pb2, completions_pb2_grpc

from server.services.chat_json import json_to_message
from tests.bench import payload

Context = grpc.aio.ServicerContext[Any, Any]


class FixedAnswers(completions_pb2_grpc.CompletionsServiceServicer):
    """Answers with messages that were made before. `gap_s` seconds lie between two of a stream."""

    def __init__(self, gap_s: float) -> None:
        self._gap_s = gap_s
        self._answer = json_to_message(payload.answer(), chat_pb2.CreateChatCompletionResponse)
        chunks = [event.removeprefix(b"data: ") for event in payload.events()[:-1]]
        self._events = [json_to_message(chunk, chat_pb2.StreamChatCompletionResponse) for chunk in chunks]

    async def CreateChatCompletion(  # noqa: N802
        self, request: chat_pb2.CreateChatCompletionRequest, context: Context
    ) -> chat_pb2.CreateChatCompletionResponse:
        """The answer."""
        return self._answer

    async def StreamChatCompletion(  # noqa: N802
        self, request: chat_pb2.StreamChatCompletionRequest, context: Context
    ) -> AsyncIterator[chat_pb2.StreamChatCompletionResponse]:
        """The events, one at a time."""
        for event in self._events:
            await asyncio.sleep(self._gap_s)
            yield event


async def serve(gap_s: float, ready_file: Path) -> None:
    """Serves on a free port of 127.0.0.1, which the ready file tells, until SIGTERM."""
    server = grpc.aio.server()
    servicer = FixedAnswers(gap_s)  # type: ignore[abstract]  # only in the stubs: the raw methods are left out
    completions_pb2_grpc.add_CompletionsServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    ready_file.write_text(json.dumps({"pid": os.getpid(), "port": port, "grpc_port": port}), encoding="utf-8")
    await over.wait()
    await server.stop(None)


def main() -> None:
    """Serves as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.grpc_bare", description=__doc__)
    parser.add_argument("--gap-ms", type=float, default=0.0)
    parser.add_argument("--ready-file", type=Path, required=True)
    options = parser.parse_args()
    uvloop.run(serve(options.gap_ms / 1000, options.ready_file))


if __name__ == "__main__":
    main()
