"""Starts, pins and stops the measured programs, and reads what they cost from /proc. Linux only.

CPU time is user plus system time of a process and its descendants, `utime` and `stime` of proc(5), in steps of a clock
tick (10 ms); rounds of seconds make that step small.
"""

import os
import socket
import subprocess
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_START_LIMIT_S = 90.0
_STOP_LIMIT_S = 15.0


class ProgramFailedError(Exception):
    """A program ended or did not come up in time; the message holds the end of its log."""


def cores() -> tuple[int | None, int | None]:
    """The core of the measured program and the core of load and upstream; None twice where there is only one core."""
    available = sorted(os.sched_getaffinity(0))
    return (available[0], available[1]) if len(available) > 1 else (None, None)


@contextmanager
def confined(to: Collection[int]) -> Iterator[None]:
    """Keeps this thread, and what it starts meanwhile, on some cores; where none are named, on those that it has."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, to or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def program(command: Sequence[str], *, core: int | None, log: Path) -> Iterator[int]:
    """Runs a program pinned to a core, its output in a file, and stops it at the end. Gives its process id."""
    with confined(() if core is None else (core,)), log.open("ab") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_listening(port: int, pid: int, log: Path, limit_s: float = _START_LIMIT_S) -> None:
    """Waits until a program takes connections on a port of 127.0.0.1."""
    for _ in _attempts(pid, log, limit_s):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return


def wait_for_file(path: Path, pid: int, log: Path) -> bytes:
    """Waits until a program has written its ready file, and gives what it holds."""
    for _ in _attempts(pid, log):
        if path.exists() and (content := path.read_bytes()).strip():
            return content
    raise ProgramFailedError(f"{path} was not written")


def _attempts(pid: int, log: Path, limit_s: float = _START_LIMIT_S) -> Iterator[None]:
    until = time.monotonic() + limit_s
    while True:
        yield
        if not _alive(pid) or time.monotonic() > until:
            tail = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise ProgramFailedError(f"a program did not come up; its log ends with:\n{tail}")
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    return _stat(pid)[0] not in {"Z", "X"}


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cpu_s(pids: Sequence[int]) -> float:
    """CPU seconds that the processes and their descendants have taken so far, children that ended included."""
    # After the state come ppid … stime: fields 14 to 17 of proc(5) are utime, stime, cutime and cstime.
    return sum(sum(int(field) for field in _stat(pid)[11:15]) for pid in _trees(pids)) / _TICKS_PER_S


def rss_mib(pids: Sequence[int]) -> float:
    """Resident memory of the processes and their descendants, MiB."""
    pages = (int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) for pid in _trees(pids))
    return sum(pages) * _PAGE_BYTES / 2**20


def _trees(pids: Sequence[int]) -> list[int]:
    found = list(pids)
    for pid in found:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            found += [int(child) for child in children.read_text(encoding="ascii").split()]
    return found


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return ["X"]
    return text.rpartition(")")[2].split()
