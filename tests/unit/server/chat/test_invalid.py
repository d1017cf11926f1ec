"""The refusal of a wrong member: its path, what was expected, what came."""

from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta, Struct

from server.chat.invalid import invalid_member


class Inner(Struct, forbid_unknown_fields=True):
    size: Annotated[int, Meta(ge=1)] = 1
    name: Annotated[str, Meta(max_length=3)] = ""
    ratio: Annotated[float, Meta(lt=1.5)] = 0.0
    role: Literal["user", "tool"] = "user"


class Outer(Struct):
    items: list[Inner]
    by_name: dict[str, int] = {}
    either: str | list[int] | None = None
    flag: bool = False


CASES: dict[str, tuple[bytes, str | None, str]] = {
    "another kind": (b'{"items":5}', "items", "'items' must be an array, but is an integer."),
    "another kind inside": (
        b'{"items":[{},{"size":"1"}]}',
        "items[1].size",
        "'items[1].size' must be an integer, but is a string.",
    ),
    "a fraction": (
        b'{"items":[{"size":1.5}]}',
        "items[0].size",
        "must be an integer, but is a number with a fraction or exponent.",
    ),
    "one of several kinds": (
        b'{"items":[],"either":{}}',
        "either",
        "'either' must be a string, an array or null, but is an object.",
    ),
    "a boolean": (b'{"items":[],"flag":0}', "flag", "'flag' must be a boolean, but is an integer."),
    "out of bounds": (b'{"items":[{"size":0}]}', "items[0].size", "'items[0].size' must be an integer >= 1, but is 0."),
    "a fraction out of bounds": (
        b'{"items":[{"ratio":2.50}]}',
        "items[0].ratio",
        "must be a number < 1.5, but is 2.50.",
    ),
    "too long": (
        b'{"items":[{"name":"abcdef"}]}',
        "items[0].name",
        "must be a string of length <= 3, but is 'abcdef'.",
    ),
    "a long value is cut": (b'{"items":[{"name":"' + b"x" * 99 + b'"}]}', "items[0].name", f"but is '{'x' * 40}'."),
    "not one of the words": (b'{"items":[{"role":"robot"}]}', "items[0].role", "but is 'robot'."),
    "missing": (b"{}", "items", "The member 'items' is required, but it is missing."),
    "unknown": (
        b'{"items":[{"sise":1}]}',
        "items[0].sise",
        "There is no member 'items[0].sise'; remove it or correct its name.",
    ),
    "a value by a free name": (
        b'{"items":[],"by_name":{"a":1,"b":"x"}}',
        "by_name",
        "Every value in 'by_name' must be an integer, but is a string.",
    ),
    "the body itself": (b"[]", None, "The request body must be an object, but is an array."),
}


@pytest.mark.parametrize(("body", "param", "message"), CASES.values(), ids=CASES.keys())
def test_explains(body: bytes, param: str | None, message: str) -> None:
    with pytest.raises(msgspec.ValidationError) as wrong:
        msgspec.json.decode(body, type=Outer)
    refusal = invalid_member(body, wrong.value)
    assert refusal.param == param
    assert message in refusal.message


def test_puts_the_path_of_the_text_before_the_path_in_it() -> None:
    body = b'{"size":0}'
    with pytest.raises(msgspec.ValidationError) as wrong:
        msgspec.json.decode(body, type=Inner)
    assert invalid_member(body, wrong.value, at="gateway").param == "gateway.size"


def test_a_place_in_a_list_follows_the_path_of_the_list() -> None:
    with pytest.raises(msgspec.ValidationError) as wrong:
        msgspec.json.decode(b'["a",1]', type=list[str])
    assert invalid_member(b'["a",1]', wrong.value, at="input").param == "input[1]"
