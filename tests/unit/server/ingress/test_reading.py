"""What every face does first with a request."""

import msgspec
import pytest

from server.errors import RequestInvalid
from server.ingress.reading import decode, is_set, one_of, read_body, required


class View(msgspec.Struct):
    a: int = 0
    b: list[int] = []


DECODER = msgspec.json.Decoder(View)


def test_a_body_is_its_view_and_its_members_as_they_came() -> None:
    view, members = read_body(DECODER, b'{"a":1,"c":1.0}')
    assert view.a == 1
    assert {name: bytes(value) for name, value in members.items()} == {"a": b"1", "c": b"1.0"}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"a":"x"}', "a"),
        (b'{"b":[1,"x"]}', "b[1]"),
        (b'{"a":1,"a":2}', "a"),
        (b"[]", None),
        (b"{", None),
        (b"\xff", None),
    ],
    ids=["another kind", "inside a list", "twice", "no object", "cut", "not UTF-8"],
)
def test_what_is_wrong_is_named(body: bytes, param: str | None) -> None:
    with pytest.raises(RequestInvalid) as caught:
        read_body(DECODER, body)
    assert caught.value.param == param


def test_a_part_is_named_by_where_it_stands() -> None:
    with pytest.raises(RequestInvalid) as caught:
        decode(DECODER, b'{"a":"x"}', at="messages[1].source")
    assert caught.value.param == "messages[1].source.a"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(msgspec.UNSET, False), (None, False), (msgspec.Raw(b"null"), False), (msgspec.Raw(b"{}"), True), ("", True)],
    ids=["absent", "null", "null as it came", "an object", "an empty text"],
)
def test_a_member_is_set_when_it_is_there_and_not_null(value: object, expected: bool) -> None:
    assert is_set(value) is expected


def test_words_are_checked() -> None:
    one_of("a", ("a", "b"), "x")
    with pytest.raises(RequestInvalid, match="'x' must be one of a, b, but is 'c'"):
        one_of("c", ("a", "b"), "x")


@pytest.mark.parametrize("value", [None, msgspec.UNSET])
def test_what_is_required_is_named(value: object) -> None:
    required("", "x")
    with pytest.raises(RequestInvalid, match="'x' is required"):
        required(value, "x")
