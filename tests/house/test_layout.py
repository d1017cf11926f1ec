"""Every source file has its test, nothing is left for later, and the transcoder knows no service by name."""

import ast
import re
from pathlib import Path

import pytest

from tests.house.sources import PRODUCT, ROOT, functions, parse, python_files

# Migrations are steps of one history, which one test walks from the first to the last.
MIGRATIONS = Path("server/storage/migrations")

# Spelled so that this file does not find itself.
LEFT_FOR_LATER = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
TEXT_SUFFIXES = {".py", ".proto", ".md", ".toml", ".yaml", ".lua", ".js", ".css", ".html", ".sh", ""}
TEXT_ROOTS = ("server", "edge", "cli", "options", "tests", "protos/perpetuo", "docs", ".ci")


def mirror_of(source: Path) -> Path:
    """Where the test of a source file is."""
    if source.is_relative_to(MIGRATIONS):
        return Path("tests/unit") / MIGRATIONS.parent / "test_migrations.py"
    return Path("tests/unit") / source.parent / f"test_{source.stem}.py"


SOURCES = [path for path in python_files(*PRODUCT) if path.name not in {"__init__.py", "__main__.py"}]


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_a_source_file_has_a_test_file_that_mirrors_it(source: Path) -> None:
    expected = mirror_of(source)
    assert (ROOT / expected).is_file(), f"{source} is tested by {expected}, which does not exist"
    assert any(node.name.startswith("test_") for node in functions(parse(expected)))


def text_files() -> list[Path]:
    """Every text file that we write by hand."""
    below = (path for root in TEXT_ROOTS for path in (ROOT / root).rglob("*"))
    top = (path for path in ROOT.iterdir() if not path.name.startswith("."))
    return sorted(
        path.relative_to(ROOT)
        for path in (*below, *top)
        if path.is_file() and path.suffix in TEXT_SUFFIXES and "__pycache__" not in path.parts
    )


def test_nothing_is_left_for_later() -> None:
    found = [
        f"{path}: {word}"
        for path in text_files()
        for word in LEFT_FOR_LATER
        if re.search(rf"\b{word}\b", (ROOT / path).read_text(encoding="utf-8"))
    ]
    assert found == []


def imported_modules(path: Path) -> set[str]:
    """Full names of what a file imports, `from a import b` as both `a` and `a.b`."""
    names: set[str] = set()
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", python_files("edge/transcoder"), ids=str)
def test_the_transcoder_knows_no_service_of_ours(path: Path) -> None:
    assert {name for name in imported_modules(path) if name.startswith("perpetuo.v1")} == set()
