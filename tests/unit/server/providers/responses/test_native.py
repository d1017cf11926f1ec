"""Requests and answers in the form of the Responses API, whole and streamed: what goes in comes out."""

import json

import msgspec
import pytest

from server.chat.deployment import Candidate, Deployment
from server.chat.native import NativeRequest
from server.chat.request import parse_chat_request
from server.errors import UpstreamBadResponse, UpstreamRateLimited
from server.providers.dialect import Dialect
from server.providers.responses.native import NativeResponses
from tests.unit.server.providers.responses.said import Sent, created, delta, event, response

DEPLOYMENT = Deployment("prov_1", "ws_1", "openai", "https://api.openai.com/v1", "sk-1")
SENT = {
    "model": "auto",
    "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi", "new": 1.0}]}],
    "tools": [{"type": "web_search", "filters": None}],
    "store": False,
    "unknown": {"b": 2, "a": 1},
}
TEXT = {"type": "output_text", "text": "Hi", "annotations": []}
SAID = {"type": "message", "id": "m", "status": "completed", "role": "assistant", "content": [TEXT]}
SEARCH = {"type": "web_search_call", "id": "ws", "status": "completed", "action": {"type": "search", "query": "x"}}


def dialect() -> Dialect:
    members = msgspec.json.decode(json.dumps(SENT).encode(), type=dict[str, msgspec.Raw])
    return NativeResponses(NativeRequest("responses", members))


@pytest.mark.parametrize("is_stream", [False, True], ids=["in one piece", "as it is written"])
def test_the_request_goes_out_as_it_came(is_stream: bool) -> None:
    request = parse_chat_request(b'{"messages":[{"role":"user","content":"Hi"}]}')
    wire = dialect().build(request, Candidate(DEPLOYMENT, "gpt-x"), is_stream=is_stream)
    expected = {**SENT, "model": "gpt-x"} | ({"stream": True} if is_stream else {})
    assert json.loads(wire.body) == expected
    assert list(json.loads(wire.body))[: len(SENT)] == list(SENT)
    assert wire.url == "https://api.openai.com/v1/responses"
    assert wire.headers["Authorization"] == "Bearer sk-1"


def test_the_answer_is_had_in_both_forms() -> None:
    said = response(SEARCH, SAID, new={"a": 1.0})
    answer = dialect().answer(200, {}, json.dumps(said).encode() + b"\n")
    body = json.loads(answer.body)
    assert body["native"] == said
    assert body["choices"][0]["message"]["content"] == "Hi"
    assert answer.facts.usage is not None


def test_a_refusal_is_the_usual_one() -> None:
    with pytest.raises(UpstreamRateLimited):
        dialect().answer(429, {}, b'{"error":{"message":"Slow down.","type":"requests"}}')
    with pytest.raises(UpstreamBadResponse):
        dialect().answer(200, {}, b"{")


def test_every_event_of_a_stream_goes_on_as_it_came() -> None:
    place = {"item_id": "ws", "output_index": 0}
    sent: list[Sent] = [
        created(),
        event("response.in_progress", response=response(status="in_progress", usage=None)),
        event("response.output_item.added", output_index=0, item={**SEARCH, "status": "in_progress"}),
        event("response.web_search_call.in_progress", **place),
        event("response.web_search_call.completed", **place),
        event("response.output_item.done", output_index=0, item=SEARCH),
        event("response.output_item.added", output_index=1, item={**SAID, "content": [], "status": "in_progress"}),
        event("response.content_part.added", item_id="m", output_index=1, content_index=0, part={**TEXT, "text": ""}),
        delta("output_text", "Hi", 1, content_index=0, logprobs=[]),
        event("response.output_text.done", item_id="m", output_index=1, content_index=0, text="Hi", logprobs=[]),
        event("response.content_part.done", item_id="m", output_index=1, content_index=0, part=TEXT),
        event("response.output_item.done", output_index=1, item=SAID),
        event("response.completed", response=response(SEARCH, SAID)),
    ]
    stream = dialect().stream()
    chunks = [chunk for one in sent for chunk in stream.feed(one)]
    natives = [json.loads(chunk.data).get("native") for chunk in chunks]
    assert [found for found in natives if found] == [json.loads(one.data) for one in sent]
    assert stream.is_done


def test_a_piece_that_has_no_place_in_chat_completions_is_content() -> None:
    stream = dialect().stream()
    stream.feed(created())
    code = event(
        "response.code_interpreter_call_code.delta", item_id="c", output_index=0, delta="print(", sequence_number=2
    )
    [chunk] = stream.feed(code)
    assert chunk.facts.has_content
