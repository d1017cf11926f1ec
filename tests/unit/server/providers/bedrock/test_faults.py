"""Exceptions of Bedrock by their types."""

import pytest

from server.providers.bedrock.faults import refused
from tests.unit.server.providers.bedrock.schema import service

MODEL = service().operation_model("ConverseStream")
REASONS = {
    "AccessDeniedException": "UPSTREAM_FORBIDDEN",
    "InternalServerException": "UPSTREAM_UNAVAILABLE",
    "ModelErrorException": "UPSTREAM_UNAVAILABLE",
    "ModelNotReadyException": "UPSTREAM_UNAVAILABLE",
    "ModelTimeoutException": "UPSTREAM_TIMEOUT",
    "ResourceNotFoundException": "MODEL_UNKNOWN",
    "ServiceUnavailableException": "UPSTREAM_UNAVAILABLE",
    "ThrottlingException": "UPSTREAM_RATE_LIMITED",
    "ValidationException": "REQUEST_INVALID",
}


@pytest.mark.parametrize("shape", MODEL.error_shapes, ids=lambda shape: shape.name)
def test_every_exception_of_the_operation_has_its_reason(shape: object) -> None:
    name = str(getattr(shape, "name", ""))
    status = getattr(shape, "metadata", {})["error"]["httpStatusCode"]
    in_header = refused(status, {"x-amzn-errortype": f"{name}:http://internal/"}, b'{"message":"x"}')
    in_body = refused(status, {}, b'{"__type":"com.amazon#%s","Message":"x"}' % name.encode())
    assert in_header.reason == in_body.reason == REASONS[name]
    assert in_header.message == in_body.message


@pytest.mark.parametrize("name", ["ExpiredToken", "UnrecognizedClient", "InvalidSignature", "IncompleteSignature"])
@pytest.mark.parametrize("status", [400, 403])
def test_a_credential_that_is_refused(name: str, status: int) -> None:
    error = refused(status, {"x-amzn-errortype": f"{name}Exception"}, b'{"message":"The key AKIA is bad"}')
    assert error.reason == "UPSTREAM_AUTH"
    assert "AKIA" not in error.message


@pytest.mark.parametrize(
    ("status", "headers", "body", "reason"),
    [
        (503, {}, b"<html></html>", "UPSTREAM_UNAVAILABLE"),
        (400, {"x-amzn-errortype": "ThrottlingException"}, b"", "UPSTREAM_RATE_LIMITED"),
        (429, {}, b"{}", "UPSTREAM_RATE_LIMITED"),
        (418, {}, b'{"message":"x"}', "UPSTREAM_BAD_RESPONSE"),
    ],
    ids=["HTML", "a type without a body", "a status alone", "a status that nobody knows"],
)
def test_what_is_left_unsaid(status: int, headers: dict[str, str], body: bytes, reason: str) -> None:
    assert refused(status, headers, body).reason == reason
