"""The version of what runs: of the installed package, or of the working tree."""

import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def current_version() -> str:
    """As `0.1.0`."""
    try:
        return version("perpetuo")
    except PackageNotFoundError:
        project = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text())
        found: str = project["project"]["version"]
        return found
