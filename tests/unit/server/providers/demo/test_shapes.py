"""Values that fit JSON schemas."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.providers.demo.shapes import shaped


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, "value"),
        (True, "value"),
        (False, None),
        ({"type": "string"}, "value"),
        ({"type": "string", "minLength": 8}, "valuexxx"),
        ({"type": "string", "maxLength": 2}, "va"),
        ({"type": "string", "format": "date"}, "2026-01-31"),
        ({"type": "string", "enum": ["b", "a"]}, "b"),
        ({"const": 7}, 7),
        ({"type": "string", "default": "d"}, "d"),
        ({"type": "string", "examples": ["e"]}, "e"),
        ({"type": "integer"}, 1),
        ({"type": "integer", "minimum": 5}, 5),
        ({"type": "integer", "minimum": 4.5}, 5),
        ({"type": "integer", "exclusiveMinimum": 5}, 6),
        ({"type": "integer", "maximum": -3}, -3),
        ({"type": "number", "exclusiveMaximum": 1}, 0),
        ({"type": "integer", "minimum": 5, "multipleOf": 4}, 8),
        ({"type": "integer", "multipleOf": 1e-320}, 1),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"type": ["null", "integer"]}, 1),
        ({"type": "array", "items": {"type": "integer"}}, [1]),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 3}, [1, 1, 1]),
        ({"type": "array", "maxItems": 0}, []),
        ({"type": "object"}, {}),
        ({"properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}, {"city": "city", "days": 1}),
        ({"type": "object", "required": ["x"]}, {"x": "x"}),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, 1),
        ({"oneOf": [{"const": "a"}, {"const": "b"}]}, "a"),
        ({"allOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {"const": 2}}}]}, {"a": 1, "b": 2}),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"const": 3}}}, 3),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"const": 3}}}, 3),
        ({"$ref": "#/nowhere"}, "value"),
    ],
)
def test_shapes(schema: Any, value: Any) -> None:
    assert shaped(schema) == value


def test_a_schema_that_refers_to_itself_ends() -> None:
    node = {"properties": {"next": {"$ref": "#"}, "value": {"type": "integer"}}, "required": ["value"]}
    assert shaped(node)["next"]["next"]["value"] == 1
    assert shaped({"$ref": "#"}) == "value"


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [{"$ref": "#"}, {"$ref": "#"}, {"$ref": "#"}]},
        {"type": "array", "minItems": 10**9, "items": {"$ref": "#"}},
        {"type": "string", "minLength": 10**12},
        {"properties": {name: {"$ref": "#"} for name in "abcdefghijklmnop"}, "required": list("abcdefghijklmnop")},
    ],
    ids=["alternatives", "arrays", "strings", "members"],
)
def test_a_schema_that_asks_for_a_great_deal_gets_little(schema: Any) -> None:
    assert len(msgspec.json.encode(shaped(schema))) < 200_000


letters = st.text(alphabet="ab#/$", max_size=4)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | letters,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(letters, inner, max_size=3),
    max_leaves=6,
)
keywords = st.sampled_from(
    [
        *("type", "enum", "const", "properties", "required", "items", "minItems", "maxItems", "anyOf", "allOf"),
        *("$ref", "minimum", "maximum", "exclusiveMinimum", "multipleOf", "minLength", "maxLength", "examples"),
    ]
)
kinds = st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null"])


@given(st.dictionaries(keywords, json_values | kinds, max_size=6))
def test_no_schema_however_odd_makes_it_fail(schema: dict[str, Any]) -> None:
    msgspec.json.encode(shaped(schema))
