"""What a worker reads from its supervisor."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from cli.worker import read_told


@pytest.mark.parametrize(
    "line", [b"", b"{}", b'{"number": 1}', b"nonsense"], ids=["nothing", "empty", "half", "no JSON"]
)
def test_anything_else_than_what_a_supervisor_says_is_refused(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        read_told(line)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems know no such policy")
def test_a_worker_that_is_woken_interrupts_nobody_and_passes_that_on_to_its_threads() -> None:
    script = (
        "import os, threading; from cli.worker import let_others_finish; let_others_finish()\n"
        "seen = [os.sched_getscheduler(0)]\n"
        "thread = threading.Thread(target=lambda: seen.append(os.sched_getscheduler(0)))\n"
        "thread.start(); thread.join()\n"
        "assert seen == [os.SCHED_BATCH, os.SCHED_BATCH], seen\n"
    )
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", script], check=True, env=os.environ | {"PYTHONPATH": str(root)})
