"""In which form errors are written, and which form a request gets."""

import json
import typing

import pytest
from anthropic.types.shared import ErrorType
from google.protobuf.descriptor import EnumValueDescriptor
from msgspec.structs import replace
from openai.types.responses import ResponseErrorEvent
from perpetuo.rest.v1 import annotations_pb2 as rest_options
from perpetuo.v1 import errors_pb2

from edge.errors import Failure
from edge.styles import Style, Styles, error_body, in_stream, typed_kind
from edge.transcoder.binding import Binding, load_bindings
from edge.transcoder.profile import PERPETUO
from tests.unit.edge.transcoder.shelf import call, service

FAILURE = Failure(
    429, 8, "Wait.", "rate_limit_exceeded", "rate_limit_error", "RATE_LIMITED", "req_1", param="model",
    details={"limit": "20"},
)  # fmt: skip
VALUES = [
    value
    for value in errors_pb2.ErrorReason.DESCRIPTOR.values
    if value.GetOptions().Extensions[rest_options.error].http_status
]
ACCESS = "option (perpetuo.rest.v1.access) = ACCESS_KEY;"
TYPED = call(
    f"""option (google.api.http) = {{ post: "/typed" body: "*" }}; {ACCESS}
    option (perpetuo.rest.v1.error_style) = ERROR_STYLE_TYPED;""",
)
OTHERS = call(
    f"""option (google.api.http) = {{ get: "/plain/{{id}}" additional_bindings {{ post: "/wrapped" body: "*" }} }};
    option (perpetuo.rest.v1.bindings) = {{ selector: "POST /wrapped" envelope: ENVELOPE_SUCCESS_DATA }}; {ACCESS}""",
    name="Others",
)


def bindings() -> dict[str, Binding]:
    found = load_bindings([service(TYPED, OTHERS)], PERPETUO)
    return {each.template.text.split("/")[1]: each for each in found}


def test_each_style_has_its_body() -> None:
    plain = json.loads(error_body(FAILURE, Style.PLAIN))
    assert plain["error"]["code"] == "rate_limit_exceeded"
    assert json.loads(error_body(FAILURE, Style.WRAPPED)) == {"success": False, **plain}
    assert json.loads(error_body(FAILURE, Style.STATUS))["code"] == 8
    assert json.loads(error_body(FAILURE, Style.TYPED)) == {
        "type": "error",
        "error": {
            "type": "rate_limit_error",
            "message": "Wait.",
            "details": {
                "limit": "20",
                "error_code": "rate_limit_exceeded",
                "docs_url": "/docs/errors/rate_limited",
                "param": "model",
            },
        },
        "request_id": "req_1",
    }


def test_a_refusal_that_anthropics_sdk_acts_on_has_its_code() -> None:
    refused = replace(FAILURE, details={"errorCode": "thread_unsupported_request"})
    details = json.loads(error_body(refused, Style.TYPED))["error"]["details"]
    assert details["error_code"] == "thread_unsupported_request"
    assert "errorCode" not in details


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.name)
def test_every_reason_has_a_kind_that_anthropics_clients_know(value: EnumValueDescriptor) -> None:
    status = value.GetOptions().Extensions[rest_options.error].http_status
    assert typed_kind(status) in typing.get_args(ErrorType)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (405, "invalid_request_error"),
        (409, "conflict_error"),
        (413, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
    ],
)
def test_a_status_has_a_kind(status: int, kind: str) -> None:
    assert typed_kind(status) == kind


@pytest.mark.parametrize(
    ("style", "is_named", "expected"),
    [
        (Style.PLAIN, False, Style.PLAIN),
        (Style.WRAPPED, False, Style.PLAIN),
        (Style.PLAIN, True, Style.EVENT),
        (Style.TYPED, True, Style.TYPED),
        (Style.STATUS, False, Style.STATUS),
    ],
)
def test_an_error_in_a_stream_has_a_style_of_its_own(style: Style, is_named: bool, expected: Style) -> None:
    assert in_stream(style, is_named=is_named) is expected


def test_an_error_among_named_events_is_one_of_them() -> None:
    body = json.loads(error_body(FAILURE, Style.EVENT, 7))
    event = ResponseErrorEvent.model_validate(body, strict=True)
    assert (event.sequence_number, event.code, event.message, event.param) == (7, FAILURE.code, "Wait.", "model")
    assert body["error"] == json.loads(error_body(FAILURE, Style.PLAIN))["error"]


HEADER = [(b"anthropic-version", b"2023-06-01")]
ASKED = [
    ("a typed method", "typed", b"/typed", [], Style.TYPED),
    ("a plain method", "plain", b"/plain/1", [], Style.PLAIN),
    ("a plain method, for who reads typed errors", "plain", b"/plain/1", HEADER, Style.TYPED),
    ("a wrapped method", "wrapped", b"/wrapped", [], Style.WRAPPED),
    ("a wrapped method, for who reads typed errors", "wrapped", b"/wrapped", HEADER, Style.WRAPPED),
    ("nothing at a typed path", "", b"/typed", [], Style.TYPED),
    ("nothing below a typed path", "", b"/typed/x", [], Style.TYPED),
    ("nothing beside a typed path", "", b"/typedx", [], Style.PLAIN),
    ("nothing anywhere", "", b"/x", [], Style.PLAIN),
    ("nothing anywhere, for who reads typed errors", "", b"/x", HEADER, Style.TYPED),
]


@pytest.mark.parametrize(
    ("name", "path", "headers", "style"), [case[1:] for case in ASKED], ids=[case[0] for case in ASKED]
)
def test_a_request_gets_a_style(name: str, path: bytes, headers: list[tuple[bytes, bytes]], style: Style) -> None:
    known = bindings()
    styles = Styles(known.values(), has_status_errors=False, header=b"anthropic-version")
    assert styles.of(known.get(name), path, [header for header, _ in headers]) is style
    assert Styles(known.values(), has_status_errors=True, header=b"").of(known.get(name), path, []) is Style.STATUS


def test_without_such_a_header_nobody_reads_typed_errors() -> None:
    assert Styles([], has_status_errors=False, header=b"").of(None, b"/x", [b"anthropic-version"]) is Style.PLAIN
