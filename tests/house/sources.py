"""The files that the rules of the house hold for. Only reads the working tree."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The folders of our own code; generated/ is not ours to shape.
PACKAGES = ("server", "edge", "cli", "options", "tests")
# Those of them that are the product.
PRODUCT = ("server", "edge", "cli", "options")


def python_files(*folders: str) -> list[Path]:
    """Every Python file below the folders, relative to the root, sorted."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(path.relative_to(ROOT) for path in found if "__pycache__" not in path.parts)


def functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of a file, nested ones too."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def parse(path: Path) -> ast.Module:
    """The syntax tree of a file that `python_files` named."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), filename=str(path))
