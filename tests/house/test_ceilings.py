"""No file over 400 lines, no function over 50, no file named after nothing in particular."""

from pathlib import Path

import pytest

from tests.house.sources import PACKAGES, ROOT, functions, parse, python_files

FILE_LINES = 400
FUNCTION_LINES = 50
VAGUE_NAMES = {"util", "utils", "helper", "helpers", "common", "misc", "manager", "managers"}

FILES = python_files(*PACKAGES)


def test_there_is_code_to_check() -> None:
    assert {path.parts[0] for path in FILES} == set(PACKAGES)


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_is_short_enough_to_read(path: Path) -> None:
    lines = len((ROOT / path).read_text(encoding="utf-8").splitlines())
    assert lines <= FILE_LINES, f"{path} has {lines} lines; split it by what it is about"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_every_function_fits_on_a_screen(path: Path) -> None:
    lengths = {
        f"{path}:{node.lineno} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for node in functions(parse(path))
    }
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES} == {}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_is_named_after_what_it_holds(path: Path) -> None:
    assert not VAGUE_NAMES & {*path.parts[:-1], path.stem.removeprefix("test_").lstrip("_")}
