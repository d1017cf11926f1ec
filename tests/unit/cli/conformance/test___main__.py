"""The command as it is typed."""

import json
import socket
from pathlib import Path

import pytest

from cli.conformance.__main__ import main
from cli.conformance.rows import FULL, rows


def test_lists_the_faults(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(rows(FULL))


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "--target is needed"),
        (["--only", "S99"], "no fault S99"),
        (["--header", "nonsense"], "not NAME:VALUE"),
        (["--ports", "1"], "not two ports"),
        (["--profile", "slow"], "invalid choice"),
    ],
)
def test_refuses_wrong_options(arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert why in capsys.readouterr().err


def test_says_when_nothing_comes_through(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert main(["--target", url, "--yes", "--settle", "0"]) == 2
    shown = capsys.readouterr()
    assert "primary   http://127.0.0.1:" in shown.out
    assert "no plain request came through" in shown.err


def test_a_command_can_set_the_gateway_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command learns where the upstreams are; here the gateway is nothing but the primary itself."""
    told, report = tmp_path / "told", tmp_path / "report.json"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["--target", f"http://127.0.0.1:{port}/v1", "--ports", f"{port},0", "--profile", "quick"]
    command += ["--config-command", f"sh -c 'echo $CONFORMANCE_PRIMARY >{told}'", "--json", str(report)]
    assert main([*command, "--only", "S08", "--label", "Nothing between", "--header", "x-a: b"]) == 0
    assert told.read_text() == f"http://127.0.0.1:{port}/v1\n"
    made = json.loads(report.read_text())
    assert made["target"] == "Nothing between"
    assert {fault["id"]: fault["verdict"] for fault in made["faults"]} == {"S08": "safe"}
    assert "0 pass, 0 partial, 1 safe, 0 fail" in capsys.readouterr().out
