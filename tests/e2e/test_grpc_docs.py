"""What docs/grpc.md tells a reader to run works as it stands, and its service config makes clients retry as it says.

Blocks below a comment `<!-- runnable with buf -->` or `<!-- runnable python -->` are run with the ports of the running
gateway in the place of the default ones. Behind a colon stands what a block is to end with: for buf the code of an
error, for Python what it prints.
"""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from perpetuo.v1 import chat_pb2, completions_pb2_grpc

from server.chat.principal import Plan, Principal
from server.errors import Draining, PerpetuoError, TokenInvalid, UpstreamUnavailable
from server.grpc_server import CoreServer
from server.inprocess import HandlerRegistry
from tests.e2e.gateway import ROOT, Gateway

PAGE = ROOT / "docs" / "grpc.md"
CONFIG = (ROOT / "docs" / "service_config.json").read_text(encoding="utf-8")
TRIES = 3
_BLOCK = re.compile(
    r"^<!-- runnable (?P<how>with buf|python)(: (?P<end>[^\n]+))? -->\n```(sh|python)\n(?P<block>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_CASES = [match.groupdict() for match in _BLOCK.finditer(PAGE.read_text(encoding="utf-8"))]


def blocks(how: str) -> list[Any]:
    """The blocks of a kind with what they end with."""
    cases = [(case["block"], case["end"]) for case in _CASES if case["how"] == how]
    return [pytest.param(*case, id=f"{number} {case[1] or 'OK'}") for number, case in enumerate(cases, start=1)]


async def output_of(command: list[str], folder: Path) -> tuple[int, str, str]:
    """Runs a program; its exit code, standard output and standard error."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "generated"),
    }
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return process.returncode or 0, output.decode(), errors.decode()


def test_the_page_has_blocks_of_every_kind() -> None:
    kinds = {(case["how"], bool(case["end"])) for case in _CASES}
    assert kinds == {("with buf", False), ("with buf", True), ("python", True)}
    assert all("127.0.0.1:50051" in case["block"] for case in _CASES)


@pytest.mark.parametrize(("block", "code"), blocks("with buf"))
async def test_a_block_for_buf(perpetuo: Gateway, tmp_path: Path, block: str, code: str | None) -> None:
    script = "set -euo pipefail\n" + block.replace("127.0.0.1:50051", perpetuo.target)
    status, output, errors = await output_of(["bash", "-c", script], tmp_path)
    if code is None:
        assert status == 0, errors
        assert output.strip()
    else:
        assert status != 0
        assert json.loads(errors)["code"] == code


@pytest.mark.parametrize(("block", "printed"), blocks("python"))
async def test_a_block_of_python(perpetuo: Gateway, block: str, printed: str) -> None:
    script = block.replace("127.0.0.1:50051", perpetuo.target)
    status, output, errors = await output_of([sys.executable, "-W", "error", "-c", script], ROOT)
    assert status == 0, errors
    assert output.strip() == printed


def test_the_example_stays_short() -> None:
    [first, *_] = [case["block"] for case in _CASES if case["how"] == "python"]
    assert len([line for line in first.splitlines() if line.strip()]) <= 12


def request_for(model: str) -> chat_pb2.CreateChatCompletionRequest:
    message = chat_pb2.ChatMessage(role="user", content=chat_pb2.MessageContent(text="hello"))
    return chat_pb2.CreateChatCompletionRequest(model=model, messages=[message])


@asynccontextmanager
async def stub_with_config(target: str) -> AsyncIterator["completions_pb2_grpc.CompletionsServiceAsyncStub"]:
    """A stub whose channel has the service config that the page ships, and no connection of earlier tests."""
    options = [("grpc.service_config", CONFIG), ("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(target, options) as channel:
        yield completions_pb2_grpc.CompletionsServiceStub(channel)


def lines_of(log: Path, client_request_id: str) -> list[dict[str, Any]]:
    """The lines of the access log about calls that came with this id."""
    lines = [line for line in log.read_text(encoding="utf-8").splitlines() if client_request_id in line]
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("method", ["CreateChatCompletion", "StreamChatCompletion"])
async def test_what_failed_at_every_provider_is_not_tried_again(perpetuo: Gateway, method: str) -> None:
    mine = f"docs-{uuid4()}"
    metadata = (("authorization", f"Bearer {perpetuo.demo_key}"), ("x-request-id", mine))
    async with stub_with_config(perpetuo.target) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            if method == "CreateChatCompletion":
                await stub.CreateChatCompletion(request_for("demo/error-500"), metadata=metadata)
            else:
                request = chat_pb2.StreamChatCompletionRequest(request=request_for("demo/error-500"))
                _ = [chunk async for chunk in stub.StreamChatCompletion(request, metadata=metadata)]
        # Lines are written in their order, a moment later: once the next call's is there, so are all before it.
        after = f"after-{uuid4()}"
        await stub.CreateChatCompletion(request_for("demo/echo"), metadata=(metadata[0], ("x-request-id", after)))
    async with asyncio.timeout(60):
        while not lines_of(perpetuo.log, after):
            await asyncio.sleep(0.01)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert dict(caught.value.trailing_metadata() or ())["grpc-retry-pushback-ms"] == "-1"
    [line] = lines_of(perpetuo.log, mine)
    assert (line["method"], line["reason"]) == (f"/perpetuo.v1.CompletionsService/{method}", "UPSTREAM_UNAVAILABLE")


class Failing(completions_pb2_grpc.CompletionsServiceServicer):
    """Fails so many times, then answers; counts the calls."""

    def __init__(self, error: PerpetuoError, times: int) -> None:
        self.calls = 0
        self._error = error
        self._times = times

    async def CreateChatCompletion(  # noqa: N802
        self, request: chat_pb2.CreateChatCompletionRequest, context: Any
    ) -> chat_pb2.CreateChatCompletionResponse:
        self.calls += 1
        if self.calls <= self._times:
            raise self._error
        return chat_pb2.CreateChatCompletionResponse(id="chatcmpl-1")


class AnyKey:
    """Lets everybody in."""

    async def authenticate_key(self, secret: str) -> Principal:
        return Principal("usr_1", "ws_1", Plan.ENTERPRISE)

    async def authenticate_token(self, token: str) -> Principal:
        raise TokenInvalid("There are no tokens here.")


RETRIES = [
    ("a gateway that drains, for a moment", Draining("Stopping."), TRIES - 1, TRIES, None),
    ("a gateway that drains, for longer", Draining("Stopping."), TRIES, TRIES, grpc.StatusCode.UNAVAILABLE),
    ("providers that all failed", UpstreamUnavailable("All failed."), 1, 1, grpc.StatusCode.UNAVAILABLE),
]


@pytest.mark.parametrize(
    ("error", "times", "calls", "code"), [case[1:] for case in RETRIES], ids=[c[0] for c in RETRIES]
)
async def test_how_often_the_server_is_called(
    error: PerpetuoError, times: int, calls: int, code: grpc.StatusCode | None
) -> None:
    servicer = Failing(error, times)  # type: ignore[abstract]
    registry = HandlerRegistry()
    completions_pb2_grpc.add_CompletionsServiceServicer_to_server(servicer, registry)
    server = CoreServer(registry, AnyKey())
    port = await server.start("127.0.0.1", 0)
    found: grpc.StatusCode | None = None
    async with stub_with_config(f"127.0.0.1:{port}") as stub:
        try:
            await stub.CreateChatCompletion(request_for("m"), metadata=(("x-api-key", "pk_1"),))
        except grpc.aio.AioRpcError as raised:
            found = raised.code()
    await server.stop(0)
    assert (found, servicer.calls) == (code, calls)
