"""The table of refusals, beyond what the golden folders hold."""

import msgspec
import pytest

from server.errors import PerpetuoError
from server.providers.refusal import MAX_MESSAGE_CHARS, one_line, read_complaint, refusal


def body(message: str = "no", kind: str | None = None, code: object = None, param: object = None) -> bytes:
    return msgspec.json.encode({"error": {"message": message, "type": kind, "code": code, "param": param}})


@pytest.mark.parametrize(
    ("status", "answer", "reason"),
    [
        (300, b"", "UPSTREAM_REDIRECT"),
        (308, body("no"), "UPSTREAM_REDIRECT"),
        (400, body(), "REQUEST_INVALID"),
        (401, body(), "UPSTREAM_AUTH"),
        (402, body(), "UPSTREAM_QUOTA"),
        (403, body(), "UPSTREAM_FORBIDDEN"),
        (404, body(), "MODEL_UNKNOWN"),
        (405, body(), "UPSTREAM_BAD_RESPONSE"),
        (406, body(), "UPSTREAM_BAD_RESPONSE"),
        (408, body(), "UPSTREAM_TIMEOUT"),
        (409, body(), "CONFLICT"),
        (410, body(), "MODEL_UNKNOWN"),
        (413, body(), "BODY_TOO_LARGE"),
        (415, body(), "UPSTREAM_BAD_RESPONSE"),
        (422, body(), "REQUEST_INVALID"),
        (425, body(), "CONFLICT"),
        (429, body(), "UPSTREAM_RATE_LIMITED"),
        (451, body(), "UPSTREAM_FORBIDDEN"),
        (500, body(), "UPSTREAM_UNAVAILABLE"),
        (502, b"", "UPSTREAM_UNAVAILABLE"),
        (503, b"\xff\xfe", "UPSTREAM_UNAVAILABLE"),
        (504, body(), "UPSTREAM_TIMEOUT"),
        (520, body(), "UPSTREAM_UNAVAILABLE"),
        (524, body(), "UPSTREAM_TIMEOUT"),
        (529, body(), "UPSTREAM_UNAVAILABLE"),
        (599, body(), "UPSTREAM_UNAVAILABLE"),
        (600, body(), "UPSTREAM_BAD_RESPONSE"),
        (400, body(code="context_length_exceeded"), "CONTEXT_TOO_LONG"),
        (400, body("prompt is too long: 210000 tokens > 200000 maximum"), "CONTEXT_TOO_LONG"),
        (413, body("The prompt is too long"), "CONTEXT_TOO_LONG"),
        (429, body("Too many tokens per minute"), "UPSTREAM_RATE_LIMITED"),
        (500, body("context length"), "UPSTREAM_UNAVAILABLE"),
        (400, body(code="content_filter"), "CONTENT_BLOCKED"),
        (400, body("The response was filtered due to the content management policy"), "CONTENT_BLOCKED"),
        (403, body("flagged by moderation"), "CONTENT_BLOCKED"),
        (429, body(code="insufficient_quota"), "UPSTREAM_QUOTA"),
        (429, body(kind="insufficient_quota"), "UPSTREAM_QUOTA"),
        (400, body("Your credit balance is too low to access the API."), "UPSTREAM_QUOTA"),
        (403, body("You have run out of credits: insufficient funds"), "UPSTREAM_QUOTA"),
        (400, body(code="invalid_api_key"), "UPSTREAM_AUTH"),
        (400, body("API key not valid. Please pass a valid API key."), "UPSTREAM_AUTH"),
        (400, body(code="model_not_found"), "MODEL_UNKNOWN"),
        (403, body(code="model_not_found"), "MODEL_UNKNOWN"),
        (503, body(code="context_length_exceeded"), "UPSTREAM_UNAVAILABLE"),
        (200, body(kind="rate_limit_error"), "UPSTREAM_RATE_LIMITED"),
        (200, body(code=429), "UPSTREAM_RATE_LIMITED"),
        (200, body(code="429"), "UPSTREAM_RATE_LIMITED"),
        (200, body(code="insufficient_quota"), "UPSTREAM_QUOTA"),
        (200, body(code="context_length_exceeded"), "CONTEXT_TOO_LONG"),
        (200, body(kind="overloaded_error"), "UPSTREAM_UNAVAILABLE"),
        (200, body(kind="authentication_error"), "UPSTREAM_AUTH"),
        (200, body(kind="invalid_request_error"), "REQUEST_INVALID"),
        (200, body("The model x does not exist"), "MODEL_UNKNOWN"),
        (200, body(code=1234), "UPSTREAM_BAD_RESPONSE"),
        (200, b'{"error":"boom"}', "UPSTREAM_BAD_RESPONSE"),
        (200, b"[]", "UPSTREAM_BAD_RESPONSE"),
        (400, b'[{"error":{"code":400,"message":"API key not valid","status":"INVALID_ARGUMENT"}}]', "UPSTREAM_AUTH"),
        (500, b"[" * 100_000, "UPSTREAM_UNAVAILABLE"),
    ],
)
def test_the_reason_of(status: int, answer: bytes, reason: str) -> None:
    assert refusal(status, {}, answer).reason == reason


