"""What texts from a command line or an environment mean, by the type of an option and its bounds. Pure.

Types are str, int, float, bool, Literal of strings, tuple[str, ...] for names separated by commas, Path, Secret, and
Path | None.
"""

from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import msgspec

from options.secret import Secret

_TRUTH_OF: Final = {
    **dict.fromkeys(("1", "true", "t", "yes", "y", "on"), True),
    **dict.fromkeys(("0", "false", "f", "no", "n", "off"), False),
}
_IN_WORDS: Final = (
    ("ge", "greater than or equal to"),
    ("gt", "greater than"),
    ("le", "less than or equal to"),
    ("min_length", "not shorter than"),
)


class WrongValueError(ValueError):
    """A value that an option cannot have. The message says what it should be, and never what it was."""


class Bounds(msgspec.Struct, frozen=True):
    """Between what a number must be, and how long a text at least; None for no such bound."""

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    min_length: float | None = None


def read(text: str, kind: Any, bounds: Bounds) -> Any:
    """What a text means as a value of a type. Raises WrongValueError."""
    if kind == Path | None or kind is Path:
        return Path(text)
    value: object = text
    if kind is bool:
        value = _TRUTH_OF.get(text.strip().lower())
    elif get_origin(kind) is tuple:
        value = tuple(part.strip() for part in text.split(",") if part.strip())
    elif kind in (int, float):
        value = text.strip()
    return check(value, kind, bounds, strict=False)


def check(value: object, kind: Any, bounds: Bounds, *, strict: bool = True) -> Any:
    """The value, as a value of a type; one that is not `strict` may be a number written out. Raises WrongValueError."""
    limits: Any = {name: limit for name, _ in _IN_WORDS if (limit := getattr(bounds, name)) is not None}
    wanted = Annotated[kind, msgspec.Meta(**limits)] if limits else kind
    try:
        checked = msgspec.convert(value, wanted, strict=strict, dec_hook=_decoded)
    except msgspec.ValidationError:
        raise WrongValueError(_expected(kind, limits)) from None
    if checked != checked:  # what is no number
        raise WrongValueError(_expected(kind, limits))
    return checked


def encoded(value: object) -> object:
    """For msgspec: a path or a secret as text, in clear. Raises NotImplementedError for other values."""
    if isinstance(value, Secret):
        return value.text
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(f"{type(value)} is no type of an option")


def _decoded(kind: type, value: object) -> object:
    if isinstance(value, str):
        return kind(value)
    if isinstance(value, kind):
        return value
    raise ValueError("neither one nor a text")


def _expected(kind: Any, limits: dict[str, float]) -> str:
    if get_origin(kind) is Literal:
        *first, last = get_args(kind)
        return f"should be {', '.join(first)} or {last}"
    name = {int: "a whole number", float: "a number", bool: "true or false"}.get(kind, "a text")
    within = " and ".join(f"{words} {limits[key]:g}" for key, words in _IN_WORDS if key in limits)
    return f"should be {name}{', ' if within else ''}{within}"
