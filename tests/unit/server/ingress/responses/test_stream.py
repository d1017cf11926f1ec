"""Chunks as events of a response, judged one by one by the SDK's types and folded by its own accumulator."""

import json
from typing import Any

import pytest
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from server.errors import RateLimited, UpstreamBadResponse, UpstreamStreamInterrupted
from server.ingress.responses.answer import response_from
from server.ingress.responses.frame import Frame
from server.ingress.responses.stream import ResponseEvents
from tests.unit.server.ingress.messages.bodies import call, chunk, completion
from tests.unit.server.ingress.responses.bodies import read

EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
END = chunk({}, "stop")
USAGE = chunk(usage={"prompt_tokens": 7, "completion_tokens": 3}, gateway_metadata={"attempts": 1})
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
CITED = {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 0, "end_index": 2}}
LOGPROB = {"token": "Hi", "logprob": -0.5, "bytes": [72], "top_logprobs": []}


def following() -> ResponseEvents:
    return ResponseEvents(read(stream=True), Frame("resp_1", {}))


def events_of(*chunks: bytes) -> list[dict[str, Any]]:
    events = following()
    found = [event for one in chunks for event in events.feed([one])]
    told = [json.loads(event) for event in [*found, *events.finish()]]
    check(told)
    assert json.loads(events.result) == told[-1]["response"]
    return told


def check(events: list[dict[str, Any]]) -> None:
    """The rules of the protocol: numbers without gaps, a beginning, everything that is added done, an end."""
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    assert events[-1]["type"] in ("response.completed", "response.incomplete")
    open_item = open_part = None
    for event in events:
        EVENT.validate_python(event)
        kind = event["type"]
        if kind == "response.output_item.added":
            assert open_item is None
            open_item = event["output_index"], event["item"]["id"]
        elif kind == "response.output_item.done":
            assert open_item == (event["output_index"], event["item"]["id"])
            assert open_part is None
            open_item = None
        elif kind.endswith("part.added"):
            assert open_part is None
            open_part = event.get("content_index", event.get("summary_index"))
        elif kind.endswith("part.done"):
            open_part = None
        elif "item_id" in event:
            assert (event["output_index"], event["item_id"]) == open_item
    assert open_item is None


def fold(events: list[dict[str, Any]]) -> Any:
    """The response that the SDK makes of events."""
    state: Any = ResponseStreamState(input_tools=[], text_format=omit)
    for event in events:
        state.handle_event(EVENT.validate_python(event))
    return state._completed_response


CASES: list[tuple[str, list[bytes], dict[str, Any]]] = [
    ("a text in pieces", [chunk({"role": "assistant", "content": ""}), chunk({"content": "Hel"}),
                          chunk({"content": "lo"})], {"content": "Hello"}),
    ("nothing", [chunk({"role": "assistant"})], {}),
    ("a refusal", [chunk({"refusal": "N"}), chunk({"refusal": "o."})], {"refusal": "No."}),
    ("a text and a refusal", [chunk({"content": "Well"}), chunk({"refusal": "No."})],
     {"content": "Well", "refusal": "No."}),
    ("reasoning and a text", [chunk({"reasoning_content": "H"}), chunk({"reasoning": "m."}), chunk({"content": "Hi"})],
     {"reasoning_content": "Hm.", "content": "Hi"}),
    ("signed reasoning", [chunk({"reasoning_content": "Hm."}), chunk({"thinking_blocks": [THOUGHT]}),
                          chunk({"content": "Hi"})],
     {"reasoning_content": "Hm.", "thinking_blocks": [THOUGHT], "content": "Hi"}),
    ("reasoning that is not shown", [chunk({"reasoning_items": [{"type": "reasoning"}]}), chunk({"content": "Hi"})],
     {"reasoning_items": [{"type": "reasoning"}], "content": "Hi"}),
    ("citations", [chunk({"content": "Hi"}), chunk({"annotations": [CITED]})],
     {"content": "Hi", "annotations": [CITED]}),
    ("a text and a call", [chunk({"content": "Hi"}), chunk(call(0, "a", "f", '{"x"')), chunk(call(0, arguments=":1}"))],
     {"content": "Hi", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": '{"x":1}'}}]}),
    ("two calls, mixed",
     [chunk(call(0, "a", "f", "{")), chunk(call(1, "b", "g", "{")), chunk(call(0, arguments="}")),
      chunk(call(1, arguments="}"))],
     {"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}},
                     {"id": "b", "function": {"name": "g", "arguments": "{}"}}]}),
    ("a custom call",
     [chunk({"tool_calls": [{"index": 0, "id": "a", "custom": {"name": "sql", "input": "SELECT"}}]}),
      chunk({"tool_calls": [{"index": 0, "custom": {"input": " 1"}}]})],
     {"tool_calls": [{"id": "a", "custom": {"name": "sql", "input": "SELECT 1"}}]}),
    ("a call that has no arguments", [chunk(call(0, "a", "f"))],
     {"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": ""}}]}),
]  # fmt: skip


