"""What several processes cannot share is refused, and what they are told survives the pipe."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cli.serve_settings import ServeSettings
from cli.worker import read_told
from cli.workers import WorkersError, check_workers, supervise, told_line
from options.secret import Secret

POSTGRES = "postgresql://user@127.0.0.1/perpetuo"
VALKEY = "valkey://127.0.0.1:6379"


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        pytest.param({}, "--database-url", id="SQLite has one writer"),
        pytest.param({"database_url": "sqlite:////tmp/p.db", "state_url": VALKEY}, "SQLite", id="SQLite by its URL"),
        pytest.param({"database_url": POSTGRES}, "--state-url", id="limits in memory hold for one process"),
        pytest.param(
            {"database_url": POSTGRES, "state_url": VALKEY, "demo": True}, "--demo", id="a demo is one process"
        ),
    ],
)
def test_several_workers_are_refused_and_told_why(
    settings: dict[str, object], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ServeSettings.from_environment(workers=2, **settings)
    with pytest.raises(WorkersError, match=named):
        check_workers(given)
    assert supervise(given, 0.0) == 2
    assert named in capsys.readouterr().err


def test_a_database_and_a_state_for_several_will_do() -> None:
    check_workers(ServeSettings.from_environment(workers=2, database_url=POSTGRES, state_url=VALKEY))


def test_what_a_worker_is_told_is_what_was_set() -> None:
    given = ServeSettings.from_environment(
        workers=2,
        database_url=POSTGRES,
        state_url=VALKEY,
        master_key=Secret("a master key"),
        data_dir=Path("/tmp/data"),
        cors_origins=("https://a.example", "https://b.example"),
    )
    line = told_line(given, (81, 82), 1, Path("/tmp/ready"))
    assert line.count(b"\n") == 1
    number, settings = read_told(line)
    assert number == 1
    assert settings == replace(given, port=81, grpc_port=82, ready_file=Path("/tmp/ready"))
    assert "a master key" in json.loads(line)["settings"].values()
    assert "a master key" not in repr(settings)


def test_who_looks_after_workers_holds_nothing_of_what_they_serve_with() -> None:
    absent = ("grpc", "google.protobuf", "sqlalchemy", "starlette", "uvicorn", "jwt", "genai_prices", "rich")
    program = (
        "import gc, sys; from cli.main import serve; "
        f"print(serve(['--workers', '3']), [name for name in {absent!r} if name in sys.modules], gc.isenabled())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "2 [] True"
