"""The version is the one that the project declares."""

import tomllib
from pathlib import Path

from cli.version import current_version


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads(Path(__file__).parents[3].joinpath("pyproject.toml").read_text())
    assert current_version() == project["project"]["version"]
