"""The core's settings: the command line wins over the environment, and both over the defaults."""

import pytest
from pydantic import ValidationError
from pydantic_settings import CliApp

from server.settings import ServerSettings


def test_every_option_says_what_it_is() -> None:
    assert all(field.description for field in ServerSettings.model_fields.values())


def test_the_environment_sets_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERPETUO_GRPC_PORT", "1234")
    monkeypatch.setenv("PERPETUO_ALLOW_PRIVATE_UPSTREAMS", "true")
    settings = CliApp.run(ServerSettings, cli_args=[])
    assert (settings.grpc_port, settings.allow_private_upstreams) == (1234, True)


def test_the_command_line_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERPETUO_GRPC_PORT", "1234")
    assert CliApp.run(ServerSettings, cli_args=["--grpc-port", "99", "--demo"]).grpc_port == 99


@pytest.mark.parametrize(
    "arguments",
    [
        ["--grpc-port", "70000"],
        ["--default-plan", "gold"],
        ["--grace-s", "-1"],
        ["--signup", "maybe"],
        ["--breaker-failures", "0"],
        ["--breaker-share", "1.1"],
        ["--breaker-open-s", "0"],
        ["--breaker-window-s", "0.5"],
        ["--breaker-probes", "0"],
    ],
    ids=[
        "a port that is none",
        "a plan that is none",
        "time before now",
        "a mode that is none",
        "no failure that opens",
        "more failures than calls",
        "never open",
        "hardly a window",
        "no probe",
    ],
)
def test_wrong_options_are_refused(arguments: list[str]) -> None:
    with pytest.raises((ValidationError, SystemExit)):
        CliApp.run(ServerSettings, cli_args=arguments)


def test_secrets_do_not_show() -> None:
    assert "canary" not in repr(CliApp.run(ServerSettings, cli_args=["--master-key", "canary" * 8]))
