"""Turns what a decoder says of a wrong member into a RequestInvalid that a caller can act on.

`param` becomes the member's path as OpenAI writes it (`messages[2].content`); the message names the member, what was
expected and what came. Only bad requests come here, so nothing has to be fast. It must not repeat more of a value than
a few characters.
"""

import re
from typing import get_args

import msgspec

from server.chat.view import Role, Strategy, StreamMode
from server.errors import RequestInvalid

_KINDS = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "a boolean",
    "array": "an array",
    "object": "an object",
    "null": "null",
}
_WORDS = {"role": get_args(Role), "strategy": get_args(Strategy), "stream_mode": get_args(StreamMode)}
_SHOWN_CHARS = 40


def invalid_member(body: bytes, exc: msgspec.ValidationError, *, at: str = "") -> RequestInvalid:
    """The refusal for a member that does not fit; `at` is the path of the text that was decoded."""
    reason, _, path = str(exc).partition(" - at `")
    # "key` in `$.logit_bias`": the name of a member is at fault, not its value.
    path = path.rstrip("`").rpartition("`")[2]
    steps = path.removeprefix("$").removeprefix(".")
    return _explain(body, reason, _join(at, steps.replace("[...]", "")), steps)


def _explain(body: bytes, reason: str, param: str, steps: str) -> RequestInvalid:
    if found := re.fullmatch(r"Object missing required field `(.*)`", reason, re.DOTALL):
        member = _join(param, found[1])
        return RequestInvalid(f"The member '{member}' is required, but it is missing.", param=member)
    if found := re.fullmatch(r"Object contains unknown field `(.*)`", reason, re.DOTALL):
        member = _join(param, found[1])
        return RequestInvalid(f"There is no member '{member[:200]}'; remove it or correct its name.", param=member)
    subject = f"'{param}'" if param else "The request body"
    if "[...]" in steps:
        subject = f"Every value in {subject}"
    if found := re.fullmatch(r"Expected `([^`]*)`, got `(\w+)`", reason):
        return RequestInvalid(f"{subject} must be {_kinds(found[1])}, but is {_came(found[2])}.", param=param or None)
    if found := re.fullmatch(r"Expected `(\w+)` (.*)", reason, re.DOTALL):
        wanted = f"{_kinds(found[1])} {found[2].removesuffix('.0')}"
        return RequestInvalid(f"{subject} must be {wanted}, but {_shown(body, steps)}.", param=param or None)
    if reason.startswith("Invalid enum value"):
        wanted = ", ".join(_WORDS.get(param.rpartition(".")[2], ()))
        return RequestInvalid(f"{subject} must be one of {wanted}, but {_shown(body, steps)}.", param=param or None)
    return RequestInvalid(f"{subject} is not valid: {reason[:1].lower()}{reason[1:]}.", param=param or None)


def _join(path: str, name: str) -> str:
    dot = "." if path and name and not name.startswith("[") else ""
    return f"{path}{dot}{name}"


def _kinds(alternatives: str) -> str:
    words = [_KINDS.get(kind, kind) for kind in alternatives.split(" | ")]
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _came(kind: str) -> str:
    return "a number with a fraction or exponent" if kind == "float" else _kinds(kind)


def _shown(body: bytes, steps: str) -> str:
    """The value at a path, cut short; it is only shown, so a path with odd names may miss it."""
    if "[...]" in steps:
        return "one is not"
    value: object = msgspec.json.Decoder(float_hook=_Number).decode(body)
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", steps):
        if isinstance(value, list) and index:
            value = value[int(index)]
        elif isinstance(value, dict):
            value = value.get(name)
    if isinstance(value, (list, dict)):
        return f"is of length {len(value)}"
    if isinstance(value, _Number):
        return f"is {value.spelling[:_SHOWN_CHARS]}"
    return f"is {value[:_SHOWN_CHARS]!r}" if isinstance(value, str) else f"is {repr(value)[:_SHOWN_CHARS]}"


class _Number:
    """A number that is not an integer, as it is spelled."""

    __slots__ = ("spelling",)

    def __init__(self, spelling: str) -> None:
        self.spelling = spelling
