"""What is told at the start: at most 12 lines, each of which a shell takes as it is, and files for programs."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from cli.serve_settings import ServeSettings
from cli.start import start_block, write_ready_file, write_worker_file

BLOCKS = [
    ("demo", start_block(ServeSettings.from_environment(demo=True), (8000, 50051), "pk_demo", 0.8)),
    ("plain", start_block(ServeSettings.from_environment(), (8000, 50051), "", 0.8)),
    ("IPv6", start_block(ServeSettings.from_environment(host="::1"), (8000, 50051), "pk_demo", 0.8)),
]


@pytest.mark.parametrize("block", [block for _, block in BLOCKS], ids=[name for name, _ in BLOCKS])
def test_a_block_is_short_and_every_line_is_valid_shell(block: str) -> None:
    lines = block.splitlines()
    assert len(lines) <= 12
    for line in lines:
        subprocess.run(["sh", "-n", "-c", line], check=True, timeout=10)
    assert any(line.startswith("curl ") for line in lines)


def test_the_ports_and_the_key_are_in_the_block() -> None:
    block = start_block(ServeSettings.from_environment(demo=True), (1234, 5678), "pk_demo", 0.8)
    assert "http://127.0.0.1:1234/v1" in block
    assert "127.0.0.1:5678" in block
    assert "Bearer pk_demo" in block


def test_the_ready_file_is_whole_when_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "ready"
    write_ready_file(path, (1, 2), "pk_demo")
    assert json.loads(path.read_bytes()) == {"port": 1, "grpc_port": 2, "pid": os.getpid(), "demo_key": "pk_demo"}
    write_ready_file(path, (1, 2), workers=[3, 4])
    assert json.loads(path.read_bytes())["workers"] == [3, 4]
    write_worker_file(path, 5)
    assert json.loads(path.read_bytes()) == {"pid": os.getpid(), "own_port": 5}
    assert list(tmp_path.iterdir()) == [path]
