"""Options on the command line: which win, what the help says, and what is said of those that cannot be."""

from pathlib import Path
from typing import Literal

import pytest

from options.command_line import parse, read_options
from options.kinds import NameList
from options.option import option
from options.settings import Settings, WrongOptionsError


class Tool(Settings):
    """Does 100 % of it."""

    program = "tool"

    max_size: int = option("At most so many, 100 % of all.", default=7, ge=1)
    names: NameList = option("Names, by commas.", default=())
    is_loud: bool = option("Says more.", default=False)
    mode: Literal["fast", "slow"] = option("How.", default="fast")
    file: Path | None = option("Where to.", default=None)


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERPETUO_MAX_SIZE", "8")
    monkeypatch.setenv("PERPETUO_MODE", "slow")
    monkeypatch.setenv("PERPETUO_IS_LOUD", "true")
    found = parse(Tool, ["--max-size", "9", "--no-is-loud"])
    assert (found.max_size, found.mode, found.is_loud) == (9, "slow", False)


def test_names_are_put_together_and_of_all_else_the_last_counts() -> None:
    found = parse(Tool, ["--names", "a,b", "--names=c", "--max-size", "1", "--max-size", "2"])
    assert (found.names, found.max_size) == (("a", "b", "c"), 2)


def test_the_help_tells_what_each_option_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        read_options(Tool, ["--help"], "tool")
    assert end.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "usage: tool [-h] [--max-size int] [--names tuple[str,...]] [--is-loud | --no-is-loud]" in said
    assert "[--mode {fast,slow}] [--file Path] Does 100 % of it." in said
    assert "--max-size int At most so many, 100 % of all. (default: 7)" in said
    assert "--file Path Where to. (default: None)" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--max-size", "0"], "tool: --max-size: Input should be greater than or equal to 1\n"),
        (["--mode", "dull"], "tool: --mode: Input should be 'fast' or 'slow'\n"),
        (["--max", "8"], "tool: error: unrecognized arguments: --max 8\n"),
        (["--file"], "tool: error: argument --file: expected one argument\n"),
        (["more"], "tool: error: unrecognized arguments: more\n"),
    ],
    ids=["out of bounds", "none of a few", "an abbreviation", "no value", "no option"],
)
def test_what_cannot_be_is_named(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        read_options(Tool, arguments, "tool")
    assert end.value.code == 2
    assert capsys.readouterr().err.endswith(said)


def test_who_says_it_himself_is_told() -> None:
    with pytest.raises(WrongOptionsError, match="--max-size"):
        parse(Tool, ["--max-size", "many"])
