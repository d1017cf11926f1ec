"""The options of `perpetuo serve`, and what is said of those that cannot be."""

from dataclasses import fields

import pytest

from cli.serve_settings import ServeSettings, read_settings
from edge.settings import EdgeSettings
from options.options import Options
from server.settings import ServerSettings


def names(options: type[Options]) -> set[str]:
    return {option.name for option in fields(options)}


def test_serve_has_the_options_of_both_halves_and_the_workers() -> None:
    assert names(ServeSettings) == names(ServerSettings) | names(EdgeSettings) | {"workers"}


def test_options_become_settings() -> None:
    settings = read_settings(["--port", "1234", "--workers", "3", "--data-dir", "/tmp/somewhere"])
    assert (settings.port, settings.workers, str(settings.data_dir)) == (1234, 3, "/tmp/somewhere")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--port", "99999"], "--port"),
        (["--workers", "0"], "--workers"),
        (["--workers", "many"], "--workers"),
        (["--grace-s", "-1"], "--grace-s"),
    ],
    ids=["a port beyond the last", "no workers", "not a number", "a negative time"],
)
def test_a_wrong_option_is_named(arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        read_settings(arguments)
    assert stopped.value.code == 2
    assert named in capsys.readouterr().err
