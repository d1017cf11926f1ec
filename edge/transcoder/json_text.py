"""JSON text to Python values, for small bodies, with everything refused that two readers could read differently.

Refused beyond what `json` refuses: duplicate members, NaN and Infinity, numbers outside the range of a double, nesting
deeper than a limit (looked at before the parser recurses), text that is not UTF-8, unpaired surrogates. Integers stay
exact whatever their size. It does not know messages; bodies that are passed on as bytes never come here.
"""

import json
import math
import re
from typing import Final, NoReturn

from edge.transcoder.faults import invalid
from edge.transcoder.profile import MAX_JSON_DEPTH

# A string ends at its quote or, unterminated, at the end of the text: so that the scan stays linear on any input.
_STRING_OR_BRACKET: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
_OPENERS: Final = frozenset((b"[", b"{"))
_CLOSERS: Final = frozenset((b"]", b"}"))


def parse_json(body: bytes, max_depth: int = MAX_JSON_DEPTH) -> object:
    """The value of a JSON text: dict (in order), list, str, int (exact), float (finite), bool or None.

    Raises TranscodeError 400 REQUEST_INVALID; for a duplicate member, `param` is its name.
    """
    check_depth(body, max_depth)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise invalid(f"The body is not valid UTF-8: byte {error.start} starts no character.") from None
    try:
        value: object = json.loads(
            text, object_pairs_hook=_unique_members, parse_constant=_refuse_constant, parse_float=_finite
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise invalid(f"The body is not valid JSON: {error.msg} at {where}.") from None
    except ValueError:
        raise invalid("The body is not valid JSON: an integer has too many digits.") from None
    if b"\\u" in body:
        _refuse_unpaired_surrogates(value)
    return value


def check_depth(body: bytes, max_depth: int = MAX_JSON_DEPTH) -> None:
    """Refuses arrays and objects nested deeper than `max_depth` levels, with a 400; malformed text passes.

    Linear in the length of `body`, and a count of brackets when there are few.
    """
    if body.count(b"[") + body.count(b"{") <= max_depth:
        return
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(body):
        token = match.group()
        if token in _OPENERS:
            depth += 1
            if depth > max_depth:
                raise invalid(f"The body is nested more than {max_depth} levels deep.")
        elif token in _CLOSERS:
            depth -= 1


def _unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise invalid(f"The member {name!r} is given twice in one object.", name)
            seen.add(name)
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise invalid(f"The body is not valid JSON: {name} is not a JSON number.")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        shown = text if len(text) <= 32 else text[:32] + "…"
        raise invalid(f"The number {shown} is out of range.")
    return value


def _refuse_unpaired_surrogates(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise invalid("The body has an unpaired surrogate in a string.") from None
