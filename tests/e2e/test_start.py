"""The command as a new user meets it: the start block can be pasted, and stopping loses nothing."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sqlite3
from pathlib import Path

import httpx2
import pytest

from tests.e2e.gateway import Gateway, gateway

ASK = {"model": "demo/echo", "messages": [{"role": "user", "content": "hi"}]}


async def shell(line: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", line, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_lines_of_the_start_block_work_as_they_are(perpetuo: Gateway) -> None:
    block = [line for line in perpetuo.log.read_text().splitlines() if not line.startswith("{")]
    assert block[0].startswith("# perpetuo ")
    assert len(block) <= 12
    curls = [line for line in block if line.startswith("curl ")]
    assert len(curls) >= 4
    for line in curls:
        code, output = await shell(line)
        assert code == 0, line
        assert '"error"' not in output, output
    code, output = await shell(next(line for line in curls if '"model":"demo/echo"' in line))
    assert json.loads(output)["choices"][0]["message"]["content"] == "hello"


def records(running: Gateway) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{running.data_dir / 'perpetuo.db'}?mode=ro", uri=True)) as database:
        count: int = database.execute("SELECT COUNT(*) FROM operations").fetchone()[0]
    return count


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_stopping_writes_every_record(tmp_path: Path, number: signal.Signals) -> None:
    async with gateway(tmp_path) as running:
        headers = {"authorization": f"Bearer {running.demo_key}"}
        async with httpx2.AsyncClient(base_url=running.url, headers=headers, timeout=60) as client:
            for _ in range(20):
                assert (await client.post("/v1/chat/completions", json=ASK)).status_code == 200
        os.kill(running.pid, number)
    assert records(running) == 20
    assert "Traceback" not in running.log.read_text()


async def test_a_running_stream_ends_whole_within_the_grace(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running:
        headers = {"authorization": f"Bearer {running.demo_key}"}
        async with httpx2.AsyncClient(base_url=running.url, headers=headers, timeout=30) as client:
            body = {**ASK, "model": "demo/slow", "stream": True}
            async with client.stream("POST", "/v1/chat/completions", json=body) as answer:
                lines = answer.aiter_lines()
                assert (await anext(lines)).startswith("data: ")
                os.kill(running.pid, signal.SIGTERM)
                rest = [line async for line in lines]
    assert "data: [DONE]" in rest
    assert records(running) == 1


async def test_a_second_gateway_on_the_same_data_is_refused(perpetuo: Gateway, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"ended with 1(.|\n)*perpetuo.db"):
        async with gateway(tmp_path, "--data-dir", str(perpetuo.data_dir)):
            raise AssertionError("it must not start")
