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


LEAN = "from options.lean import import_http; from server.lean import import_lean; import_lean(); import_http(); "


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
        "pydantic_core.core_schema",
        "genai_prices.types",
        "_bz2",
        "_lzma",
        "encodings.idna",
        "edge.transcoder.openapi",
        "server.providers.anthropic.dialect",
        "server.providers.bedrock.dialect",
        "server.providers.cohere.dialect",
        "server.providers.google.dialect",
        "server.providers.responses",
    )
    program = LEAN + (
        "import server.app, edge.standalone, cli.serve, server.ledger.prices, uvicorn.lifespan.off; "
        "server.ledger.prices.PriceBook().load(); "
        "import edge.listening; edge.listening.bind('localhost', 0).close(); "
    )
    program += f"import sys; print([name for name in {absent!r} if name in sys.modules])"
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
        pytest.param("import pydantic; pydantic.create_model('It', x=(int, 1))(x='3')", id="pydantic"),
        pytest.param(
            "import pydantic_core.core_schema; from pydantic_core import MISSING; "
            "import pydantic; pydantic.create_model('It', x=(int, 1))(x='3')",
            id="what pydantic's schemas are written by, before anything else of it",
        ),
        pytest.param("import zipfile; zipfile.ZipFile", id="archives"),
        pytest.param("import bz2, lzma; bz2.decompress(bz2.compress(b'')); lzma.compress(b'')", id="packers"),
        pytest.param("from lzma import LZMAError; from bz2 import BZ2File; import tarfile", id="names of packers"),
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
    program = "import sys; import sqlalchemy.ext.asyncio as it, cryptography, rich; " + LEAN
    program += "assert sys.modules['rich'] is rich and sys.modules['cryptography'] is cryptography; it.AsyncSession"
    run(program)
