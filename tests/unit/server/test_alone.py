"""`python -m server` serves until a signal, says what is wrong in a line, and imports no more than it needs."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

_START_S = 60

IMPORTS = """
import sys
from server.__main__ import main
print(main(["--demo", "--host", "0.0.0.0", "--data-dir", sys.argv[1]]))
absent = {"rich", "click", "pydantic", "sqlalchemy.orm", "html.entities", "starlette", "uvicorn"}
print(sorted(absent & set(sys.modules)))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
async def test_it_serves_until_a_signal_and_ends_well(tmp_path: Path, number: signal.Signals) -> None:
    ready = tmp_path / "ready"
    options = ["--grpc-port", "0", "--grace-s", "0", "--data-dir", str(tmp_path / "data"), "--ready-file", str(ready)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server", *options, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(_START_S):
        while not ready.exists():
            assert process.returncode is None
            await asyncio.sleep(0.02)
    told = json.loads(ready.read_bytes())
    assert (told["pid"], told["demo_key"]) == (process.pid, "")
    async with grpc.aio.insecure_channel(f"127.0.0.1:{told['grpc_port']}") as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        answer = await health.Check(health_pb2.HealthCheckRequest())
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    process.send_signal(number)
    _, errors = await asyncio.wait_for(process.communicate(), _START_S)
    assert process.returncode == 0, errors.decode()


@pytest.mark.parametrize(
    ("options", "code", "complaint"),
    [
        pytest.param(["--grpc-port", "x"], 2, "server: --grpc-port: should be a whole number", id="a wrong option"),
        pytest.param(["--demo", "--host", "0.0.0.0"], 2, "server: --demo listens on loopback", id="a wrong setting"),
        pytest.param(["--host", "192.0.2.1"], 1, "server: cannot serve: ", id="a foreign address"),
    ],
)
def test_it_says_what_is_wrong_in_a_line(tmp_path: Path, options: list[str], code: int, complaint: str) -> None:
    command = [sys.executable, "-m", "server", "--data-dir", str(tmp_path), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_START_S, check=False)
    assert done.returncode == code, done.stderr
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_it_imports_no_more_than_it_needs(tmp_path: Path) -> None:
    command = [sys.executable, "-c", IMPORTS, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_START_S, check=True)
    assert done.stdout.splitlines() == ["2", "[]"]
