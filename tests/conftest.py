"""Options of the whole test run."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` writes what the code makes into the golden files; the difference is reviewed as code."""
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files from what the code makes")
