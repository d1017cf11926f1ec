"""Schemas of messages: types, presence, options, names."""

import json
from typing import Any

import pytest
from google.protobuf import message_factory

from edge.transcoder.json_encode import compile_encoder
from edge.transcoder.openapi_schema import (
    ANSWER,
    RAW_ANSWER,
    RAW_REQUEST,
    REQUEST,
    SCHEMA_PATH,
    DocumentError,
    Schema,
    Schemas,
    Way,
    nullable,
)
from edge.transcoder.profile import CANONICAL, PERPETUO, Profile
from tests.unit.edge.json_schema import problems
from tests.unit.edge.protos import compile_protos
from tests.unit.edge.transcoder.library import SOURCE, comments

POOL = compile_protos(SOURCE)
BOOK = {"$ref": f"{SCHEMA_PATH}Book"}


def message(name: str) -> Any:
    return POOL.FindMessageTypeByName(f"test.v1.{name}")


def described(name: str, way: Way = ANSWER, profile: Profile = PERPETUO) -> tuple[Schema, Schema]:
    """A message's schema and the components."""
    schemas = Schemas(profile, comments())
    _, components = schemas.resolve(schemas.of_message(message(name), way))
    return components[name], components


def test_the_members_of_an_answer() -> None:
    book, _ = described("Book")
    assert book["description"] == "A book."
    assert "additionalProperties" not in book
    assert book["properties"] == {
        "name": {"type": "string", "description": "The name of the book, in one word.\n\nNever empty."},
        "pages": {"type": "integer", "format": "int64"},
        "isbn": {"type": "string"},
        "cover": {"$ref": f"{SCHEMA_PATH}Cover"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "stock": {"type": "object", "additionalProperties": {"type": "integer", "format": "int32"}},
        "lent_at": {
            "type": ["string", "null"],
            "format": "date-time",
            "description": "When it was lent. Null: never.",
        },
        "price_usd": {"type": "number"},
        "scan": {"type": "string", "contentEncoding": "base64"},
        "sequel": BOOK,
        "translations": {"type": "array", "items": BOOK},
    }


def test_an_answer_promises_what_has_no_presence_and_what_is_told_as_null() -> None:
    book, _ = described("Book")
    assert set(book["properties"]) - set(book["required"]) == {"isbn", "sequel"}


def test_a_request_requires_nothing_and_takes_nothing_unknown() -> None:
    book, _ = described("Book", REQUEST)
    assert "required" not in book
    assert book["additionalProperties"] is False
    assert book["properties"]["lent_at"]["type"] == "string"


def test_an_enum_is_spelt_as_the_profile_spells_it_and_explains_its_values() -> None:
    _, components = described("Book")
    assert components["Cover"] == {
        "type": "string",
        "description": "How a book is bound.\n\n- `hard`: With cloth.\n- `soft`",
        "enum": ["hard", "soft"],
    }


def test_every_other_type_has_its_schema() -> None:
    everything, _ = described("Everything")
    assert {name: schema for name, schema in everything["properties"].items() if name != "deeper"} == {
        "d": {"type": "number", "format": "double"},
        "f": {"type": "number", "format": "float"},
        "i": {"type": "integer", "format": "int32"},
        "u": {"type": "integer", "format": "uint32", "minimum": 0},
        "ul": {"type": "integer", "format": "uint64", "minimum": 0},
        "b": {"type": "boolean"},
        "wait": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"},
        "mask": {"type": "string"},
        "struct": {"type": "object"},
        "value": {},
        "list": {"type": "array", "items": {}},
        "any": {"type": "object", "properties": {"@type": {"type": "string"}}},
        "wrapped": {"type": ["integer", "null"], "format": "int64"},
        "nothing": {"type": "null"},
        "verbatim": {},
        "by_name": {"type": "object", "additionalProperties": BOOK},
    }


def test_a_raw_request_keeps_unknown_members_and_takes_null_for_what_may_be_left_out() -> None:
    question, _ = described("Question", RAW_REQUEST)
    assert question["additionalProperties"] is True
    assert question["properties"] == {
        "text": {"type": "string", "description": "What is asked."},
        "stop": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, BOOK, {"type": "null"}]},
        "heat": {"type": ["number", "null"], "format": "double"},
        "books": {"type": ["array", "null"], "items": BOOK},
        "anything": {},
    }


