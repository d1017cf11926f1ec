"""Failures from refusals and statuses, and how they are written."""

import json
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from perpetuo.rest.v1 import annotations_pb2 as rest_options
from perpetuo.v1 import errors_pb2

from edge.errors import ErrorCatalogue, body_of, headers_of, status_of
from edge.transcoder.faults import TranscodeError
from edge.transcoder.profile import CANONICAL
from edge.transcoder.status import HTTP_OF_GRPC
from tests.unit.edge.protos import compile_protos

CATALOGUE = ErrorCatalogue(errors_pb2.ErrorReason.DESCRIPTOR)
BARE = ErrorCatalogue(
    compile_protos('syntax = "proto3"; package e; enum Reason { NONE = 0; }').FindEnumTypeByName("e.Reason")
)
REASONS = [
    value for value in errors_pb2.ErrorReason.DESCRIPTOR.values if value.GetOptions().HasExtension(rest_options.error)
]


def rpc_error(
    code: grpc.StatusCode, details: str = "", *parts: Any, trailing: tuple[tuple[str, Any], ...] = ()
) -> grpc.aio.AioRpcError:
    """A failed call with details in its trailers."""
    status = status_pb2.Status(code=code.value[0], message=details)
    for part in parts:
        status.details.add().Pack(part)
    trailers = (("grpc-status-details-bin", status.SerializeToString()), *trailing) if parts else trailing
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailers), details)


def info(reason: str, domain: str = "perpetuo.dev", **metadata: str) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata=metadata)


def retry(seconds: int, nanos: int = 0) -> error_details_pb2.RetryInfo:
    return error_details_pb2.RetryInfo(retry_delay={"seconds": seconds, "nanos": nanos})


@pytest.mark.parametrize("value", REASONS, ids=lambda value: value.name.removeprefix("ERROR_REASON_"))
def test_every_reason_is_answered_as_its_row_says(value: Any) -> None:
    rule = value.GetOptions().Extensions[rest_options.error]
    reason = value.name.removeprefix("ERROR_REASON_")
    failure = CATALOGUE.of_call(rpc_error(grpc.StatusCode.UNKNOWN, "text", info(reason)), "req_1")
    assert (failure.http_status, failure.grpc_code) == (rule.http_status, rule.grpc_code)
    assert failure.code == (rule.code or reason.lower())
    assert failure.type == rule.type or not rule.type
    assert failure.should_retry == (rule.retry == rest_options.RETRY_AFTER)
    assert failure.retry_after_s == (1 if failure.should_retry else None)
    assert failure.message == "text"


WAITS = [
    ("a wait", "12.2", 13),
    ("a wait of hours", "7200", 60),
    ("none", None, None),
    ("no number", "soon", None),
    ("not a number", "nan", None),
    ("for ever", "inf", None),
    ("a wait in the past", "-3", 0),
]


@pytest.mark.parametrize(("told", "shown"), [case[1:] for case in WAITS], ids=[case[0] for case in WAITS])
def test_a_wait_that_is_no_invitation_is_shown_where_the_rule_says_so(told: str | None, shown: int | None) -> None:
    variables = {} if told is None else {"retryAfterS": told}
    failure = CATALOGUE.of_call(rpc_error(grpc.StatusCode.UNAVAILABLE, "text", info("NO_HEALTHY_ROUTE", **variables)))
    assert (failure.should_retry, failure.retry_after_s) == (False, shown)
    failure = CATALOGUE.of_call(rpc_error(grpc.StatusCode.UNAVAILABLE, "text", info("UPSTREAM_RESET", **variables)))
    assert (failure.should_retry, failure.retry_after_s) == (False, None)


def test_all_details_are_read() -> None:
    error = rpc_error(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "Slow down: é.",
        info("RATE_LIMITED", limitName="rpm"),
        error_details_pb2.BadRequest(field_violations=[{"field": "messages[2].content"}, {"field": "b"}]),
        retry(6, 1),
        error_details_pb2.RequestInfo(request_id="req_core"),
        error_details_pb2.Help(),
    )
    failure = CATALOGUE.of_call(error, "req_ours")
    assert json.loads(body_of(failure)) == {
        "error": {
            "message": "Slow down: é.",
            "type": "rate_limit_error",
            "code": "rate_limit_exceeded",
            "param": "messages[2].content",
            "request_id": "req_core",
            "details": {"limitName": "rpm"},
            "docs_url": "/docs/errors/rate_limited",
        }
    }
    assert dict(headers_of(failure)) == {
        b"x-request-id": b"req_core",
        b"request-id": b"req_core",
        b"x-should-retry": b"true",
        b"retry-after": b"7",
    }


@pytest.mark.parametrize(
    ("delay", "expected"),
    [((0, 1), 1), ((1, 0), 1), ((59, 500_000_000), 60), ((3600, 0), 60), ((-5, 0), 0)],
)
def test_the_time_to_wait_is_whole_seconds_up_to_a_minute(delay: tuple[int, int], expected: int) -> None:
    error = rpc_error(grpc.StatusCode.UNAVAILABLE, "x", info("NO_HEALTHY_ROUTE"), retry(*delay))
    failure = CATALOGUE.of_call(error, "r")
    assert (failure.retry_after_s, failure.should_retry) == (expected, False)


def test_the_request_id_of_the_trailers_is_used_when_the_details_have_none() -> None:
    error = rpc_error(grpc.StatusCode.NOT_FOUND, "x", info("CONFLICT"), trailing=(("x-request-id", "req_trailer"),))
    assert CATALOGUE.of_call(error, "req_ours").request_id == "req_trailer"
    assert CATALOGUE.of_call(rpc_error(grpc.StatusCode.NOT_FOUND), "req_ours").request_id == "req_ours"


