"""Schemas narrowed to what a vendor knows."""

import json
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from server.chat.schemas import Narrowing, members_of, narrow

PLAIN = Narrowing(
    frozenset({"type", "properties", "items", "anyOf", "enum", "description", "required", "format", "$defs"})
)
CLOSED = Narrowing(
    PLAIN.keywords, values={"format": frozenset({"date"})}, renamed={"oneOf": "anyOf"}, closes_objects=True
)


def narrowed(schema: object, narrowing: Narrowing = PLAIN) -> tuple[Any, tuple[str, ...]]:
    found = narrow(Raw(json.dumps(schema).encode()), narrowing)
    return json.loads(msgspec.json.encode(found.schema)), found.lost


CASES: dict[str, tuple[Narrowing, object, object, tuple[str, ...]]] = {
    "what is known stays": (PLAIN, {"type": "string", "enum": ["a"]}, {"type": "string", "enum": ["a"]}, ()),
    "what is not goes into words": (
        PLAIN, {"type": "integer", "minimum": 1, "multipleOf": 2},
        {"type": "integer", "description": "{minimum: 1, multipleOf: 2}"}, ("minimum", "multipleOf"),
    ),
    "after the words that are there": (
        PLAIN, {"type": "string", "description": "A day.", "pattern": "x"},
        {"type": "string", "description": "A day.\n\n{pattern: \"x\"}"}, ("pattern",),
    ),
    "at every depth": (
        PLAIN,
        {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "string", "maxLength": 3}}},
         "$defs": {"D": {"anyOf": [{"type": "null"}, {"const": 1}]}}},
        {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "string",
                                                                          "description": "{maxLength: 3}"}}},
         "$defs": {"D": {"anyOf": [{"type": "null"}, {"description": "{const: 1}"}]}}},
        ("properties.a.items.maxLength", "$defs.D.anyOf[1].const"),
    ),
    "a property may be called like a keyword": (
        PLAIN, {"properties": {"minimum": {"type": "string"}}}, {"properties": {"minimum": {"type": "string"}}}, (),
    ),
    "some values of a keyword are known": (
        CLOSED, {"anyOf": [{"format": "date"}, {"format": "color"}]},
        {"anyOf": [{"format": "date"}, {"description": "{format: \"color\"}"}]}, ("anyOf[1].format",),
    ),
    "another name": (CLOSED, {"oneOf": [{"type": "null"}]}, {"anyOf": [{"type": "null"}]}, ()),
    "objects are closed": (
        CLOSED, {"type": "object", "properties": {"a": {"type": "object"}}},
        {"type": "object", "properties": {"a": {"type": "object", "additionalProperties": False}},
         "additionalProperties": False}, (),
    ),
    "an object that is closed already": (
        CLOSED, {"type": "object", "additionalProperties": False},
        {"type": "object", "additionalProperties": False}, (),
    ),
    "an object that was open": (
        CLOSED, {"type": "object", "additionalProperties": True},
        {"type": "object", "description": "{additionalProperties: true}", "additionalProperties": False},
        ("additionalProperties",),
    ),
    "true is a schema that says nothing": (PLAIN, True, {}, ()),
    "types in a list": (PLAIN, {"type": ["string", "null"]}, {"type": ["string", "null"]}, ()),
}  # fmt: skip


@pytest.mark.parametrize(("narrowing", "schema", "made", "lost"), CASES.values(), ids=CASES.keys())
def test_a_schema(narrowing: Narrowing, schema: object, made: object, lost: tuple[str, ...]) -> None:
    assert narrowed(schema, narrowing) == (made, lost)


def test_numbers_keep_their_spelling() -> None:
    raw = Raw(b'{"enum": [9007199254740993, 1.0, 1E+2]}')
    assert msgspec.json.encode(narrow(raw, PLAIN).schema) == b'{"enum":[9007199254740993, 1.0, 1E+2]}'


def test_the_keywords_of_a_schema() -> None:
    assert members_of(Raw(b'{"a": 1}')) == {"a": Raw(b"1")}
    assert members_of(Raw(b"true")) == {}
