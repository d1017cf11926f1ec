"""Query strings into messages: names, repetition, what is bound, and what is hostile."""

from collections.abc import Sequence
from contextlib import suppress

import pytest
from google.protobuf import json_format, message_factory
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.transcoder.faults import TranscodeError
from edge.transcoder.profile import PERPETUO, Profile
from edge.transcoder.query import QueryReader, find_field, parameters
from tests.unit.edge.transcoder.shelf import message

STRICT = replace(PERPETUO, strict_query=True)


def read(query: bytes | str, bound: Sequence[str] = (), profile: Profile = PERPETUO) -> dict[str, object]:
    made = message_factory.GetMessageClass(message())()
    QueryReader(message(), profile, bound).read(query.encode() if isinstance(query, str) else query, made)
    shown: dict[str, object] = json_format.MessageToDict(made, preserving_proto_field_name=True)
    return shown


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("", {}, id="nothing"),
        pytest.param("&&", {}, id="separators alone"),
        pytest.param("id=a&count=2", {"id": "a", "count": 2}, id="two fields"),
        pytest.param("id", {}, id="a name alone is an empty string"),
        pytest.param("wrapped", {"wrapped": ""}, id="a name alone sets a wrapper"),
        pytest.param("wrappedBig=3&wrapped_list=1", {"wrapped_big": "3", "wrapped_list": ["1"]}, id="both spellings"),
        pytest.param("cost_usd=0.5", {"cost_nanousd": "500000000"}, id="the documented member's name"),
        pytest.param("inner.name=a&inner.deeper.size=3", {"inner": {"name": "a", "deeper": {"size": 3}}}, id="nesting"),
        pytest.param("tags=a,b&tags=c", {"tags": ["a,b", "c"]}, id="repetition appends and commas do not split"),
        pytest.param("inner.tags=a&inner.tags=b", {"inner": {"tags": ["a", "b"]}}, id="nested repetition"),
        pytest.param("id=a%26b%3Dc", {"id": "a&b=c"}, id="escaped separators"),
        pytest.param("id=a=b", {"id": "a=b"}, id="an equals sign in a value"),
        pytest.param("id=a+b%2Bc", {"id": "a b+c"}, id="a plus is a space"),
        pytest.param("%69d=a", {"id": "a"}, id="an escaped name"),
        pytest.param(b"id=%C3%A9", {"id": "é"}, id="escaped UTF-8"),
        pytest.param("id=é", {"id": "é"}, id="raw UTF-8"),
        pytest.param("maybe=0", {"maybe": 0}, id="a zero that counts"),
        pytest.param("middle.name=a&middle.size=1", {"middle": {"name": "a", "size": 1}}, id="one member of a oneof"),
        pytest.param("nope=1&inner.nope=2&id=a", {"id": "a"}, id="unknown names are ignored"),
        pytest.param("labels%5Ba%5D=b&id=a", {"id": "a"}, id="maps have no form"),
        pytest.param("=x&id=a", {"id": "a"}, id="an empty name is unknown"),
        pytest.param("count=5&id=a;b", {"count": 5, "id": "a;b"}, id="a semicolon separates nothing"),
    ],
)
def test_a_query_sets_fields(query: bytes | str, expected: dict[str, object]) -> None:
    assert read(query) == expected


