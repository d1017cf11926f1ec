"""Every reason becomes one status with one ErrorInfo, whatever its texts are."""

import re
from urllib.parse import quote

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from server.errors import (
    REASONS,
    NoHealthyRoute,
    PerpetuoError,
    RateLimited,
    RequestInvalid,
    UpstreamQuota,
    UpstreamReset,
)
from server.interceptors.rich_status import RichStatus, rich_status
from server.interceptors.rules import load_rules

RULES = load_rules()
REQUEST_ID = "req_" + "0" * 26


def made(error: PerpetuoError) -> RichStatus:
    return rich_status(error, RULES[error.reason], REQUEST_ID)


def details_of(status: RichStatus) -> dict[str, Message]:
    raw = dict(status.trailing)["grpc-status-details-bin"]
    assert isinstance(raw, bytes)
    found: dict[str, Message] = {}
    for packed in status_pb2.Status.FromString(raw).details:
        name = packed.TypeName().rpartition(".")[2]
        message: Message = getattr(error_details_pb2, name)()
        assert packed.Unpack(message)
        assert name not in found
        found[name] = message
    return found


def detail(status: RichStatus, name: str) -> Message | None:
    return details_of(status).get(name)


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_tells_itself_once(reason: str) -> None:
    status = made(REASONS[reason]("What happened.", details={"modelName": "m"}))
    found = details_of(status)
    assert found["ErrorInfo"] == error_details_pb2.ErrorInfo(
        reason=reason, domain="perpetuo.dev", metadata={"modelName": "m"}
    )
    assert re.fullmatch("[A-Z][A-Z0-9_]{0,62}", reason)
    assert found["RequestInfo"] == error_details_pb2.RequestInfo(request_id=REQUEST_ID)
    link = error_details_pb2.Help.Link(url=f"/docs/errors/{reason.lower()}")
    assert found["Help"] == error_details_pb2.Help(links=[link])
    assert (status.code, status.message) == (RULES[reason].code, "What happened.")
    assert dict(status.trailing)["x-request-id"] == REQUEST_ID


@pytest.mark.parametrize("reason", REASONS)
def test_a_retry_is_invited_or_forbidden_by_the_rule_alone(reason: str) -> None:
    status = made(REASONS[reason]("Wait.", retry_after_s=1.5))
    rule = RULES[reason]
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(1500)
    assert detail(status, "RetryInfo") == (retry if rule.may_retry else None)
    is_forbidden = rule.code is grpc.StatusCode.UNAVAILABLE and not rule.may_retry
    assert dict(status.trailing).get("grpc-retry-pushback-ms") == ("-1" if is_forbidden else None)


def test_an_invitation_without_a_time_says_a_second() -> None:
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromSeconds(1)
    assert detail(made(RateLimited("Wait.")), "RetryInfo") == retry


def test_a_wait_that_is_no_invitation_is_told_as_a_variable() -> None:
    info = detail(made(NoHealthyRoute("All rest.", retry_after_s=12)), "ErrorInfo")
    assert isinstance(info, error_details_pb2.ErrorInfo)
    assert dict(info.metadata) == {"retryAfterS": "12"}


def test_a_parameter_becomes_a_field_violation() -> None:
    violations = detail(made(RequestInvalid("Must be text.", param="messages[2].content")), "BadRequest")
    assert violations == error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(field="messages[2].content", description="Must be text.")
        ]
    )


def test_without_a_parameter_there_is_no_field_violation() -> None:
    assert detail(made(RequestInvalid("Must be JSON.")), "BadRequest") is None


def test_a_used_up_quota_is_a_quota_failure() -> None:
    failure = detail(made(UpstreamQuota("No credit.")), "QuotaFailure")
    assert isinstance(failure, error_details_pb2.QuotaFailure)
    assert [violation.description for violation in failure.violations] == ["No credit."]


LONG: dict[str, PerpetuoError] = {
    "a long message": RequestInvalid("x" * 100_000),
    "a long message of four-byte characters": RequestInvalid("\N{GRINNING FACE}" * 100_000, param="a"),
    "a long message of characters that are quoted": RequestInvalid("%\n" * 50_000),
    "a long parameter": RequestInvalid("short", param="a." * 50_000),
    "long variables": UpstreamReset("short", details={"host": "h" * 100_000, "path": "é" * 100_000}),
    "many variables": UpstreamReset("short", details={f"key{number}": "v" * 40 for number in range(5_000)}),
    "everything at once": RateLimited(
        "m" * 9_000, param="p" * 9_000, retry_after_s=9, details={f"k{number}": "v" * 900 for number in range(50)}
    ),
}


@pytest.mark.parametrize("name", LONG)
def test_what_is_sent_stays_small_with(name: str) -> None:
    status = made(LONG[name])
    raw = dict(status.trailing)["grpc-status-details-bin"]
    assert len(raw) <= 3_000
    assert len(quote(status.message)) <= 4_500
    found = details_of(status)
    assert {"ErrorInfo", "RequestInfo", "Help"} <= found.keys()
    assert status.message


def test_a_cut_message_says_so() -> None:
    message = made(RequestInvalid("x" * 100_000)).message
    assert message.endswith("…")
    assert set(message[:-1]) == {"x"}
