"""Options of the whole test run."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` writes what the code makes into the golden files; the difference is reviewed as code. `--faults all` tries every fault."""
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files from what the code makes")
    parser.addoption("--faults", choices=("some", "all"), default="some", help="how many cells of the faults' matrix")