@pytest.mark.parametrize(
    ("query", "param", "message_text"),
    [
        ("count=x", "count", "The query parameter count takes an integer from -2147483648 to 2147483647."),
        ("count=", "count", "The query parameter count takes an integer from -2147483648 to 2147483647."),
        ("flag=1", "flag", "The query parameter flag takes true or false."),
        ("color=green", "color", "The query parameter color takes one of red, blue."),
        ("color=7", "color", "The query parameter color takes one of red, blue."),
        ("id=a&id=b", "id", "The query parameter id is given more than once."),
        ("wrappedBig=1&wrapped_big=1", "wrapped_big", "The query parameter wrapped_big is given more than once."),
        (
            "inner=x",
            "inner",
            "The query parameter inner names what only a body can hold.",
        ),
        (
            "anything=x",
            "anything",
            "The query parameter anything names what only a body can hold.",
        ),
        ("verbatim=e30", "verbatim", "The query parameter verbatim names what only a body can hold."),
        ("id.x=1", "id.x", "The query parameter id.x goes on after id, which has no fields."),
        ("inners.name=1", "inners.name", "The query parameter inners.name goes on after inners, which has no fields."),
        ("labels.a=1", "labels.a", "The query parameter labels.a goes on after labels, which has no fields."),
        ("at.seconds=1", "at.seconds", "The query parameter at.seconds goes on after at, which has no fields."),
        (
            "left=a&right=1",
            "right",
            "The query parameter right excludes another one that is given: both set choice.",
        ),
        (
            "right=1&middle.name=a",
            "middle.name",
            "The query parameter middle.name excludes another one that is given: both set choice.",
        ),
    ],
)
def test_a_bad_parameter_is_named(query: str, param: str, message_text: str) -> None:
    with pytest.raises(TranscodeError) as caught:
        read(query)
    assert (caught.value.http_status, caught.value.param, caught.value.message) == (400, param, message_text)


@pytest.mark.parametrize("query", [b"id=%", b"id=%zz", b"%zz=a", b"id=%ff", b"id=\xff", b"nope=%z"])
def test_a_malformed_escape_is_a_400(query: bytes) -> None:
    with pytest.raises(TranscodeError) as caught:
        read(query)
    assert caught.value.http_status == 400


@pytest.mark.parametrize(
    ("bound", "query", "expected"),
    [
        pytest.param(["id"], "id=b&count=1", {"count": 1}, id="a bound field"),
        pytest.param(["id"], "id=b&id=c", {}, id="a bound field twice"),
        pytest.param(["count"], "count=x", {}, id="a bound field's value is not even read"),
        pytest.param(
            ["inner"], "inner.name=b&inner.deeper.size=1&id=a", {"id": "a"}, id="everything below a bound field"
        ),
        pytest.param(["inner.name"], "inner.name=b&inner.size=1", {"inner": {"size": 1}}, id="a nested bound field"),
        pytest.param(
            ["inner.deeper"], "inner.deeper.name=x&inner.name=y", {"inner": {"name": "y"}}, id="a bound message"
        ),
        pytest.param(["cost_nanousd"], "costUsd=1&cost_usd=1&costNanousd=1", {}, id="under whatever name"),
    ],
)
def test_what_path_or_body_own_is_not_touched(bound: list[str], query: str, expected: dict[str, object]) -> None:
    assert read(query, bound) == expected


def test_a_oneof_that_the_path_decided_stays_decided() -> None:
    with pytest.raises(TranscodeError, match="both set choice"):
        read("right=1", ["left"])


@pytest.mark.parametrize(
    ("query", "problem"),
    [("nope=1", "is unknown"), ("inner.nope=1", "is unknown"), ("id=1", "belongs to the path or the body")],
)
def test_a_strict_profile_refuses_what_another_ignores(query: str, problem: str) -> None:
    assert read(query, ["id"]) == {}
    with pytest.raises(TranscodeError, match=problem):
        read(query, ["id"], STRICT)


def test_nesting_is_bounded() -> None:
    with pytest.raises(TranscodeError, match="nested more than 64 levels deep"):
        read("inner." + "deeper." * 10_000 + "name=x")
    assert read("inner." + "deeper." * 62 + "name=x")


def test_a_huge_name_is_cut_in_the_message() -> None:
    with pytest.raises(TranscodeError) as caught:
        read("x" * 50_000 + "=1", profile=STRICT)
    assert len(caught.value.message) < 200


def test_parameters_come_in_their_order() -> None:
    assert list(parameters(b"b=2&a=1&b=")) == [("b", "2"), ("a", "1"), ("b", "")]


@pytest.mark.parametrize("path", ["nope", "id.x", "inners.name", "labels.key", "at.seconds", "inner.nope", ""])
def test_a_path_of_fields_that_does_not_exist_is_an_error(path: str) -> None:
    with pytest.raises(ValueError, match="no field"):
        find_field(message(), path)


@given(st.binary(max_size=80))
def test_no_query_breaks_the_reader(query: bytes) -> None:
    with suppress(TranscodeError):
        read(query)
