"""The directories of the spool: one for each process that writes, with a lock that ends with the process."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from server.chat.ids import new_id

_LOCK = "lock"
_CLAIM = "claim.lock"
_PREFIX = "run_"


def new_run(root: Path) -> tuple[Path, IO[bytes]]:
    """Makes a directory below `root` for this process, with its lock. Raises OSError."""
    with _claiming(root):
        directory = root / new_id(_PREFIX)
        directory.mkdir(mode=0o700)
        lock = _locked(directory)
    if lock is None:
        raise BlockingIOError(f"the lock of the new directory {directory} is taken")
    return directory, lock


def dead_runs(root: Path) -> list[tuple[Path, IO[bytes]]]:
    """The directories of processes that have died, oldest first, with their locks, which are ours now. Raises OSError.

    What another process has taken over already is not among them.
    """
    with _claiming(root):
        found = [
            (directory, _locked(directory)) for directory in sorted(root.glob(f"{_PREFIX}*")) if directory.is_dir()
        ]
    return [(directory, lock) for directory, lock in found if lock is not None]


def remove_run(directory: Path) -> None:
    """Removes a directory in which nothing is needed any more; what cannot be removed stays."""
    with contextlib.suppress(OSError):
        for path in directory.iterdir():
            path.unlink(missing_ok=True)
        directory.rmdir()


@contextlib.contextmanager
def _claiming(root: Path) -> Iterator[None]:
    """Nobody else makes or takes over a directory meanwhile."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _opened(root / _CLAIM) as file:
        _flock(file, waits=True)
        yield


def _locked(directory: Path) -> IO[bytes] | None:
    """The lock of a directory, None if another process has it."""
    file = _opened(directory / _LOCK)
    try:
        _flock(file, waits=False)
    except BlockingIOError:
        file.close()
        return None
    return file


def _opened(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")


def _flock(file: IO[bytes], *, waits: bool) -> None:
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
