"""What the typed view cannot see of a JSON text: how deep it nests, and whether a member stands twice.

The decoder keeps the last of two equal members in silence while others keep the first, and it gives up on deep nesting
with RecursionError: a body that two readers could read differently is refused here, before anything is read from it.
Good input costs no parser in Python: the text is decoded and encoded again, and a member that was lost on the way took
at least one colon with it. This module must not change the body, nor raise anything but RequestInvalid.
"""

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from server.errors import RequestInvalid

MAX_DEPTH = 64
"""Objects and arrays inside each other, the outermost counted."""

_SMALL_BYTES = 8192
"""Up to here counting brackets is cheaper than walking over the containers."""

_DECODER = msgspec.json.Decoder()
# For numbers that no double holds, as 1e400: each becomes a bool, since only its place is needed.
_LENIENT_DECODER = msgspec.json.Decoder(float_hook=bool)
_ENCODER = msgspec.json.Encoder()


def check_shape(body: bytes, *, max_depth: int = MAX_DEPTH) -> None:
    """Refuses a text that is not JSON in UTF-8, nests deeper than `max_depth`, or has a member twice in one object.

    Linear in the length of the body. Raises RequestInvalid; of a duplicate, `param` is its path. Integers beyond 4,300
    digits are refused, as in every reader of Python.
    """
    try:
        document = _decode(body)
        is_flat = len(body) <= _SMALL_BYTES and body.count(b"[") + body.count(b"{") <= max_depth
        if not is_flat and _is_deeper(document, max_depth):
            raise _too_deep(max_depth)
        again = _ENCODER.encode(document)
    except RecursionError:
        raise _too_deep(max_depth) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise RequestInvalid(f"The request body is not JSON: {describe_syntax(exc)}.") from None
    # Most clients write JSON as the encoder does; what comes out equal has lost nothing.
    if again != body and again.count(b":") != _count_colons(body):
        _refuse_duplicate(body)


def _decode(body: bytes) -> object:
    try:
        return _DECODER.decode(body)
    except msgspec.ValidationError:
        return _LENIENT_DECODER.decode(body)


def describe_syntax(exc: msgspec.DecodeError | UnicodeDecodeError) -> str:
    """What is wrong with a text that does not decode, without a full stop."""
    if isinstance(exc, UnicodeDecodeError):
        return "it has bytes that are not UTF-8"
    if isinstance(exc, msgspec.ValidationError):
        return "it has an integer of more digits than can be read"
    reason = str(exc).removeprefix("JSON is malformed: ")
    return reason[:1].lower() + reason[1:]


def _is_deeper(document: object, max_depth: int) -> bool:
    """Walks the containers level by level; each node is seen once."""
    level: list[Any] = [document] if type(document) in _CONTAINERS else []
    depth = 0
    while level:
        depth += 1
        if depth > max_depth:
            return True
        level = [
            child
            for node in level
            for child in (node.values() if type(node) is dict else node)
            if type(child) in _CONTAINERS
        ]
    return False


def _count_colons(body: bytes) -> int:
    """The colons of a valid text, those that a string writes as an escape counted too."""
    colons = body.count(b":")
    if body.find(b"\\u003") >= 0:
        # Pairs of backslashes gone, each that is left begins an escape.
        escapes = body.replace(b"\\\\", b"")
        colons += escapes.count(b"\\u003a") + escapes.count(b"\\u003A")
    return colons


def _too_deep(max_depth: int) -> RequestInvalid:
    return RequestInvalid(
        f"The request body nests deeper than {max_depth} levels.", details={"maxDepth": str(max_depth)}
    )


class _Repeated(list[tuple[str, object]]):
    """The members of an object in which a name stands twice."""


_CONTAINERS = frozenset((dict, list, _Repeated))


def _keep_repeated(pairs: list[tuple[str, object]]) -> object:
    members = dict(pairs)
    return members if len(members) == len(pairs) else _Repeated(pairs)


def _refuse_duplicate(body: bytes) -> None:
    """Finds the first object with a duplicate and raises RequestInvalid with the path of the member."""
    document = json.loads(body, object_pairs_hook=_keep_repeated, parse_int=bool, parse_float=bool)
    member = "".join(_find_repeated(document)).removeprefix(".")
    raise RequestInvalid(f"The member '{member[:200]}' stands twice in the request body; leave only one.", param=member)


def _find_repeated(node: object) -> list[str]:
    """The steps to the first repeated member at or below a node, empty if there is none. The depth is bounded."""
    if isinstance(node, _Repeated):
        seen: set[str] = set()
        for name, _ in node:
            if name in seen:
                return [f".{name}"]
            seen.add(name)
    if isinstance(node, dict):
        children: Iterable[tuple[object, object]] = node.items()
    elif isinstance(node, list):
        children = enumerate(node)
    else:
        return []
    for key, child in children:
        if type(child) in _CONTAINERS and (steps := _find_repeated(child)):
            return [f"[{key}]" if isinstance(node, list) else f".{key}", *steps]
    return []
