"""The document as a whole."""

import json
from typing import Any

import pytest
from openapi_spec_validator import validate

from edge.transcoder.binding import Binding
from edge.transcoder.openapi import describe
from edge.transcoder.openapi_examples import Written
from edge.transcoder.openapi_schema import DocumentError
from edge.transcoder.profile import CANONICAL, PERPETUO, Profile
from tests.unit.edge.json_schema import media_of, operations, problems
from tests.unit.edge.transcoder.library import FRAME, SOURCE, bindings, comments, document


@pytest.mark.parametrize("profile", [PERPETUO, CANONICAL], ids=lambda profile: profile.name)
def test_the_document_is_valid_and_so_are_its_examples(profile: Profile) -> None:
    made = json.loads(json.dumps(document(profile=profile)))
    validate(made)
    assert made["openapi"] == "3.1.0"
    found = {name: problems(media["example"], media["schema"], made) for name, media in media_of(made) if media}
    assert len(found) == 21
    assert {name: each for name, each in found.items() if each} == {}


def test_the_same_input_makes_the_same_text() -> None:
    assert json.dumps(document()) == json.dumps(document())


def test_every_binding_is_an_operation_with_a_name_of_its_own() -> None:
    named = {name: operation["operationId"] for name, operation in operations(document())}
    assert named == {
        "GET /books/{name}": "LibraryService_GetBook",
        "GET /shelves/{name_1}/of/{name_2}/book:find": "LibraryService_GetBook_2",
        "PUT /shelves/{shelf}/books": "LibraryService_PutBook",
        "POST /wrapped/{shelf}": "LibraryService_PutBook_2",
        "POST /others": "LibraryService_PutBook_3",
        "POST /ask": "LibraryService_Ask",
        "GET /tail": "LibraryService_Tail",
        "GET /texts": "LibraryService_TailTexts",
        "GET /events": "LibraryService_TailRaw",
        "POST /copy": "LibraryService_Copy",
        "GET /download": "LibraryService_Download",
        "POST /check": "LibraryService_Check",
    }


def test_an_operation_tells_what_the_method_says_of_itself() -> None:
    operation = document()["paths"]["/books/{name}"]["get"]
    assert operation["summary"] == "One book"
    assert operation["description"] == "One book. `GetBook` looks in all shelves."
    assert operation["tags"] == ["LibraryService"]
    assert operation["x-perpetuo-rpc"] == "test.v1.LibraryService/GetBook"
    assert operation["x-perpetuo-template"] == "/books/{name=**}"
    asked = document()["paths"]["/ask"]["post"]
    assert asked["summary"] == "Asks, and is answered"
    assert "description" not in asked
    assert "x-perpetuo-template" not in asked
    assert document()["paths"]["/tail"]["get"]["summary"] == "Tail"


@pytest.mark.parametrize(
    ("path", "method", "security", "refusals"),
    [
        pytest.param(
            "/books/{name}", "get", [{"token": []}], {"401": "Unauthorized", "default": "Error"}, id="a user's"
        ),
        pytest.param(
            "/ask", "post", [{"key": []}, {"header": []}], {"401": "Unauthorized", "default": "Error"}, id="a key's"
        ),
        pytest.param("/tail", "get", [], {"default": "Error"}, id="public"),
        pytest.param(
            "/wrapped/{shelf}",
            "post",
            [{"token": []}],
            {"401": "WrappedUnauthorized", "default": "WrappedError"},
            id="wrapped",
        ),
    ],
)
def test_credentials_and_errors_of_an_operation(path: str, method: str, security: Any, refusals: Any) -> None:
    operation = document()["paths"][path][method]
    assert operation["security"] == security
    found = {status: answer["$ref"] for status, answer in operation["responses"].items() if status != "200"}
    assert found == {status: f"#/components/responses/{name}" for status, name in refusals.items()}


def test_errors_have_one_body_and_its_wrapped_form() -> None:
    components = document()["components"]
    wrapped = components["responses"]["WrappedUnauthorized"]
    assert wrapped["content"]["application/json"]["example"] == {"success": False, "error": {"message": "Who are you?"}}
    assert set(wrapped["headers"]) == {"x-request-id", "retry-after"}
    assert components["schemas"]["Error"] == FRAME.error
    assert components["schemas"]["WrappedErrorBody"]["required"] == ["success", "error"]
    typed = components["responses"]["TypedUnauthorized"]["content"]["application/json"]
    assert typed["schema"] == {"$ref": "#/components/schemas/TypedErrorBody"}
    assert typed["example"]["error"]["message"] == "Who are you?"


def test_streams_are_explained_and_frames_handed_on() -> None:
    made = document()
    answer = made["paths"]["/ask"]["post"]["responses"]["200"]
    assert "`data: [DONE]`" in answer["description"]
    assert set(answer["headers"]) == {"x-request-id"}
    assert made["x-more"] == [1]
    assert made["info"] == FRAME.info
    assert made["tags"] == [{"name": "LibraryService", "description": "Lends books."}]


def changed(old: str, new: str) -> list[Binding]:
    assert old in SOURCE
    return bindings(source=SOURCE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param(
            'get: "/tail"', 'custom: {kind: "PURGE" path: "/tail"}', "OpenAPI has no method PURGE", id="an odd method"
        ),
        pytest.param(
            'post: "/others"',
            'post: "/shelves/{cover}/books"',
            r"called /shelves/\{shelf\}/books elsewhere",
            id="two names",
        ),
        pytest.param(
            '{get: "/shelves/{name=*/of/*}/book:find"}',
            '{get: "/books/{name}"}',
            "described already",
            id="one path twice",
        ),
        pytest.param("Piece", "Error", "messages have names that errors need: Error", id="a name that errors need"),
    ],
)
def test_what_has_no_place_in_openapi_is_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        describe(changed(old, new), PERPETUO, comments(), FRAME, Written())
