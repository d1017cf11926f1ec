"""The verbs: addresses, headers, what is a stream, and answers that are none."""

import json

import pytest

from server.chat.deployment import Candidate, Deployment
from server.chat.request import parse_chat_request
from server.chat.wire import Framing, WireRequest
from server.errors import UpstreamBadResponse, UpstreamRateLimited, UpstreamUnavailable
from server.providers.anthropic.dialect import AnthropicDialect

DIALECT = AnthropicDialect()


def deployment(base_url: str = "https://api.anthropic.com", key: str = "sk-ant-1") -> Deployment:
    return Deployment("prov_1", "ws_1", "anthropic", base_url, key)


def built(where: Deployment, *, is_stream: bool = False, **members: object) -> WireRequest:
    body = {"messages": [{"role": "user", "content": "a"}], **members}
    return DIALECT.build(
        parse_chat_request(json.dumps(body).encode()), Candidate(where, "claude-x"), is_stream=is_stream
    )


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("https://api.anthropic.com", "https://api.anthropic.com/v1/messages"),
        ("https://api.anthropic.com/v1", "https://api.anthropic.com/v1/messages"),
        ("https://models.example/anthropic", "https://models.example/anthropic/v1/messages"),
    ],
)
def test_the_address(base_url: str, url: str) -> None:
    assert built(deployment(base_url)).url == url
    assert DIALECT.check(deployment(base_url)).url == url.replace("messages", "models?limit=1")


def test_the_headers() -> None:
    assert built(deployment()).headers == {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "anthropic-version": "2023-06-01",
        "x-api-key": "sk-ant-1",
    }
    assert built(deployment(), is_stream=True).headers["Accept"] == "text/event-stream"
    assert "x-api-key" not in built(deployment(key="")).headers


def test_trial_features_of_the_callers_are_passed_on() -> None:
    wire = built(deployment(), betas=["a-2025-01-01", "b-2025-01-01"])
    assert wire.headers["anthropic-beta"] == "a-2025-01-01,b-2025-01-01"
    assert b"betas" not in wire.body


def test_a_check_costs_nothing_and_shows_the_key() -> None:
    wire = DIALECT.check(deployment())
    assert (wire.method, wire.body, wire.headers["x-api-key"]) == ("GET", b"", "sk-ant-1")
    assert "sk-ant-1" not in repr(wire)


@pytest.mark.parametrize(
    ("status", "content_type", "is_stream"),
    [(200, "text/event-stream; charset=utf-8", True), (200, "", True), (200, "application/json", False),
     (200, "text/html", False), (529, "text/event-stream", False)],
)  # fmt: skip
def test_what_is_a_stream(status: int, content_type: str, is_stream: bool) -> None:
    assert DIALECT.is_stream(status, {"content-type": content_type}) is is_stream


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"<html>", b"\xff", b'{"content":7}', b'{"content":[7]}', b'{"content":[{"type":7}]}']
)
def test_an_answer_that_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(UpstreamBadResponse):
        DIALECT.answer(200, {}, body)


def test_an_error_in_an_answer_of_status_200_is_one() -> None:
    body = b'{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}'
    with pytest.raises(UpstreamRateLimited):
        DIALECT.answer(200, {}, body)


def test_an_answer_instead_of_a_stream_is_explained() -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    assert isinstance(DIALECT.error(529, {}, body), UpstreamUnavailable)


def test_its_name_and_its_framing() -> None:
    assert (DIALECT.name, DIALECT.framing) == ("anthropic", Framing.SSE)
    assert not DIALECT.stream().is_done
