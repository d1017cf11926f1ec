"""Paths and parameters of bindings."""

from typing import Any

import pytest

from edge.transcoder.openapi_examples import Examples, Written
from edge.transcoder.openapi_parameters import openapi_path, owned_fields, parameters_of
from edge.transcoder.openapi_schema import Schemas
from edge.transcoder.profile import PERPETUO
from edge.transcoder.template import parse_template
from tests.unit.edge.transcoder.library import bindings, comments

BINDINGS = {f"{each.http_method} {each.template.text}": each for each in bindings()}


def parameters(selector: str, written: Written | None = None) -> list[dict[str, Any]]:
    binding = BINDINGS[selector]
    schemas, examples = Schemas(PERPETUO, comments()), Examples(written or Written(), PERPETUO)
    found = parameters_of(binding.rule, binding.method.input_type, schemas, examples)
    resolved, _ = schemas.resolve({"found": found})
    return list(resolved["found"])


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("/", "/"),
        ("/v1/models", "/v1/models"),
        ("/books/{name}", "/books/{name}"),
        ("/books/{name=**}", "/books/{name}"),
        ("/{name=shelves/*}/books", "/shelves/{name}/books"),
        ("/{name=shelves/*/books/*}:move", "/shelves/{name_1}/books/{name_2}:move"),
        ("/{book.name}:rotate", "/{book.name}:rotate"),
        ("/a/*/b/**", "/a/{segment_2}/b/{segment_4}"),
    ],
)
def test_a_template_as_a_path(template: str, expected: str) -> None:
    assert openapi_path(parse_template(template)) == expected


def test_leaves_that_nothing_owns_are_query_parameters() -> None:
    found = parameters("GET /books/{name=**}")
    assert [(each["name"], each["in"], each.get("required", False)) for each in found] == [
        ("name", "path", True),
        ("page.size", "query", False),
        ("cover", "query", False),
        ("with", "query", False),
        ("since", "query", False),
    ]
    by_name = {each["name"]: each for each in found}
    assert by_name["page.size"]["description"] == "How many, 1 to 100. Default: 10."
    assert by_name["with"]["schema"] == {"type": "array", "items": {"type": "string"}}
    assert by_name["since"]["schema"] == {"type": "string", "format": "date-time"}
    assert by_name["cover"]["schema"] == {"$ref": "#/components/schemas/Cover"}
    assert by_name["name"]["schema"] == {"type": "string", "minLength": 1}


def test_a_variable_of_several_segments_is_a_parameter_for_each_wildcard() -> None:
    found = parameters("GET /shelves/{name=*/of/*}/book:find")
    assert [each["name"] for each in found if each["in"] == "path"] == ["name_1", "name_2"]
    assert all(each["schema"] == {"type": "string", "minLength": 1} for each in found if each["in"] == "path")


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        pytest.param("PUT /shelves/{shelf}/books", ["shelf"], id="a body of everything leaves nothing to the query"),
        pytest.param("POST /wrapped/{shelf}", ["shelf", "dry", "cover"], id="a body of one member leaves the others"),
        pytest.param("POST /ask", [], id="a raw body is no parameter"),
        pytest.param("POST /copy", [], id="nor is a raw request"),
    ],
)
def test_parameters_beside_a_body(selector: str, expected: list[str]) -> None:
    assert [each["name"] for each in parameters(selector)] == expected


def test_what_was_written_for_a_field_is_the_example_of_its_parameter() -> None:
    found = parameters("GET /books/{name=**}", Written(fields={"GetBookRequest.name": "moby-dick"}))
    assert [each.get("example") for each in found] == ["moby-dick", None, None, None, None]


def test_presets_path_and_body_own_their_fields() -> None:
    assert owned_fields(BINDINGS["PUT /shelves/{shelf}/books"].rule) == {"shelf", "dry"}
    assert owned_fields(BINDINGS["POST /wrapped/{shelf}"].rule) == {"shelf", "book"}
