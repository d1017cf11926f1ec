"""Which class each error is, from the words of dialects and of the client themselves."""

import errno
import socket
import ssl
from typing import Any

import pytest

from server import errors
from server.chat.wire import Timeouts
from server.errors import REASONS, PerpetuoError
from server.providers.refusal import refusal
from server.routing.failure import FailureClass, blames_provider, classify
from server.upstream.egress import AddressBlockedError
from server.upstream.failures import Phase, connect_failure, cut_off, cut_short, no_answer, not_shaken_hands, too_late

F = FailureClass
TIMES = Timeouts()

OF_THE_CLIENT: list[tuple[PerpetuoError, FailureClass]] = [
    (connect_failure(ConnectionRefusedError(errno.ECONNREFUSED, "")), F.REFUSED),
    (connect_failure(OSError(errno.EHOSTUNREACH, "")), F.REFUSED),
    (connect_failure(ConnectionResetError(errno.ECONNRESET, "")), F.REFUSED),
    (connect_failure(OSError(errno.ETIMEDOUT, "")), F.CONNECT_TIMEOUT),
    (too_late(Phase.CONNECT, TIMES), F.CONNECT_TIMEOUT),
    (connect_failure(socket.gaierror(socket.EAI_NONAME, "")), F.NAME_UNKNOWN),
    (connect_failure(socket.gaierror(socket.EAI_AGAIN, "")), F.NAME_UNRESOLVED),
    (connect_failure(AddressBlockedError(errno.EACCES, "private")), F.BLOCKED),
    (connect_failure(ssl.SSLCertVerificationError(1, "")), F.TLS),
    (connect_failure(ssl.SSLError(1, "")), F.TLS),
    (not_shaken_hands(TIMES), F.TLS),
    (no_answer(), F.NO_ANSWER),
    (cut_off(), F.CUT),
    (cut_short(), F.CUT),
    (too_late(Phase.FIRST_BYTE, TIMES), F.NO_FIRST_TOKEN),
    (too_late(Phase.TOTAL, TIMES), F.NO_FIRST_TOKEN),
    (too_late(Phase.IDLE, TIMES), F.STALLED),
    (errors.UpstreamBadResponse("too long", details={"limitBytes": "1"}), F.OVERSIZED),
    (errors.UpstreamBadResponse("no choice"), F.BAD_ANSWER),
    (errors.UpstreamBadResponse("HTML", details={"kind": "page"}), F.NOT_AN_ANSWER),
    (errors.UpstreamStreamInterrupted("x"), F.BROKEN_STREAM),
    (errors.UpstreamUnavailable("gave up while it wrote"), F.SERVER_ERROR),
    (errors.DeadlineExceeded("x"), F.OUT_OF_TIME),
    (errors.Internal("x"), F.OURS),
    (errors.ParamUnsupported("x"), F.UNFIT),
]


@pytest.mark.parametrize(("error", "kind"), OF_THE_CLIENT, ids=lambda value: getattr(value, "name", None))
def test_what_the_client_and_the_gateway_raise(error: PerpetuoError, kind: FailureClass) -> None:
    assert classify(error) is kind


STATUSES: list[tuple[int, FailureClass]] = [
    (301, F.REDIRECT), (308, F.REDIRECT), (400, F.REQUEST), (401, F.CREDENTIAL), (402, F.QUOTA), (403, F.FORBIDDEN),
    (404, F.NO_MODEL), (408, F.NOT_NOW), (409, F.NOT_NOW), (413, F.TOO_LARGE), (422, F.REQUEST), (425, F.NOT_NOW),
    (429, F.LIMITED), (500, F.SERVER_ERROR), (502, F.SERVER_ERROR), (503, F.OVERLOADED), (504, F.SERVER_ERROR),
    (520, F.SERVER_ERROR), (522, F.SERVER_ERROR), (524, F.SERVER_ERROR), (527, F.SERVER_ERROR), (529, F.OVERLOADED),
]  # fmt: skip


@pytest.mark.parametrize(("status", "kind"), STATUSES)
def test_a_status_that_says_all(status: int, kind: FailureClass) -> None:
    assert classify(refusal(status, {}, b"")) is kind


BODIES: list[tuple[str, int, dict[str, Any], FailureClass]] = [
    ("a context that is too long", 400, {"code": "context_length_exceeded"}, F.TOO_LONG),
    ("a content that is refused", 400, {"code": "content_policy_violation"}, F.CONTENT),
    ("a quota that is used up", 429, {"code": "insufficient_quota"}, F.QUOTA),
    ("an unknown option", 400, {"param": "stream_options"}, F.USAGE_OPTION),
    ("an unknown option in words", 422, {"message": "body.stream_options: extra fields not permitted"}, F.USAGE_OPTION),
    ("an error in an answer that says 200", 200, {"type": "overloaded_error"}, F.OVERLOADED),
    ("a limit in an answer that says 200", 200, {"type": "rate_limit_error"}, F.LIMITED),
    ("a time-out in words", 200, {"type": "timeout_error"}, F.SERVER_ERROR),
]


@pytest.mark.parametrize(("status", "error", "kind"), [case[1:] for case in BODIES], ids=[case[0] for case in BODIES])
def test_a_body_that_says_more(status: int, error: dict[str, Any], kind: FailureClass) -> None:
    body = str({"error": error}).replace("'", '"').encode()
    assert classify(refusal(status, {}, body), is_stream=True) is kind


def test_only_a_stream_can_do_without_the_option() -> None:
    error = errors.RequestInvalid("no", param="stream_options.include_usage")
    assert classify(error, is_stream=True) is F.USAGE_OPTION
    assert classify(error) is F.REQUEST


@pytest.mark.parametrize(
    "said",
    [
        "This model only support stream mode, please enable the stream parameter to access the model. ",
        "Stream must be set to true",
        "parameter.enable_thinking must be set to false for non-streaming calls",
        'Validation error: Invalid input: expected true at "params.stream"',
    ],
)
def test_only_what_is_asked_for_in_one_piece_can_be_had_as_a_stream(said: str) -> None:
    error = errors.RequestInvalid(said)
    assert classify(error) is F.STREAM_ONLY
    assert classify(error, is_stream=True) is F.REQUEST


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_every_reason_has_a_class(reason: str) -> None:
    kind = classify(REASONS[reason]("x"))
    assert (kind is F.OURS) is (not reason.startswith("UPSTREAM_") and reason not in KNOWN)


KNOWN = {
    "BODY_TOO_LARGE", "CONFLICT", "CONTENT_BLOCKED", "CONTEXT_TOO_LONG", "DEADLINE_EXCEEDED", "MODEL_UNKNOWN",
    "PARAM_UNSUPPORTED", "REQUEST_INVALID",
}  # fmt: skip


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_who_is_blamed(reason: str) -> None:
    assert blames_provider(reason) is (reason.startswith("UPSTREAM_") or reason == "MODEL_UNKNOWN")


def test_an_answer_blames_nobody() -> None:
    assert not blames_provider("ok")
