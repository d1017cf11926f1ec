"""The command line of a program that has settings: its help, and what is said of options that cannot be."""

import argparse
import sys
from collections.abc import Sequence
from inspect import cleandoc
from typing import Any, Final, TypeVar

from options.kinds import NameList, inner, name_of
from options.option import Option
from options.settings import Settings, WrongOptionsError

_WRONG: Final = 2

Read = TypeVar("Read", bound=Settings)


def read_options(kind: type[Read], arguments: Sequence[str], name: str) -> Read:
    """The settings that options and environment give.

    Prints the help and raises SystemExit(0), or prints what is wrong, behind the `name`, and raises SystemExit(2).
    """
    try:
        return parse(kind, arguments)
    except WrongOptionsError as error:
        for line in error.lines():
            print(f"{name}: {line}", file=sys.stderr)  # noqa: T201
        raise SystemExit(_WRONG) from None


def parse(kind: type[Read], arguments: Sequence[str]) -> Read:
    """The same for who says himself what is wrong. Raises WrongOptionsError."""
    parser = argparse.ArgumentParser(
        prog=kind.program,
        description=cleandoc(kind.__doc__ or ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    for each in kind.options.values():
        _add(parser, each)
    given: dict[str, Any] = vars(parser.parse_args(list(arguments)))
    return kind(**{name: ",".join(value) if isinstance(value, list) else value for name, value in given.items()})


def _add(parser: argparse.ArgumentParser, each: Option) -> None:
    flag = f"--{each.name.replace('_', '-')}"
    said = f"{each.description} (default: {each.default})".replace("%", "%%")
    if inner(each.kind) is bool:
        parser.add_argument(flag, dest=each.name, action=argparse.BooleanOptionalAction, help=said)
    else:
        action = "append" if each.kind == NameList else "store"
        parser.add_argument(flag, dest=each.name, metavar=name_of(each.kind), help=said, action=action)