def test_a_raw_answer_promises_plain_members_only() -> None:
    reply, _ = described("Reply", RAW_ANSWER)
    assert reply["required"] == ["id"]
    assert reply["properties"]["note"]["type"] == ["string", "null"]


def test_canonical_json_promises_nothing_and_prints_large_numbers_as_strings() -> None:
    book, components = described("Book", ANSWER, CANONICAL)
    assert book["required"] == ["lentAt"]
    assert book["properties"]["pages"] == {"type": "string", "format": "int64"}
    assert components["Cover"]["enum"] == ["COVER_HARD", "COVER_SOFT"]


@pytest.mark.parametrize(
    ("ways", "expected"),
    [
        pytest.param([REQUEST], {"Book"}, id="one way needs no suffix"),
        pytest.param([REQUEST, ANSWER], {"BookInput", "Book"}, id="in both directions"),
        pytest.param([RAW_REQUEST, RAW_ANSWER], {"BookInput", "Book"}, id="raw in both directions"),
        pytest.param([ANSWER, RAW_ANSWER], {"Book", "BookRaw"}, id="through the codec and raw"),
        pytest.param([ANSWER, RAW_REQUEST], {"Book", "BookInput"}, id="answered, and taken raw"),
        pytest.param(
            [ANSWER, REQUEST, RAW_ANSWER, RAW_REQUEST], {"Book", "BookInput", "BookRaw", "BookRawInput"}, id="every way"
        ),
    ],
)
def test_a_message_has_a_name_for_each_way_of_meeting_it(ways: list[Way], expected: set[str]) -> None:
    schemas = Schemas(PERPETUO, comments())
    for way in ways:
        schemas.of_message(message("Book"), way)
    _, components = schemas.resolve({})
    assert set(components) - {"Cover"} == expected


def test_two_messages_of_one_name_are_refused() -> None:
    pool = compile_protos('syntax = "proto3"; package test.v2; message Book {}')
    schemas = Schemas(PERPETUO, {})
    schemas.of_message(message("Book"), ANSWER)
    schemas.of_message(pool.FindMessageTypeByName("test.v2.Book"), ANSWER)
    with pytest.raises(DocumentError, match="two schemas have one name"):
        schemas.resolve({})


def test_nested_types_are_named_after_what_they_stand_in() -> None:
    pool = compile_protos('syntax = "proto3"; package n; message A { message B {} B b = 1; }')
    schemas = Schemas(PERPETUO, {})
    schemas.of_message(pool.FindMessageTypeByName("n.A"), ANSWER)
    assert set(schemas.resolve({})[1]) == {"A", "A_B"}


def test_what_the_codec_writes_fits_the_schema() -> None:
    schemas = Schemas(PERPETUO, comments())
    reference, components = schemas.resolve(schemas.of_message(message("Book"), ANSWER))
    encode = compile_encoder(message("Book"), PERPETUO)
    book = message_factory.GetMessageClass(message("Book"))
    full: Any = book(name="b", pages=2**53 + 1, isbn="i", cover=1, tags=["x"], stock={"a": 1}, price_nanousd=5)
    full.lent_at.FromSeconds(0)
    full.sequel.cover = 2
    full.translations.add(cover=1)
    document = {"components": {"schemas": components}}
    for each in (full, book(cover=1)):
        assert problems(json.loads(encode(each)), reference, document) == []
    assert problems({"name": "b"}, reference, document) != []


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, {"type": ["string", "null"]}),
        ({"$ref": "x"}, {"anyOf": [{"$ref": "x"}, {"type": "null"}]}),
        ({"anyOf": [{"type": "string"}]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({}, {}),
        ({"type": "null"}, {"type": "null"}),
        ({"type": ["string", "null"]}, {"type": ["string", "null"]}),
    ],
)
def test_a_schema_that_takes_null(schema: Schema, expected: Schema) -> None:
    assert nullable(schema) == expected
