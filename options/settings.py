"""Settings: all options of a program with their values, which do not change.

What is not given comes from the environment, and else is the default. Options are members of a class:

    class Sizes(Settings):
        width: int = option("Columns of a line.", default=80, ge=1)
"""

import os
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Self, dataclass_transform, get_type_hints

from options.option import Option, Unnamed, option

_PREFIX: Final = "perpetuo_"


class WrongOptionsError(ValueError):
    """Options that cannot be: pairs of a name, empty where several do not go together, and what is wrong."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = problems
        super().__init__("; ".join(self.lines()))

    def lines(self) -> list[str]:
        """What is wrong, an option at a time, as it is written on the command line."""
        return [f"--{name.replace('_', '-')}: {what}" if name else what for name, what in self.problems]


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(option,))
class Settings:
    """Values by name. Two are equal that have the same values."""

    options: ClassVar[Mapping[str, Option]] = {}
    """All options of the class, those of its last base first."""

    program: ClassVar[str | None] = None
    """What the help calls the program; None for the name that it was started by."""

    def __init_subclass__(cls) -> None:
        options: dict[str, Option] = {}
        for base in reversed(cls.__mro__):
            kinds = get_type_hints(base) if "__annotations__" in vars(base) else {}
            for name, declared in vars(base).items():
                if isinstance(declared, Unnamed):
                    told = (declared.default, declared.description, declared.bounds, declared.shows)
                    options[name] = Option(name, kinds[name], *told)
        cls.options = options

    def __init__(self, **given: Any) -> None:
        """Raises WrongOptionsError. What is no option is passed over."""
        environment = {name.lower(): value for name, value in os.environ.items()}
        problems = []
        for name, each in self.options.items():
            value = given[name] if name in given else environment.get(_PREFIX + name, each.default)
            if value is not each.default:
                try:
                    value = each.value_of(value)
                except ValueError as error:
                    problems.append((name, str(error)))
            object.__setattr__(self, name, value)
        if not problems:
            try:
                self.check()
            except ValueError as error:
                problems.append(("", f"Value error, {error}"))
        if problems:
            raise WrongOptionsError(problems)

    def check(self) -> None:
        """Looks at what goes together. Raises ValueError."""

    def values(self) -> dict[str, Any]:
        """All values by name, secrets among them."""
        return {name: getattr(self, name) for name in self.options}

    def but(self, **changes: Any) -> Self:
        """The same with changes. Raises WrongOptionsError."""
        return type(self)(**self.values() | changes)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Settings do not change: {name}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and type(self) is type(other) and self.values() == other.values()

    def __hash__(self) -> int:
        return hash((type(self), *self.values().values()))

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name, each in self.options.items() if each.shows)
        return f"{type(self).__name__}({', '.join(shown)})"
