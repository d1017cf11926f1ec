"""Options of a program, declared as a frozen dataclass and read from the command line and the environment.

`data_dir` is the option `--data-dir` and the environment variable `PERPETUO_DATA_DIR`, in upper or lower case. The
command line wins over the environment, and both over the defaults. The parser is argparse; msgspec checks types and
bounds.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any, Final, Literal, Self, TypeVar, cast, get_args, get_origin

from options.secret import Secret
from options.value import Bounds, WrongValueError, check, read

_T = TypeVar("_T")
_PREFIX: Final = "PERPETUO_"
_MEANING: Final = "meaning"
_BOUNDS: Final = "bounds"
_METAVARS: Final[dict[object, str]] = {int: "INT", float: "FLOAT", str: "TEXT", Secret: "SECRET"}


class OptionsError(Exception):
    """Options that cannot be. `problems` are sentences that name the option and its variable."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def option(default: _T, meaning: str, *, is_shown: bool = True, **bounds: float) -> _T:
    """A field of options: its default, what it is for, and bounds by the names that `msgspec.Meta` has for them.

    What is not shown does not appear where the options are printed.
    """
    declared: Any = field(default=default, repr=is_shown, metadata={_MEANING: meaning, _BOUNDS: Bounds(**bounds)})
    return cast(_T, declared)


@dataclass(frozen=True, kw_only=True)
class Options:
    """The base of declared options.

    `__post_init__` may refuse what does not go together with a ValueError that names the option.
    """

    @classmethod
    def from_command_line(cls, arguments: Sequence[str], program: str | None = None) -> Self:
        """The options that arguments and environment give.

        Raises OptionsError for wrong values, and SystemExit after it has listed the options (0), or said that there is
        no such option (2).
        """
        parser = argparse.ArgumentParser(prog=program, description=cls.__doc__, allow_abbrev=False)
        for declared in fields(cls):
            _add(parser, declared)
        return cls._of(vars(parser.parse_args(arguments)), {})

    @classmethod
    def from_environment(cls, **given: object) -> Self:
        """What is given, and the environment for the rest. Raises OptionsError."""
        return cls._of({}, given)

    @classmethod
    def _of(cls, texts: Mapping[str, Any], given: Mapping[str, object]) -> Self:
        if unknown := given.keys() - {declared.name for declared in fields(cls)}:
            raise OptionsError(*(f"{name} is no option" for name in sorted(unknown)))
        values: dict[str, Any] = {}
        problems: list[str] = []
        environment = {name.upper(): text for name, text in os.environ.items()} | dict(os.environ)
        for declared in fields(cls):
            try:
                values |= _value(declared, texts, given, environment)
            except WrongValueError as error:
                problems.append(f"{flag(declared.name)}: {error} ({variable(declared.name)})")
        if problems:
            raise OptionsError(*problems)
        try:
            return cls(**values)
        except ValueError as error:
            raise OptionsError(str(error)) from None


def flag(name: str) -> str:
    """An option's name on the command line."""
    return "--" + name.replace("_", "-")


def variable(name: str) -> str:
    """An option's name in the environment."""
    return _PREFIX + name.upper()


def meaning_of(declared: Field[Any]) -> str:
    """What an option is for."""
    return str(declared.metadata[_MEANING])


def _value(
    declared: Field[Any], texts: Mapping[str, Any], given: Mapping[str, object], environment: Mapping[str, str]
) -> dict[str, Any]:
    """The option's value by its name; nothing where the default holds."""
    name, kind, bounds = declared.name, declared.type, declared.metadata[_BOUNDS]
    said = texts.get(name)
    if said is None:
        said = given.get(name, environment.get(variable(name)))
    if isinstance(said, list):  # of an option that was given more than once
        said = ",".join(said)
    if isinstance(said, str):
        return {name: read(said, kind, bounds)}
    return {name: check(said, kind, bounds)} if said is not None or name in given else {}


def _add(parser: argparse.ArgumentParser, declared: Field[Any]) -> None:
    kind, default = declared.type, declared.default
    help_text = meaning_of(declared)
    if declared.repr and str(default) not in ("", "None", "()"):
        help_text += f" (default: {','.join(default) if isinstance(default, tuple) else default})"
    told: dict[str, Any] = {"help": help_text.replace("%", "%%"), "default": None}
    if kind is bool:
        told["action"] = argparse.BooleanOptionalAction
    elif get_origin(kind) is tuple:
        told |= {"action": "append", "metavar": "NAME,..."}
    elif get_origin(kind) is Literal:
        told["metavar"] = f"{{{','.join(get_args(kind))}}}"
    else:
        told["metavar"] = _METAVARS.get(kind, "PATH")
    parser.add_argument(flag(declared.name), dest=declared.name, **told)