@pytest.mark.parametrize(
    ("code", "status", "text", "is_shown"),
    [
        (grpc.StatusCode.UNKNOWN, 500, "Unexpected <class 'ValueError'>: boom", False),
        (grpc.StatusCode.INTERNAL, 500, "boom", False),
        (grpc.StatusCode.DATA_LOSS, 500, "boom", False),
        (grpc.StatusCode.UNAVAILABLE, 503, "failed to connect to ipv4:10.0.0.1:50051", False),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, 503, "Received message larger than max", False),
        (grpc.StatusCode.DEADLINE_EXCEEDED, 504, "Deadline Exceeded", False),
        (grpc.StatusCode.UNIMPLEMENTED, 501, "Method not found!", False),
        (grpc.StatusCode.CANCELLED, 503, "CANCELLED", False),
        (grpc.StatusCode.INVALID_ARGUMENT, 400, "No such thing.", True),
        (grpc.StatusCode.NOT_FOUND, 404, "No such thing.", True),
        (grpc.StatusCode.UNAUTHENTICATED, 401, "Who?", True),
    ],
)
def test_a_status_without_a_reason_shows_only_texts_meant_for_the_caller(
    code: grpc.StatusCode, status: int, text: str, is_shown: bool
) -> None:
    failure = CATALOGUE.of_call(rpc_error(code, text), "r")
    assert failure.http_status == status
    assert (failure.message == text) == is_shown
    assert failure.message


def test_a_reason_of_another_domain_is_not_ours() -> None:
    failure = CATALOGUE.of_call(rpc_error(grpc.StatusCode.INTERNAL, "boom", info("CONFLICT", "evil.example")), "r")
    assert (failure.http_status, failure.code) == (500, "internal_error")
    unknown = CATALOGUE.of_call(rpc_error(grpc.StatusCode.INTERNAL, "boom", info("NEW_REASON")), "r")
    assert (unknown.http_status, unknown.message == "boom") == (500, False)


def test_details_that_do_not_parse_are_passed_over() -> None:
    error = rpc_error(grpc.StatusCode.INTERNAL, "boom", trailing=(("grpc-status-details-bin", b"\xff\xff\xff"),))
    assert CATALOGUE.of_call(error, "r").http_status == 500


@pytest.mark.parametrize("code", list(grpc.StatusCode), ids=lambda code: code.name)
def test_without_a_table_the_general_one_decides(code: grpc.StatusCode) -> None:
    if code is not grpc.StatusCode.OK:
        assert BARE.of_call(rpc_error(code), "r").http_status == HTTP_OF_GRPC[code.value[0]]


def test_a_refusal_has_the_status_of_its_reason_and_its_param() -> None:
    failure = CATALOGUE.of_refusal(TranscodeError("No.", param="a.b[2]"), "req_1")
    assert (failure.http_status, failure.code, failure.param) == (400, "request_invalid", "a.b[2]")
    wrong_method = TranscodeError("No.", reason="METHOD_NOT_ALLOWED", http_status=405, allow=("GET", "HEAD"))
    assert (b"allow", b"GET, HEAD") in headers_of(CATALOGUE.of_refusal(wrong_method, "req_1"))
    assert BARE.of_refusal(TranscodeError("No.", reason="ODD", http_status=404), "r").http_status == 404


def test_a_challenge_comes_with_401_and_without_a_message() -> None:
    failure = CATALOGUE.of_call(rpc_error(grpc.StatusCode.UNAUTHENTICATED, "secret", info("KEY_INVALID")), "r")
    assert (b"www-authenticate", b"Bearer") in headers_of(failure)


def test_a_wrapped_error_says_so_first() -> None:
    body = body_of(CATALOGUE.of_status(13, "req_1"), is_wrapped=True)
    assert body.startswith(b'{"success":false,"error":{"message":')
    assert b'"param":null' in body
    assert b'"details":{}' in body


def test_the_canonical_body_is_a_status_with_the_details_that_came() -> None:
    error = rpc_error(grpc.StatusCode.UNAUTHENTICATED, "Hello, 世界", info("KEY_INVALID", a="b"), retry(3))
    body = status_of(CATALOGUE.of_call(error, "r"))
    assert "世界".encode() in body
    assert json.loads(body) == {
        "code": 16,
        "message": "Hello, 世界",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "KEY_INVALID",
                "domain": "perpetuo.dev",
                "metadata": {"a": "b"},
            },
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s"},
        ],
    }
    assert CANONICAL.name == "canonical"


def test_a_detail_of_an_unknown_type_is_shown_by_its_bytes() -> None:
    status = status_pb2.Status(message="x")
    status.details.add(type_url="type.example/nope.Nope", value=b"\x01")
    status.details.add().Pack(info("CONFLICT"))
    error = grpc.aio.AioRpcError(
        grpc.StatusCode.ABORTED,
        grpc.aio.Metadata(),
        grpc.aio.Metadata(("grpc-status-details-bin", status.SerializeToString())),
        "x",
    )
    details = json.loads(status_of(CATALOGUE.of_call(error, "r")))["details"]
    assert details[0] == {"@type": "type.example/nope.Nope", "value": "AQ=="}


def test_a_canonical_refusal_has_its_reason_as_the_detail() -> None:
    details = json.loads(status_of(CATALOGUE.of_refusal(TranscodeError("No."), "r")))["details"]
    assert [detail["reason"] for detail in details] == ["REQUEST_INVALID"]
