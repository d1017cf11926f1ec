"""A message that changes hands is a copy, whichever way it takes."""

from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import BytesValue, StringValue

from server.inprocess.payload import Reader, Writer


def to_bytes(message: Any) -> bytes:
    raw: bytes = message.SerializeToString()
    return raw


def from_bytes(raw: bytes) -> StringValue:
    return StringValue.FromString(raw)


WAYS: dict[str, tuple[Any, Any]] = {
    "the plain codecs of one class": (StringValue.SerializeToString, StringValue.FromString),
    "a serialiser of its own": (to_bytes, StringValue.FromString),
    "a parser of its own": (StringValue.SerializeToString, from_bytes),
    "both of their own": (to_bytes, from_bytes),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_message_arrives_equal_and_apart_by(name: str) -> None:
    serialize, deserialize = WAYS[name]
    message = StringValue(value="before")
    sealed = Writer(serialize).seal(message)
    message.value = "after"
    received = Reader(deserialize).open(sealed)
    assert (received, type(received)) == (StringValue(value="before"), StringValue)


@pytest.mark.parametrize("name", WAYS)
def test_its_size_is_that_on_the_wire_by(name: str) -> None:
    message = StringValue(value="x" * 1_000)
    assert Writer(WAYS[name][0]).seal(message).size_bytes == len(message.SerializeToString())


def test_a_receiver_of_another_class_parses_it() -> None:
    sealed = Writer(StringValue.SerializeToString).seal(StringValue(value="abc"))
    assert Reader(BytesValue.FromString).open(sealed) == BytesValue(value=b"abc")


def test_a_receiver_without_a_parser_gets_the_bytes() -> None:
    sealed = Writer(StringValue.SerializeToString).seal(StringValue(value="abc"))
    assert Reader(None).open(sealed) == b"\n\x03abc"


def test_bytes_pass_as_they_are() -> None:
    raw = b"\x00\x01"
    sealed = Writer(None).seal(raw)
    assert (Reader(None).open(sealed) is raw, sealed.size_bytes) == (True, 2)


def test_unknown_fields_survive() -> None:
    message = StringValue.FromString(b"\n\x01a\x12\x01b")
    sealed = Writer(StringValue.SerializeToString).seal(message)
    assert Reader(StringValue.FromString).open(sealed).SerializeToString() == b"\n\x01a\x12\x01b"


@pytest.mark.parametrize("thing", [None, 5, "text"], ids=str)
def test_what_is_no_message_is_refused(thing: Any) -> None:
    for serialize in (StringValue.SerializeToString, None):
        with pytest.raises(TypeError):
            Writer(serialize).seal(thing)


def test_a_serialiser_that_does_not_make_bytes_is_refused() -> None:
    with pytest.raises(TypeError, match="got str"):
        Writer(lambda message: "text").seal(StringValue())  # type: ignore[arg-type, return-value]
