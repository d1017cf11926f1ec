"""The import contracts catch what they are there for: one forbidden import for each, and each is broken by it."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house.sources import PRODUCT, ROOT

# By contract: where the forbidden import is put, and what it imports.
OFFENCES = {
    "layers": ("server/chat/offence.py", "import server.upstream"),
    "edge": ("edge/offence.py", "import server.errors"),
    "core": ("server/offence.py", "import starlette.routing"),
    "messages": ("server/routing/offence.py", "from perpetuo.v1 import errors_pb2"),
    "database": ("server/routing/offence_two.py", "from sqlalchemy import select"),
    "upstream": ("cli/offence.py", "import aiohttp"),
    "redis": ("server/storage/offence.py", "import redis.asyncio"),
    "pure": ("server/providers/offence.py", "from time import monotonic"),
    "dialects": ("server/providers/offence_two.py", "import server.providers.offence"),
    "routing": ("server/routing/offence_three.py", "import random"),
    "transcoder": ("edge/transcoder/offence.py", "import os.path"),
    "options": ("options/offence.py", "import edge.settings"),
    "command": ("server/offence_two.py", "import cli"),
}


def broken(tree: Path) -> set[str]:
    """Names of the contracts that a tree breaks."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    environment = os.environ | {"COLUMNS": "400", "NO_COLOR": "1", "PYTHONPATH": str(tree)}
    result = subprocess.run(
        [*command, "--no-cache"], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    assert "Contracts:" in result.stdout, result.stdout + result.stderr
    return set(re.findall(r"^(.+) BROKEN(?: \(.*\))?$", result.stdout, flags=re.MULTILINE))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the product's code and of the contracts."""
    for folder in PRODUCT:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_each_contract_catches_its_offence(tree: Path) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    assert {contract["id"] for contract in contracts} == set(OFFENCES)
    for path, line in OFFENCES.values():
        (tree / path).write_text(f"{line}\n", encoding="utf-8")
    assert broken(tree) == {contract["name"] for contract in contracts}


def test_the_tree_as_it_is_breaks_none(tree: Path) -> None:
    assert broken(tree) == set()
