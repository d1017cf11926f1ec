"""`python -m cli.mock` as a process."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import msgspec
import pytest

from cli.mock.__main__ import main


def test_serves_on_a_free_port_tells_it_and_ends_on_a_signal(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", "cli.mock", "--port", "0", "--ready-file", str(ready)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[4]) as process:
        try:
            deadline = time.monotonic() + 20
            while not ready.exists() and time.monotonic() < deadline and process.poll() is None:
                os.sched_yield()
            told = msgspec.json.decode(ready.read_bytes())
            assert told["pid"] == process.pid
            with urllib.request.urlopen(f"http://127.0.0.1:{told['port']}/v1/models", timeout=10) as answer:
                assert answer.status == 200
        finally:
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=20)
        assert process.returncode == 0
        assert str(told["port"]).encode() in output


def test_serves_scenarios_of_a_port_and_refuses_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--scenario", "nonsense"])
    assert "no scenario 'nonsense'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--scenario", "refused,ok", "--ca-file", str(tmp_path / "ca.pem")])
    assert "stands alone" in capsys.readouterr().err


def test_help_lists_every_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert "stall-after" in shown
    assert "limit-once" in shown
