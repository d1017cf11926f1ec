"""What malloc keeps, and what can still be imported; each case is a process of its own, since neither can be undone."""

import os
import subprocess
import sys

import pytest


def run(program: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=os.environ | environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("import_logs(); import rich.console, bz2; bz2.compress(b'')", id="the logs'"),
        pytest.param("defer_seldom_used(); import html; assert html.unescape('&eacute;') == 'é'", id="the seldom used"),
        pytest.param("import_http(); import uvicorn.main, uvicorn; uvicorn.run, uvicorn.main", id="the server's"),
        pytest.param(
            "import_part('json', 'decoder', 'JSONDecoder'); import json; assert json.JSONDecoder().decode('1') == 1; "
            "import sys; assert 'json.encoder' not in sys.modules; json.dumps({})",
            id="a part's",
        ),
    ],
)
def test_what_was_left_out_can_still_be_imported(program: str) -> None:
    run(f"from options.lean import *; {program}")


ARENAS = """
import ctypes, re, threading
from options.lean import spare_memory
spare_memory()
libc = ctypes.CDLL(None)
has_statistics = hasattr(libc, "malloc_info")
if has_statistics:
    ready, over = threading.Barrier(5), threading.Event()
    def allocate():
        kept = [bytes(2000) for _ in range(100)]
        ready.wait()
        over.wait()
    threads = [threading.Thread(target=allocate) for _ in range(4)]
    for each in threads: each.start()
    ready.wait()
    libc.fopen.restype = ctypes.c_void_p
    file = libc.fopen(b"/dev/stdout", b"w")
    libc.malloc_info(0, ctypes.c_void_p(file))
    libc.fclose(ctypes.c_void_p(file))
    over.set()
    for each in threads: each.join()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc")
@pytest.mark.parametrize(
    ("environment", "has_one"),
    [pytest.param({}, True, id="by itself"), pytest.param({"MALLOC_ARENA_MAX": "4"}, False, id="as the operator says")],
)
def test_all_threads_share_one_arena(environment: dict[str, str], has_one: bool) -> None:
    told = run(ARENAS, **environment)
    if "<malloc" not in told:
        pytest.skip("this C library does not tell of its arenas")
    assert (told.count("<heap nr=") == 1) is has_one


HASHES = """
import ctypes
from server.accounts.passwords import Passwords
from options.lean import spare_memory
import asyncio
spare_memory()
def resident_kib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
async def hashed():
    passwords = Passwords()
    await passwords.hash("its imports and its thread")
    before = resident_kib()
    for _ in range(3):
        await passwords.hash("a password that is long")
    return resident_kib() - before
print(asyncio.run(hashed()), hasattr(ctypes.CDLL(None), "mallopt"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc, and /proc")
def test_what_hashing_a_password_takes_is_given_back() -> None:
    grown_kib, has_mallopt = run(HASHES).split()
    if has_mallopt == "False":
        pytest.skip("this C library cannot be told")
    assert int(grown_kib) < 10 * 1024


HOLES = """
from options.lean import give_back_often
def resident_kib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
told = []
give_back_often(lambda *what: told.append(what))
if told:
    kept = [(bytes(60_000), bytes(600)) for _ in range(300)]
    kept = [between for _, between in kept]
    before = resident_kib()
    after_s, give_back = told.pop()
    give_back()
    print(before - resident_kib(), told == [(after_s, give_back)])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc, and /proc")
def test_what_is_free_between_what_is_in_use_is_given_back_again_and_again() -> None:
    told = run(HOLES)
    if not told:
        pytest.skip("this C library cannot be told")
    given_back_kib, is_due_again = told.split()
    assert int(given_back_kib) > 10 * 1024
    assert is_due_again == "True"
