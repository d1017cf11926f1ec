"""The core's settings: the command line wins over the environment, and both over the defaults."""

from dataclasses import fields

import pytest

from options.options import OptionsError, meaning_of
from server.settings import ServerSettings


def test_every_option_says_what_it_is() -> None:
    assert all(meaning_of(option) for option in fields(ServerSettings))


def test_the_environment_sets_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERPETUO_GRPC_PORT", "1234")
    monkeypatch.setenv("PERPETUO_ALLOW_PRIVATE_UPSTREAMS", "true")
    settings = ServerSettings.from_command_line([])
    assert (settings.grpc_port, settings.allow_private_upstreams) == (1234, True)


def test_the_command_line_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERPETUO_GRPC_PORT", "1234")
    assert ServerSettings.from_command_line(["--grpc-port", "99", "--demo"]).grpc_port == 99


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
    name = arguments[0].removeprefix("--").replace("-", "_").upper()
    with pytest.raises(OptionsError, match=rf"^{arguments[0]}: should be .* \(PERPETUO_{name}\)$"):
        ServerSettings.from_command_line(arguments)


def test_an_edge_that_is_no_network_is_refused() -> None:
    with pytest.raises(OptionsError, match=r"^--trusted-edges: .*'nowhere' does not appear to be"):
        ServerSettings.from_command_line(["--trusted-edges", "10.0.0.0/8,nowhere"])


def test_secrets_do_not_show() -> None:
    assert "canary" not in repr(ServerSettings.from_command_line(["--master-key", "canary" * 8]))