@pytest.mark.parametrize(
    ("answer", "message", "param"),
    [
        (b'{"error":{"message":"a","param":"messages[0]"}}', "a", "messages[0]"),
        (b'{"error":{"message":"a","param":7}}', "a", None),
        (b'{"error":"a"}', "a", None),
        (b'{"message":"a","code":"x"}', "a", None),
        (b'{"detail":"a"}', "a", None),
        (b'{"detail":[{"loc":["body","n",0],"msg":"a"}]}', "body.n.0: a", None),
        (b'{"message":{"detail":[{"loc":["body"],"msg":"a"}]}}', "body: a", None),
        (b'{"error":true}', "", None),
        (b'"a"', "a", None),
        (b"<html>", "", None),
        (b"", "", None),
    ],
)
def test_finds_what_is_said(answer: bytes, message: str, param: str | None) -> None:
    complaint = read_complaint(answer)
    assert (complaint.message, complaint.param) == (message, param)


def test_the_callers_own_mistake_keeps_the_message_and_the_parameter() -> None:
    error = refusal(400, {}, body("'temperature' is above 2.", param="temperature"))
    assert error.message == "The provider refused the request: 'temperature' is above 2."
    assert error.param == "temperature"
    assert error.details == {"upstreamStatus": "400"}


def test_a_limit_and_an_outage_carry_the_wait() -> None:
    assert refusal(429, {"retry-after": "7"}, body()).retry_after_s == 7.0
    assert refusal(503, {"retry-after": "7"}, b"").retry_after_s == 7.0
    assert refusal(429, {"retry-after": "7"}, body(code="insufficient_quota")).retry_after_s is None


CANARY = "sk-live-c4n4ry0123456789abcdef"


@pytest.mark.parametrize("status", [200, 400, 401, 402, 403, 404, 413, 422, 429, 500, 503])
@pytest.mark.parametrize("text", ["bad key {}", "Authorization: Bearer {}", "see https://a.example/?k={}", "key={}"])
def test_no_key_is_ever_repeated(status: int, text: str) -> None:
    error: PerpetuoError = refusal(status, {}, body(text.format(CANARY)))
    shown = f"{error.message} {error.details} {error.param}"
    assert "c4n4ry" not in shown
    assert "a.example" not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Try again in 20s.", "Try again in 20s."),
        ("two\r\nlines\tand\x00more", "two lines and more"),
        ("in organization org-Ab12Cd34Ef56 on requests", "in organization [key] on requests"),
        ("key AIzaSyA1234567890abcdefghijkl here", "key [key] here"),
        ("Your api key: ****1234 is invalid", "Your api key: [key] is invalid"),
        ("team 1b2c3d4e-0000-4000-8000-123456789abc", "team [id]"),
        ("ask support@provider.example", "ask [address]"),
        ("model meta-llama/Llama-3.3-70B-Instruct-Turbo", "model meta-llama/Llama-3.3-70B-Instruct-Turbo"),
        ("unknown member user_defined_parameter", "unknown member user_defined_parameter"),
        ("<html><body>no</body></html>", ""),
        ("502 <h1>Bad Gateway</h1>", ""),
        ("a < b", "a < b"),
    ],
)
def test_a_text_is_shown_as_one_clean_line(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_a_long_text_is_cut() -> None:
    assert len(one_line("long " * 1000)) == MAX_MESSAGE_CHARS


def test_a_wait_that_stands_in_the_body_is_read() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "27.5s"}
    error = {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED", "details": [{"x": 1}, info]}
    body = msgspec.json.encode([{"error": error}])
    assert refusal(429, {}, body).retry_after_s == 27.5
    assert refusal(429, {"retry-after": "3"}, body).retry_after_s == 3.0


@pytest.mark.parametrize("details", [None, "text", [], ["text"], [{"retryDelay": "soon"}], [{"retryDelay": 3}]])
def test_a_wait_in_the_body_that_cannot_be_read_is_none(details: object) -> None:
    body = msgspec.json.encode({"error": {"message": "slow down", "details": details}})
    assert refusal(429, {}, body).retry_after_s is None
