"""The gateway's description: valid, in step with what is served, and as committed."""

import json
from pathlib import Path

import pytest
from openapi_spec_validator import validate
from perpetuo.rest.v1 import annotations_pb2 as rest_options

from edge.description import REASONS_MEMBER, error_example, shipped_document
from edge.errors import ErrorCatalogue, body_of
from edge.openapi import DESCRIPTORS, gateway_document, main
from edge.reasons import Reason
from edge.rest.services import gateway_reasons, gateway_services
from edge.transcoder.binding import build_router, load_bindings
from edge.transcoder.faults import TranscodeError
from edge.transcoder.json_text import parse_json
from edge.transcoder.openapi_parameters import openapi_path
from edge.transcoder.profile import PERPETUO
from edge.transcoder.template import parse_template
from tests.unit.edge.json_schema import media_of, operations, problems

ROUTES = Path(__file__).parents[2] / "conformance" / "routes.txt"
DOCUMENT = json.loads(shipped_document())
BINDINGS = load_bindings(gateway_services(), PERPETUO, require_access=True)


def test_the_committed_document_is_what_the_descriptors_say() -> None:
    assert shipped_document() == gateway_document(DESCRIPTORS.read_bytes()), "run `make generate`"


def test_the_document_is_valid_openapi() -> None:
    validate(DOCUMENT)
    assert DOCUMENT["openapi"] == "3.1.0"


MEDIA = dict(media_of(DOCUMENT))


@pytest.mark.parametrize("name", MEDIA)
def test_every_body_has_an_example_that_fits(name: str) -> None:
    assert problems(MEDIA[name]["example"], MEDIA[name]["schema"], DOCUMENT) == []


OPERATIONS = dict(operations(DOCUMENT))


@pytest.mark.parametrize("name", OPERATIONS)
def test_parameters_are_explained_and_have_examples_that_fit(name: str) -> None:
    for parameter in OPERATIONS[name].get("parameters", []):
        assert parameter["description"]
        assert problems(parameter["example"], parameter["schema"], DOCUMENT) == []


def test_router_document_and_golden_file_have_the_same_routes(request: pytest.FixtureRequest) -> None:
    routes = build_router(BINDINGS).routes
    served = sorted(f"{route.method} {route.template.text} {route.target.rpc.removeprefix('/')}" for route in routes)
    described = sorted(
        f"{method.upper()} {operation.get('x-perpetuo-template', path)} {operation['x-perpetuo-rpc']}"
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
    )
    if request.config.getoption("--update-golden"):
        ROUTES.write_text("\n".join(served) + "\n")
    assert described == served
    assert ROUTES.read_text().splitlines() == served


def test_paths_are_those_of_the_templates() -> None:
    described = {path for path, item in DOCUMENT["paths"].items() for operation in item.values()}
    golden = [line.split()[1] for line in ROUTES.read_text().splitlines()]
    assert described == {openapi_path(parse_template(template)) for template in golden}


SOURCES = {f"{each.http_method} {each.template.text}": each for each in BINDINGS}


@pytest.mark.parametrize("selector", SOURCES)
def test_the_example_of_a_request_is_taken_and_the_access_is_told(selector: str) -> None:
    binding = SOURCES[selector]
    operation = OPERATIONS[f"{binding.http_method} {openapi_path(binding.template)}"]
    values = [parameter["example"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"]
    example = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
    body = b"" if example is None else json.dumps(example).encode()
    assert isinstance(binding.build(values, b"", body, "application/json"), binding.request_class)
    schemes = {name for requirement in operation["security"] for name in requirement}
    expected = {
        rest_options.ACCESS_PUBLIC: set(),
        rest_options.ACCESS_USER: {"userToken"},
        rest_options.ACCESS_KEY: {"gatewayKey", "gatewayKeyHeader"},
    }
    assert schemes == expected[binding.access]
    assert schemes <= set(DOCUMENT["components"]["securitySchemes"])


def test_what_the_schema_of_an_error_says_is_what_errors_are() -> None:
    catalogue = ErrorCatalogue(gateway_reasons())
    failure = catalogue.of_refusal(TranscodeError("Bad.", param="a"), "req_1")
    for is_wrapped, name in ((False, "ErrorBody"), (True, "WrappedErrorBody")):
        body = parse_json(body_of(failure, is_wrapped=is_wrapped), 8)
        assert problems(body, {"$ref": f"#/components/schemas/{name}"}, DOCUMENT) == []
    properties = DOCUMENT["components"]["schemas"]["Error"]["properties"]
    assert list(json.loads(body_of(failure))["error"]) == list(properties)
    assert list(error_example(Reason(**DOCUMENT[REASONS_MEMBER][0]))) == list(properties)


def test_everything_named_has_a_description() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        if not name.endswith("ErrorBody"):
            assert schema["description"], name
            assert [
                member for member, each in schema.get("properties", {}).items() if not each.get("description")
            ] == []
    assert all(tag["description"] for tag in DOCUMENT["tags"])


def test_the_command_writes_the_document_once(tmp_path: Path) -> None:
    out = tmp_path / "openapi.json"
    assert main([str(out)]) == 0
    assert out.read_bytes() == shipped_document()
    before = out.stat().st_mtime_ns
    assert main([str(out)]) == 0
    assert out.stat().st_mtime_ns == before


def test_the_command_asks_for_a_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage: python -m edge.openapi OUT" in capsys.readouterr().err
