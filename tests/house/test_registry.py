"""Every row of the registry of providers has golden files, and nobody but the registry knows a provider's name."""

import ast
from pathlib import Path

import pytest

from server.providers.registry import PROVIDERS
from tests.house.sources import PRODUCT, ROOT, parse, python_files

GOLDEN = ROOT / "tests/providers"


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_a_provider_has_golden_files(name: str) -> None:
    assert {path.name for path in (GOLDEN / name).glob("*.json")} >= {"request.json", "error.json"}


def test_every_golden_folder_belongs_to_a_provider() -> None:
    assert {path.name for path in GOLDEN.iterdir() if path.is_dir() and path.name != "__pycache__"} == set(PROVIDERS)


def names_compared(tree: ast.Module) -> set[str]:
    """Names of providers that a file compares something with, `match` included."""
    compared: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            compared += [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            compared.append(node.value)
    constants = (inner.value for node in compared for inner in ast.walk(node) if isinstance(inner, ast.Constant))
    return {value for value in constants if isinstance(value, str) and value in PROVIDERS}


@pytest.mark.parametrize("path", python_files(*PRODUCT), ids=str)
def test_no_code_asks_which_provider_it_is(path: Path) -> None:
    assert names_compared(parse(path)) == set()


@pytest.mark.parametrize(
    ("code", "found"),
    [
        pytest.param("provider == 'openai'", {"openai"}, id="an equality is found"),
        pytest.param("provider in ('groq', 'xai')", {"groq", "xai"}, id="a membership is found"),
        pytest.param("match provider:\n  case 'mistral': pass", {"mistral"}, id="a match is found"),
        pytest.param("provider == row.name; print('openai')", set(), id="a mention is not a comparison"),
    ],
)
def test_comparisons_are_found(code: str, found: set[str]) -> None:
    assert names_compared(ast.parse(code)) == found
