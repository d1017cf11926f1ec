"""One worker of `perpetuo serve --workers N`: serves on ports that others serve on too, and on one of its own.

It reads its settings from standard input, one line of JSON, and stops when that is closed or on SIGTERM.
"""

import contextlib
import gc
import os
import sys
import time

import msgspec

from cli.serve import Site, serve
from cli.serve_settings import ServeSettings


class _Told(msgspec.Struct):
    """What the supervisor says."""

    number: int
    settings: dict[str, object]


def read_told(line: bytes) -> tuple[int, ServeSettings]:
    """The worker's number and its settings. Raises msgspec.DecodeError for anything else."""
    told = msgspec.json.decode(line, type=_Told)
    return told.number, ServeSettings.from_environment(**told.settings)


def let_others_finish() -> None:
    """Whoever is woken does not interrupt who runs: where workers share a core, each does more before the next one.

    What comes meanwhile is then served together, and caches are filled less often.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def main() -> int:
    """Serves until it is told to stop; gives the exit code."""
    began = time.monotonic()
    gc.disable()  # until everything is imported and built, see `collect_garbage_seldom`
    number, settings = read_told(sys.stdin.buffer.readline())
    if settings.workers > 1:
        let_others_finish()
    return serve(settings, began, Site(worker=number, life_line=sys.stdin.fileno()))
