"""Options come from the command line, else from the environment, else they are as declared."""

from dataclasses import FrozenInstanceError, dataclass, fields
from pathlib import Path
from typing import Literal

import pytest

from options.options import Options, OptionsError, flag, meaning_of, option, variable
from options.secret import Secret


@dataclass(frozen=True, kw_only=True)
class Some(Options):
    """What a test may set."""

    grpc_port: int = option(5, "A port, 50 % of the time.", ge=0, le=9)
    tunnel: bool = option(True, "Whether there is one.")
    mode: Literal["auto", "off"] = option("auto", "How it goes.")
    names: tuple[str, ...] = option(("x", "y"), "Who.")
    wait_s: float = option(1.5, "How long.", gt=0)
    key: Secret = option(Secret(""), "What opens.")
    key_file: Path | None = option(None, "Where that is.")
    url: str = option("", "With a password in it.", is_shown=False)

    def __post_init__(self) -> None:
        if self.mode == "off" and self.tunnel:
            raise ValueError("--mode off wants --no-tunnel")


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for declared in fields(Some):
        monkeypatch.delenv(variable(declared.name), raising=False)


def test_names_are_made_of_the_fields() -> None:
    assert (flag("grpc_port"), variable("grpc_port")) == ("--grpc-port", "PERPETUO_GRPC_PORT")
    assert meaning_of(fields(Some)[0]) == "A port, 50 % of the time."


def test_without_anything_the_defaults_hold() -> None:
    assert Some.from_command_line([]) == Some() == Some.from_environment()


def test_the_command_line_says_everything() -> None:
    said = ["--grpc-port=7", "--no-tunnel", "--mode", "off", "--names", "a,b", "--names", "c", "--wait-s", "2"]
    secret = ["--key", "hush", "--key-file", "/k", "--url", "u"]
    assert Some.from_command_line(said + secret) == Some(
        grpc_port=7,
        tunnel=False,
        mode="off",
        names=("a", "b", "c"),
        wait_s=2.0,
        key=Secret("hush"),
        key_file=Path("/k"),
        url="u",
    )


@pytest.mark.parametrize("name", ["PERPETUO_GRPC_PORT", "perpetuo_grpc_port"])
def test_the_command_line_wins_over_the_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "3")
    assert Some.from_command_line([]).grpc_port == 3
    assert Some.from_command_line(["--grpc-port", "4"]).grpc_port == 4
    assert Some.from_environment().grpc_port == 3
    assert Some.from_environment(grpc_port=4).grpc_port == 4
    assert Some.from_environment(names="a, b").names == ("a", "b")


def test_the_environment_says_yes_and_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERPETUO_TUNNEL", "off")
    assert not Some.from_command_line([]).tunnel
    assert Some.from_command_line(["--tunnel"]).tunnel


def test_all_that_is_wrong_is_said_at_once_and_nothing_of_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERPETUO_TUNNEL", "canary")
    with pytest.raises(OptionsError) as caught:
        Some.from_command_line(["--grpc-port", "10", "--wait-s", "canary"])
    assert caught.value.problems == (
        "--grpc-port: should be a whole number, "
        "greater than or equal to 0 and less than or equal to 9 (PERPETUO_GRPC_PORT)",
        "--tunnel: should be true or false (PERPETUO_TUNNEL)",
        "--wait-s: should be a number, greater than 0 (PERPETUO_WAIT_S)",
    )


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(OptionsError, match=r"^--mode off wants --no-tunnel$"):
        Some.from_command_line(["--mode", "off"])


@pytest.mark.parametrize("arguments", [["--grpc", "1"], ["--port", "1"], ["more"], ["--grpc-port"], ["--tunnel=no"]])
def test_an_option_that_there_is_not_ends_it(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        Some.from_command_line(arguments, "prog")
    assert ended.value.code == 2
    assert "prog: error:" in capsys.readouterr().err


def test_help_lists_them_with_meanings_and_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        Some.from_command_line(["--help"], "prog")
    assert ended.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    for words in (
        "What a test may set.",
        "--grpc-port INT A port, 50 % of the time. (default: 5)",
        "--tunnel, --no-tunnel Whether there is one. (default: True)",
        "--mode {auto,off} How it goes. (default: auto)",
        "--names NAME,... Who. (default: x,y)",
        "--key SECRET What opens. --key-file PATH Where that is. --url TEXT With a password in it.",
    ):
        assert words in said


def test_given_options_that_there_are_not_are_refused() -> None:
    with pytest.raises(OptionsError, match="grpc is no option"):
        Some.from_environment(grpc=1)


def test_options_neither_change_nor_show_secrets() -> None:
    some = Some.from_environment(key="canary", url="canary")
    assert "canary" not in repr(some)
    with pytest.raises(FrozenInstanceError):
        some.grpc_port = 1  # type: ignore[misc]  # which is the point
