"""Requests and answers in Anthropic's own form, whole and streamed: what goes in comes out."""

import json

import msgspec
import pytest

from server.chat.deployment import Candidate, Deployment
from server.chat.native import NativeRequest
from server.chat.request import ChatRequest, parse_chat_request
from server.errors import UpstreamRateLimited
from server.providers.anthropic.native import NativeAnthropic
from server.providers.dialect import Chunk, Dialect
from tests.unit.server.providers.anthropic.said import Sent, block, event, message, started

DEPLOYMENT = Deployment("prov_1", "ws_1", "anthropic", "https://api.anthropic.com", "sk-ant-1")
SENT = {
    "model": "auto",
    "max_tokens": 10,
    "messages": [{"role": "user", "content": [{"type": "container_upload", "file_id": "f", "new": 1.0}]}],
    "container": {"id": "c", "skills": []},
    "unknown": {"b": 2, "a": 1},
}
WEB = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}


def native() -> NativeRequest:
    members = msgspec.json.decode(json.dumps(SENT).encode(), type=dict[str, msgspec.Raw])
    return NativeRequest("messages", members, {"anthropic-beta": "a-1", "anthropic-version": "2023-06-01"})


def request() -> ChatRequest:
    return parse_chat_request(b'{"messages":[{"role":"user","content":"Hi"}]}')


def dialect() -> Dialect:
    return NativeAnthropic(native())


@pytest.mark.parametrize("is_stream", [False, True])
def test_the_request_goes_out_as_it_came(is_stream: bool) -> None:
    wire = dialect().build(request(), Candidate(DEPLOYMENT, "claude-x"), is_stream=is_stream)
    expected = {**SENT, "model": "claude-x"} | ({"stream": True} if is_stream else {})
    assert json.loads(wire.body) == expected
    assert list(json.loads(wire.body))[: len(SENT)] == list(SENT)
    assert wire.url == "https://api.anthropic.com/v1/messages"
    assert wire.headers["x-api-key"] == "sk-ant-1"
    assert wire.headers["anthropic-beta"] == "a-1"
    assert wire.headers["anthropic-version"] == "2023-06-01"


def test_the_answer_is_had_in_both_forms() -> None:
    said = message([{"type": "text", "text": "Hi"}, WEB])
    said["new"] = {"a": 1}
    answer = dialect().answer(200, {}, json.dumps(said).encode() + b"\n")
    body = json.loads(answer.body)
    assert body["native"] == said
    assert body["choices"][0]["message"]["content"] == "Hi"
    assert answer.facts.usage is not None


def test_a_refusal_is_the_usual_one() -> None:
    body = b'{"type":"error","error":{"type":"rate_limit_error","message":"Slow down."}}'
    with pytest.raises(UpstreamRateLimited):
        dialect().answer(429, {}, body)


def native_of(chunk: Chunk) -> dict[str, object] | None:
    found: dict[str, object] | None = json.loads(chunk.data).get("native")
    return found


def test_every_event_of_a_stream_goes_on_as_it_came() -> None:
    arguments = {"type": "input_json_delta", "partial_json": "{}"}
    sent: list[Sent] = [
        started(),
        event("ping"),
        *block(0, {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}, arguments),
        *block(1, WEB),
        *block(2, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Hi"}),
        event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 5}),
        event("message_stop"),
    ]
    stream = dialect().stream()
    chunks = [chunk for one in sent for chunk in stream.feed(one)]
    assert [found for found in map(native_of, chunks) if found] == [json.loads(one.data) for one in sent]
    assert stream.is_done
    contents = [json.dumps(native_of(chunk)) for chunk in chunks if chunk.facts.has_content]
    assert len(contents) == 2
    assert "input_json_delta" in contents[0]
    assert "text_delta" in contents[1]
    assert chunks[-1].facts.usage is not None
    assert stream.feed(sent[0]) == []


def test_an_event_that_cannot_be_read_does_not_go_on() -> None:
    stream = dialect().stream()
    stream.feed(started())
    assert stream.feed(Sent(b"{")) == []
    assert list(stream.notes) == ["upstream_malformed_events"]
