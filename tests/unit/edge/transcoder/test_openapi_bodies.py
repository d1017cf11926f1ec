"""Bodies of bindings: media types, schemas and examples."""

from typing import Any

import pytest

from edge.transcoder.openapi_bodies import Bodies
from edge.transcoder.openapi_examples import BindingExample, Examples, Written
from edge.transcoder.openapi_schema import SCHEMA_PATH, DocumentError, Schemas
from edge.transcoder.profile import PERPETUO
from tests.unit.edge.transcoder.library import SOURCE, bindings, comments

BINDINGS = {f"{each.http_method} {each.template.text}": each for each in bindings()}


def ref(name: str) -> dict[str, str]:
    return {"$ref": SCHEMA_PATH + name}


def request(selector: str, written: Written | None = None) -> dict[str, Any]:
    schemas = Schemas(PERPETUO, comments())
    found = Bodies(schemas, Examples(written or Written(), PERPETUO)).request(BINDINGS[selector])
    return schemas.resolve(found)[0]


def answer(selector: str, written: Written | None = None) -> dict[str, Any]:
    schemas = Schemas(PERPETUO, comments())
    found = Bodies(schemas, Examples(written or Written(), PERPETUO)).answer(BINDINGS[selector])
    return schemas.resolve(found)[0]


def schemas_of(content: dict[str, Any]) -> dict[str, Any]:
    return {media_type: media.get("schema") for media_type, media in content.items()}


def test_a_body_of_everything_leaves_out_what_path_and_presets_own() -> None:
    body = request("PUT /shelves/{shelf}/books")
    media = body["content"]["application/json"]
    assert body["required"] is True
    assert set(media["schema"]["properties"]) == {"book", "cover"}
    assert media["schema"]["additionalProperties"] is False
    assert set(media["example"]) <= {"book", "cover"}


def test_a_body_of_everything_that_owns_everything_is_the_message() -> None:
    assert schemas_of(request("POST /others")["content"]) == {"application/json": ref("PutBookRequest")}


def test_a_body_without_members_may_be_left_out() -> None:
    assert request("POST /check") == {
        "required": False,
        "content": {"application/json": {"schema": ref("Nothing"), "example": {}}},
    }


def test_a_body_of_one_member_is_that_member() -> None:
    assert schemas_of(request("POST /wrapped/{shelf}")["content"]) == {"application/json": ref("Book")}


def test_a_raw_body_is_described_by_the_message_that_is_named_for_it() -> None:
    assert schemas_of(request("POST /ask")["content"]) == {"application/json": ref("Question")}
    assert schemas_of(answer("POST /ask")) == {"application/json": ref("Reply"), "text/event-stream": ref("Piece")}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        pytest.param("GET /books/{name=**}", {"application/json": ref("Book")}, id="a whole message"),
        pytest.param("POST /others", {"application/json": {"type": "array", "items": ref("Book")}}, id="one member"),
        pytest.param("GET /tail", {"application/x-ndjson": ref("Piece")}, id="a stream of messages"),
        pytest.param("GET /texts", {"application/x-ndjson": {"type": "string"}}, id="a stream of one member"),
        pytest.param("GET /events", {"text/event-stream": None}, id="a stream of raw JSON that nothing describes"),
        pytest.param("POST /copy", {"*/*": None}, id="a raw answer that nothing describes"),
        pytest.param("GET /download", {"*/*": None}, id="a raw stream"),
    ],
)
def test_an_answer_by_its_media_types(selector: str, expected: dict[str, Any]) -> None:
    assert schemas_of(answer(selector)) == expected


def test_a_raw_request_that_nothing_describes_is_anything() -> None:
    assert request("POST /copy") == {"required": True, "content": {"*/*": {}}}


def test_an_envelope_wraps_schema_and_example() -> None:
    media = answer("POST /wrapped/{shelf}")["application/json"]
    assert media["schema"] == {
        "type": "object",
        "properties": {"success": {"type": "boolean", "const": True}, "data": ref("Book")},
        "required": ["success", "data"],
    }
    assert media["example"]["success"] is True
    assert media["example"]["data"]["name"] == "name"


def test_what_was_written_for_a_binding_is_its_example() -> None:
    written = Written(
        bindings={"POST /ask": BindingExample(request={"text": "?"}, answer={"id": "1"}, event={"text": "!"})}
    )
    assert request("POST /ask", written)["content"]["application/json"]["example"] == {"text": "?"}
    assert [media["example"] for media in answer("POST /ask", written).values()] == [{"id": "1"}, {"text": "!"}]
    wrapped = Written(bindings={"POST /wrapped/{shelf}": BindingExample(answer={"name": "x"})})
    example = answer("POST /wrapped/{shelf}", wrapped)["application/json"]["example"]
    assert example == {"success": True, "data": {"name": "x"}}


def test_a_schema_option_that_names_no_message_is_refused() -> None:
    source = SOURCE.replace('response: "Reply"', 'response: "Replica"')
    [binding] = [each for each in bindings(source=source) if each.template.text == "/ask"]
    bodies = Bodies(Schemas(PERPETUO, {}), Examples(Written(), PERPETUO))
    with pytest.raises(
        DocumentError, match=r"LibraryService\.Ask: schema names 'Replica', which is no message of test\.v1"
    ):
        bodies.answer(binding)


@pytest.mark.parametrize("selector", ["GET /download", "POST /copy"], ids=["a stream", "in one piece"])
def test_an_answer_that_is_text_is_described_by_its_kind(selector: str) -> None:
    declared = (
        "rpc Download(Nothing) returns (stream google.api.HttpBody) {",
        "rpc Copy(google.api.HttpBody) returns (google.api.HttpBody) {",
    )
    source = SOURCE
    for line in declared:
        assert line in source
        source = source.replace(line, line + ' option (perpetuo.rest.v1.schema) = {text: "text/csv"};')
    [binding] = [each for each in bindings(source=source) if f"{each.http_method} {each.template.text}" == selector]
    for written, example in ((Written(), "text"), (Written(bindings={selector: BindingExample(answer="a,b")}), "a,b")):
        found = Bodies(Schemas(PERPETUO, {}), Examples(written, PERPETUO)).answer(binding)
        assert found == {"text/csv": {"schema": {"type": "string"}, "example": example}}
