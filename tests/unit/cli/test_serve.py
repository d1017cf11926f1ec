"""Serving in this process: what it refuses, and with which code. That it serves is seen in the tests of the whole."""

import socket
from pathlib import Path

import pytest

from cli.serve import serve
from cli.serve_settings import ServeSettings


def test_settings_that_contradict_each_other_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = ServeSettings.from_environment(core="127.0.0.1:1", data_dir=tmp_path, port=0, grpc_port=0)
    assert serve(settings, 0.0) == 2
    assert "--core" in capsys.readouterr().err


def test_a_port_that_is_taken_is_an_error_and_not_a_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = ServeSettings.from_environment(data_dir=tmp_path, port=taken.getsockname()[1], grpc_port=0)
        assert serve(settings, 0.0) == 1
    assert "cannot serve" in capsys.readouterr().err
