"""What a process that serves does without; each case is a process of its own, since imports cannot be taken back."""

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


LEAN = "import sys; from server.lean import import_lean; import_lean(); "


def test_what_nobody_uses_is_not_imported() -> None:
    absent = (
        "rich",
        "sqlalchemy.orm",
        "cryptography.hazmat.primitives.asymmetric.rsa",
        "genai_prices.update_prices",
        "jwt.jwks_client",
        "click",
        "multiprocessing",
        "html.entities",
        "google.protobuf.text_format",
        "logging.handlers",
        "pydantic",
        "genai_prices.types",
    )
    program = LEAN + (
        "import server.app, edge.standalone, cli.serve, server.ledger.prices, uvicorn.lifespan.off; "
        "server.ledger.prices.PriceBook().load(); "
    )
    program += f"print([name for name in {absent!r} if name in sys.modules])"
    assert run(program) == "[]"


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("import rich.console", id="rich"),
        pytest.param("import uvicorn; uvicorn.run, uvicorn.__version__", id="uvicorn's command"),
        pytest.param("import uvicorn.main; uvicorn.main.main", id="uvicorn's command as a module"),
        pytest.param(
            "import uvicorn.config as its; import uvicorn; uvicorn.Server; assert uvicorn.Config is its.Config",
            id="uvicorn's own classes",
        ),
        pytest.param("import zipfile; zipfile.ZipFile", id="archives"),
        pytest.param("import logging.config; logging.config.dictConfig({'version': 1})", id="logging by a file"),
        pytest.param("import http.client; assert http.client.responses[404] == 'Not Found'", id="phrases of HTTP"),
        pytest.param("import difflib; assert difflib.get_close_matches('a', ['ab'])", id="names that are like another"),
        pytest.param("import jwt; jwt.PyJWKClient, jwt.decode", id="all of the tokens' package"),
        pytest.param("import html; assert html.unescape('&eacute;') == 'é'", id="entities"),
        pytest.param("from google.protobuf import json_format, text_format", id="protobuf as text"),
        pytest.param(
            "import google.protobuf.internal.python_message as it; it.GeneratedProtocolMessageType", id="slow protobuf"
        ),
        pytest.param("from cryptography.hazmat.primitives.asymmetric import rsa", id="public keys"),
        pytest.param("from sqlalchemy.ext.asyncio import AsyncSession; AsyncSession()", id="sessions"),
        pytest.param("from sqlalchemy.ext.asyncio import *; async_sessionmaker()", id="all of the asyncio package"),
        pytest.param("import sqlalchemy.ext.asyncio.session", id="a module of the asyncio package"),
        pytest.param("import sqlalchemy.orm", id="the object mapper"),
        pytest.param("from genai_prices import UpdatePrices, calc_price; calc_price", id="all of the prices' package"),
        pytest.param("import genai_prices.data, genai_prices; genai_prices.Usage", id="the package after its data"),
        pytest.param(
            "import sqlalchemy.ext.asyncio as one; from sqlalchemy.ext.asyncio.engine import AsyncEngine as other; "
            "one.AsyncSession; assert one.AsyncEngine is other",
            id="the same classes afterwards",
        ),
    ],
)
def test_what_was_left_out_can_still_be_imported(program: str) -> None:
    run(LEAN + program)


def test_what_does_not_exist_is_told_as_ever() -> None:
    program = LEAN + "import sqlalchemy.ext.asyncio as it\ntry:\n  it.nonsense\nexcept AttributeError: print('told')"
    assert run(program) == "told"


def test_a_package_that_was_imported_before_stays_what_it_was() -> None:
    program = "import sqlalchemy.ext.asyncio as it, cryptography, rich; " + LEAN
    program += "assert sys.modules['rich'] is rich and sys.modules['cryptography'] is cryptography; it.AsyncSession"
    run(program)


ARENAS = """
import ctypes, re, threading
from server.lean import spare_memory
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
from server.lean import spare_memory
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
