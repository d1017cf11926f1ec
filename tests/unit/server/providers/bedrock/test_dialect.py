"""The verbs of the Bedrock dialect, and its wire from end to end of a stream."""

import pytest

from server.chat.deployment import Candidate, Deployment
from server.chat.request import parse_chat_request
from server.chat.wire import Framing
from server.upstream.framing import event_decoder
from tests.unit.server.providers.bedrock.asked import BASE_URL, DIALECT
from tests.unit.server.upstream import frames

REQUEST = b'{"messages":[{"role":"user","content":"hi"}]}'
PAIR = "access_key_id=AKIA1;secret_access_key=abc"


def entry(api_key: str) -> Deployment:
    return Deployment("prov_1", "ws_1", "bedrock", BASE_URL, api_key)


@pytest.mark.parametrize("is_stream", [False, True], ids=["in one piece", "streamed"])
def test_posts_to_the_model_and_is_signed_when_it_is_sent(is_stream: bool) -> None:
    request = parse_chat_request(REQUEST, stream=is_stream)
    wire = DIALECT.build(request, Candidate(entry(PAIR), "a:b"), is_stream=is_stream)
    assert wire.url.endswith("/model/a%3Ab/converse-stream" if is_stream else "/model/a%3Ab/converse")
    assert wire.is_stream is is_stream
    assert "Authorization" not in wire.headers
    assert wire.sign is not None
    assert "AKIA1" in wire.sign(wire, 0.0).headers["Authorization"]
    assert "abc" not in repr(wire)


def test_a_plain_key_is_a_bearer_and_signs_nothing() -> None:
    wire = DIALECT.build(parse_chat_request(REQUEST), Candidate(entry("ABSK"), "a"), is_stream=False)
    assert wire.headers["Authorization"] == "Bearer ABSK"
    assert wire.sign is None


def test_checks_a_credential_at_the_list_of_models() -> None:
    wire = DIALECT.check(entry(PAIR))
    assert (wire.method, wire.url, wire.body) == (
        "GET", "https://bedrock.us-east-1.amazonaws.com/foundation-models", b"",
    )  # fmt: skip
    assert wire.sign is not None


@pytest.mark.parametrize(
    ("status", "content_type", "expected"),
    [(200, "application/vnd.amazon.eventstream", True), (200, "application/json", False), (429, "", False)],
)
def test_tells_a_stream_by_its_headers(status: int, content_type: str, expected: bool) -> None:
    assert DIALECT.is_stream(status, {"content-type": content_type}) is expected


def test_a_stream_on_the_wire() -> None:
    assert DIALECT.framing is Framing.EVENT_STREAM
    wire = frames.event("messageStart", b'{"role":"assistant"}') + frames.event(
        "contentBlockDelta", b'{"contentBlockIndex":0,"delta":{"text":"a"}}'
    )
    events, decoder = event_decoder(DIALECT.framing), DIALECT.stream()
    chunks = [chunk for event in events.feed(wire) for chunk in decoder.feed(event)]
    assert [chunk.facts.has_content for chunk in chunks] == [False, True]