@pytest.mark.parametrize(("chunks", "message"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_stream_ends_with_the_unary_response(chunks: list[bytes], message: dict[str, Any]) -> None:
    usage: dict[str, Any] = {"usage": {"prompt_tokens": 7, "completion_tokens": 3}, "gateway_metadata": {"attempts": 1}}
    whole = json.loads(response_from(completion(message, **usage), read(), Frame("resp_1", {})))
    events = events_of(*chunks, END, USAGE)
    assert events[-1]["response"] == whole
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert done == whole["output"]
    assert fold(events).id == "resp_1"


def test_all_at_once_gives_the_same_events() -> None:
    for _, chunks, _ in CASES:
        events = following()
        at_once = [*events.feed([*chunks, END, USAGE]), *events.finish()]
        assert [json.loads(event) for event in at_once] == events_of(*chunks, END, USAGE)


def test_log_probabilities_come_with_the_text() -> None:
    piece = json.loads(chunk({"content": "Hi"}))
    piece["choices"][0]["logprobs"] = {"content": [LOGPROB]}
    events = events_of(json.dumps(piece).encode(), END, USAGE)
    told = [event["logprobs"] for event in events if "logprobs" in event]
    assert told == [[LOGPROB], [LOGPROB]]
    assert events[-1]["response"]["output"][0]["content"][0]["logprobs"] == [LOGPROB]


@pytest.mark.parametrize(
    ("finish", "kind", "status"),
    [("length", "response.incomplete", "incomplete"), ("stop", "response.completed", "completed")],
)
def test_the_end_is_told(finish: str, kind: str, status: str) -> None:
    events = events_of(chunk({"content": "Hi"}), chunk({}, finish), USAGE)
    assert events[-1]["type"] == kind
    assert events[-1]["response"]["output"][0]["status"] == status


def test_a_stream_of_nothing_is_an_empty_response() -> None:
    assert [event["type"] for event in events_of()] == [
        "response.created", "response.in_progress", "response.completed",
    ]  # fmt: skip


def test_a_failure_after_the_beginning_has_an_event_of_its_own() -> None:
    events = following()
    assert events.failed(UpstreamStreamInterrupted("It broke.")) == []
    begun = events.feed([chunk({"content": "Hi"})])
    [failed] = [json.loads(event) for event in events.failed(UpstreamStreamInterrupted("It broke."))]
    EVENT.validate_python(failed)
    assert failed["sequence_number"] == len(begun)
    assert failed["response"]["status"] == "failed"
    assert failed["response"]["error"] == {"code": "server_error", "message": "It broke."}
    [again] = [json.loads(event) for event in events.failed(RateLimited("Wait."))]
    assert again["response"]["error"]["code"] == "rate_limit_exceeded"


def test_events_of_this_form_pass_and_the_last_tells_how_they_were_got() -> None:
    sent = [
        {"type": "response.created", "response": {"id": "resp_9"}, "sequence_number": 0, "new": 1.0},
        {"type": "response.web_search_call.searching", "item_id": "ws_1", "output_index": 0, "sequence_number": 1},
    ]
    last = {"type": "response.completed", "response": {"id": "resp_9", "output": []}, "sequence_number": 2, "new": 1}
    events = following()
    out = [event for one in sent for event in events.feed([chunk(native=one)])]
    out += events.feed([chunk({}, "stop", native=last), USAGE])
    assert [json.loads(event) for event in out] == sent
    expected = {"id": "resp_9", "output": [], "gateway_metadata": {"attempts": 1}}
    assert [json.loads(event) for event in events.finish()] == [{**last, "response": expected}]
    assert json.loads(events.result) == expected
    assert events.failed(UpstreamStreamInterrupted("It broke.")) == []


def test_what_is_no_chunk_is_the_providers_fault() -> None:
    with pytest.raises(UpstreamBadResponse):
        following().feed([b'{"choices":5}'])
