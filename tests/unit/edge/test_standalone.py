"""The edge in a process of its own."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from edge.settings import EdgeSettings
from edge.standalone import channel_options, run, write_ready_file
from tests.unit.edge.echo import Core

ROOT = Path(__file__).parents[3]
IMPORTS = """
import gc, sys
from edge.__main__ import main
print(main(["--core", "127.0.0.1:1", "--host", "192.0.2.1"]))
absent = {"rich", "click", "multiprocessing", "html.entities", "google.protobuf.text_format", "_bz2", "edge.openapi"}
print(sorted((absent | {"server", "sqlalchemy", "cryptography", "uvicorn.main"}) & set(sys.modules)))
print(gc.isenabled())
"""


def test_the_channel_has_room_for_the_largest_body_and_what_wraps_it() -> None:
    options = dict(channel_options(32 * 1024 * 1024))
    assert options["grpc.max_send_message_length"] > 32 * 1024 * 1024
    assert options["grpc.max_receive_message_length"] > 32 * 1024 * 1024
    assert options["grpc.http2.bdp_probe"] == 0


def test_the_ready_file_is_written_whole(tmp_path: Path) -> None:
    write_ready_file(tmp_path / "ready", 8123)
    assert json.loads((tmp_path / "ready").read_text())["port"] == 8123
    assert [path.name for path in tmp_path.iterdir()] == ["ready"]


async def test_it_serves_the_gateways_paths_over_a_channel_until_it_is_stopped(core: Core, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    stop = asyncio.Event()
    settings = EdgeSettings.from_environment(port=0, core=f"127.0.0.1:{core.port}", ready_file=ready)
    task = asyncio.create_task(run(settings, stop))
    port = await _port(ready)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        assert (await client.get("/health/ready")).json()["status"] == "ok"
        assert (await client.post("/auth/login", json={"nope": 1})).json()["success"] is False
        missing = await client.get("/v1/models", headers={"authorization": "Bearer x"})
        assert (missing.status_code, missing.json()["error"]["code"]) == (501, "not_implemented")
    stop.set()
    await task


async def test_it_refuses_model_calls_when_it_serves_as_many_as_it_may(tmp_path: Path) -> None:
    asked = asyncio.Event()
    left: list[asyncio.Event] = []

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left.append(has_left := asyncio.Event())
        asked.set()
        await reader.read()
        writer.close()
        await writer.wait_closed()
        has_left.set()

    silent = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    stop = asyncio.Event()
    core_port = silent.sockets[0].getsockname()[1]
    ready = tmp_path / "ready"
    settings = EdgeSettings.from_environment(
        port=0, core=f"127.0.0.1:{core_port}", ready_file=ready, max_in_flight=1, grace_s=0, tunnel=False
    )
    task = asyncio.create_task(run(settings, stop))
    port = await _port(ready)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        waiting = asyncio.create_task(client.post("/v1/chat/completions", json={}))
        await asked.wait()
        refused = await client.post("/v1/chat/completions", json={})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
        assert 1 <= int(refused.headers["retry-after"]) <= 3
        assert (await client.get("/health")).status_code == 200
        waiting.cancel()
        await asyncio.wait([waiting])
    stop.set()
    await task
    silent.close()
    for event in left:
        await event.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
async def test_the_command_serves_until_a_signal_and_ends_well(
    core: Core, tmp_path: Path, number: signal.Signals
) -> None:
    ready = tmp_path / "ready"
    arguments = ("--core", f"127.0.0.1:{core.port}", "--port", "0", "--ready-file", str(ready))
    process = await _command(*arguments)
    async with httpx2.AsyncClient(timeout=60) as client:
        answer = await client.get(f"http://127.0.0.1:{await _port(ready)}/health")
    assert answer.json()["status"] == "ok"
    process.send_signal(number)
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0, errors.decode()


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        pytest.param([], 2, "--core HOST:PORT is required", id="no core"),
        pytest.param(["--core", "x"], 2, "--core: expected HOST:PORT", id="a core without a port"),
        pytest.param(["--core", "x:1", "--max-body-mib", "0"], 2, "--max-body-mib: ", id="a wrong number"),
        pytest.param(["--core", "127.0.0.1:1", "--host", "192.0.2.1"], 1, "cannot serve on", id="a foreign address"),
    ],
)
async def test_the_command_says_what_is_wrong_in_a_line(arguments: list[str], code: int, complaint: str) -> None:
    process = await _command(*arguments)
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == code
    assert complaint in errors.decode()
    assert "Traceback" not in errors.decode()


def test_it_imports_no_more_than_it_needs() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == ["1", "[]", "True"]


async def _command(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "edge",
        *arguments,
        cwd=ROOT,
        env={"PYTHONPATH": "generated", "PATH": ""},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )


async def _port(ready: Path) -> int:
    return await asyncio.to_thread(_wait_for_port, ready)


def _wait_for_port(ready: Path) -> int:
    give_up_at_s = time.monotonic() + 20
    while not ready.exists() and time.monotonic() < give_up_at_s:
        time.sleep(0.01)
    port: int = json.loads(ready.read_text())["port"]
    return port
