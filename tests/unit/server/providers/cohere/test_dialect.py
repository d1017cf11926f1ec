"""The Cohere dialect, where the golden folders do not go: held against the vendor's own SDK."""

import json
from collections.abc import Callable
from typing import Any

import cohere
import httpx
import pytest

from server.chat.deployment import Candidate, Deployment
from server.chat.request import parse_chat_request
from server.errors import UpstreamBadResponse
from server.providers.cohere.dialect import CohereDialect
from tests.unit.server.providers.cohere.asked import DEPLOYMENT, PLAIN

DIALECT = CohereDialect()
ASKED = b'{"messages":[{"role":"user","content":"hi"}]}'


def sent_by_sdk(ask: Callable[[cohere.ClientV2], object]) -> httpx.Request:
    """What the SDK sends."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(418, json={"message": "x"})

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        client = cohere.ClientV2(api_key="co-1", httpx_client=http)
        with pytest.raises(cohere.core.ApiError):
            ask(client)
    return seen[0]


def ask(client: cohere.ClientV2) -> object:
    messages: Any = [{"role": "user", "content": "hi"}]
    return client.chat(model=PLAIN, messages=messages)


def test_is_asked_as_the_sdk_asks() -> None:
    theirs = sent_by_sdk(ask)
    ours = DIALECT.build(parse_chat_request(ASKED), Candidate(DEPLOYMENT, PLAIN), is_stream=False)
    assert (ours.method, ours.url) == (theirs.method, str(theirs.url))
    assert ours.headers["Authorization"] == theirs.headers["authorization"]
    assert json.loads(ours.body) | {"stream": False} == json.loads(theirs.content)
    assert "co-1" not in repr(ours)


def test_a_credential_is_tried_where_models_are_listed() -> None:
    wire = DIALECT.check(DEPLOYMENT)
    assert (wire.method, wire.url) == ("GET", "https://api.cohere.com/v1/models?page_size=1")
    assert wire.headers["Authorization"] == "Bearer co-1"
    assert "Authorization" not in DIALECT.check(Deployment("prov_1", "ws_1", "cohere", "https://a.example", "")).headers


@pytest.mark.parametrize(
    ("status", "content_type", "expected"),
    [(200, "text/event-stream", True), (200, "", True), (200, "application/json", False), (500, "", False)],
)
def test_tells_a_stream_by_its_headers(status: int, content_type: str, expected: bool) -> None:
    assert DIALECT.is_stream(status, {"content-type": content_type}) is expected


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"message":{"content":7}}', b'{"message":{"content":[{'])
def test_what_is_no_answer(body: bytes) -> None:
    with pytest.raises(UpstreamBadResponse):
        DIALECT.answer(200, {}, body)
