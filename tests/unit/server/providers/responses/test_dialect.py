"""The verbs of the Responses dialect."""

import pytest

from server.chat.deployment import Candidate, Deployment
from server.chat.request import parse_chat_request
from tests.unit.server.providers.responses.asked import DIALECT

REQUEST = b'{"messages":[{"role":"user","content":"hi"}]}'


def deployment(api_key: str = "sk-1") -> Deployment:
    return Deployment("prov_1", "ws_1", "any", "https://a.example/v1", api_key)


@pytest.mark.parametrize("is_stream", [False, True], ids=["in one piece", "streamed"])
def test_posts_to_responses_with_a_bearer_key(is_stream: bool) -> None:
    wire = DIALECT.build(parse_chat_request(REQUEST), Candidate(deployment(), "m"), is_stream=is_stream)
    assert (wire.method, wire.url) == ("POST", "https://a.example/v1/responses")
    assert wire.headers["Authorization"] == "Bearer sk-1"
    assert wire.headers["Accept"] == ("text/event-stream" if is_stream else "application/json")
    assert (b'"stream":true' in wire.body) is is_stream is wire.is_stream


def test_checks_a_key_at_the_list_of_models() -> None:
    wire = DIALECT.check(deployment())
    assert (wire.method, wire.url, wire.body) == ("GET", "https://a.example/v1/models", b"")
    assert "Authorization" not in DIALECT.check(deployment("")).headers


@pytest.mark.parametrize(
    ("status", "content_type", "expected"),
    [(200, "text/event-stream", True), (200, "", True), (200, "application/json", False), (500, "", False)],
)
def test_tells_a_stream_by_its_headers(status: int, content_type: str, expected: bool) -> None:
    assert DIALECT.is_stream(status, {"content-type": content_type}) is expected
