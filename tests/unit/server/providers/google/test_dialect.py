"""The verbs: addresses, headers, what is a stream, and answers that are none."""

import pytest

from server.chat.deployment import Candidate, Deployment
from server.chat.request import parse_chat_request
from server.chat.wire import Framing
from server.errors import UpstreamBadResponse, UpstreamUnavailable
from server.providers.google.dialect import GoogleDialect

DIALECT = GoogleDialect()
BASE = "https://generativelanguage.googleapis.com/v1beta"
DEPLOYMENT = Deployment("prov_1", "ws_1", "google", BASE, "AIza1")
HELLO = b'{"messages":[{"role":"user","content":"a"}]}'


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-2.5-flash", "models/gemini-2.5-flash"),
        ("models/gemini-2.5-flash", "models/gemini-2.5-flash"),
        ("tunedModels/mine-1", "tunedModels/mine-1"),
        ("../../x", "models/..%2F..%2Fx"),
        ("a/../b", "models/a%2F..%2Fb"),
        ("a?key=1", "models/a%3Fkey%3D1"),
        ("..", "models/.."),
    ],
)
def test_the_address(model: str, path: str) -> None:
    def url(*, is_stream: bool) -> str:
        return DIALECT.build(parse_chat_request(HELLO), Candidate(DEPLOYMENT, model), is_stream=is_stream).url

    assert url(is_stream=False) == f"{BASE}/{path}:generateContent"
    assert url(is_stream=True) == f"{BASE}/{path}:streamGenerateContent?alt=sse"


def test_the_headers() -> None:
    wire = DIALECT.build(parse_chat_request(HELLO), Candidate(DEPLOYMENT, "m"), is_stream=True)
    assert wire.headers == {
        "Content-Type": "application/json",
        "Accept": "text/event-stream",
        "x-goog-api-key": "AIza1",
    }
    assert "AIza1" not in wire.url
    assert "AIza1" not in repr(wire)


def test_a_check_costs_nothing_and_shows_the_key() -> None:
    wire = DIALECT.check(DEPLOYMENT)
    assert (wire.method, wire.url, wire.body) == ("GET", f"{BASE}/models?pageSize=1", b"")
    assert wire.headers["x-goog-api-key"] == "AIza1"


@pytest.mark.parametrize(
    ("status", "content_type", "is_stream"),
    [(200, "text/event-stream", True), (200, "application/json", False), (503, "text/event-stream", False)],
)
def test_what_is_a_stream(status: int, content_type: str, is_stream: bool) -> None:
    assert DIALECT.is_stream(status, {"content-type": content_type}) is is_stream


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"<html>", b"\xff", b'{"candidates":7}', b'{"candidates":[]}', b'{"candidates":[7]}']
)
def test_an_answer_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(UpstreamBadResponse):
        DIALECT.answer(200, {}, body)


def test_an_answer_instead_of_a_stream_is_explained() -> None:
    assert isinstance(DIALECT.error(503, {}, b"{}"), UpstreamUnavailable)
    assert (DIALECT.name, DIALECT.framing) == ("google", Framing.SSE)
    assert not DIALECT.stream().is_done
