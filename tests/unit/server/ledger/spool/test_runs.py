"""A directory belongs to one process; when that is dead, to the first that asks."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from server.ledger.spool.runs import dead_runs, new_run, remove_run

HOLD = (
    "import sys, pathlib; from server.ledger.spool.runs import new_run;"
    "run = new_run(pathlib.Path(sys.argv[1])); print(run[0], flush=True); sys.stdin.read()"
)


def test_a_directory_is_taken_over_only_when_its_owner_has_let_go(tmp_path: Path) -> None:
    mine, lock = new_run(tmp_path / "spool")
    other, other_lock = new_run(tmp_path / "spool")
    assert mine != other
    assert dead_runs(tmp_path / "spool") == []
    other_lock.close()
    [(found, found_lock)] = dead_runs(tmp_path / "spool")
    assert found == other
    assert dead_runs(tmp_path / "spool") == []
    remove_run(other)
    assert not other.exists()
    found_lock.close()
    lock.close()


def test_a_process_that_is_killed_lets_go(tmp_path: Path) -> None:
    root = Path(__file__).parents[5]
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    directory = Path(process.stdout.readline().decode().strip())
    assert dead_runs(tmp_path) == []
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdin.close()
    process.stdout.close()
    [(found, lock)] = dead_runs(tmp_path)
    assert found == directory
    lock.close()


def test_what_cannot_be_removed_stays(tmp_path: Path) -> None:
    directory, lock = new_run(tmp_path)
    (directory / "folder").mkdir()
    remove_run(directory)
    assert directory.exists()
    remove_run(tmp_path / "absent")
    lock.close()


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    directory, lock = new_run(tmp_path / "spool")
    modes = [path.stat().st_mode & 0o077 for path in (directory.parent, directory, *directory.iterdir())]
    assert modes == [0] * len(modes)
    lock.close()
