"""The commands that `perpetuo --help` lists, and that each passes its arguments on."""

import pytest
from typer.testing import CliRunner

from cli.commands import app


def test_the_help_lists_every_command() -> None:
    done = CliRunner().invoke(app, ["--help"])
    assert done.exit_code == 0
    assert all(name in done.output for name in ("serve", "mock", "conformance", "users"))


@pytest.mark.parametrize(
    ("command", "option"), [("serve", "--data-dir"), ("mock", "--port"), ("conformance", "--label")]
)
def test_each_command_has_its_own_help(command: str, option: str) -> None:
    done = CliRunner().invoke(app, [command, "--help"])
    assert done.exit_code == 0
    assert option in done.output
