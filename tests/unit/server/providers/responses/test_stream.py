"""Streams: what each event becomes, and what breaks a stream."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from server.errors import PerpetuoError, UpstreamBadResponse
from server.providers.responses.stream import ResponsesStream
from tests.unit.server.providers.responses.said import (
    Sent,
    call,
    created,
    custom,
    delta,
    event,
    message,
    reasoning,
    response,
    spoken,
    text_delta,
)

Json = dict[str, Any]


def fed(events: Iterable[Sent]) -> tuple[ResponsesStream, list[Json]]:
    stream = ResponsesStream()
    return stream, [msgspec.json.decode(chunk.data) for each in events for chunk in stream.feed(each)]


def deltas(*events: Sent) -> list[Json]:
    return [chunk["choices"][0]["delta"] for chunk in fed([created(), *events])[1][1:]]


def added(item: Json, index: int = 0) -> Sent:
    return event("response.output_item.added", output_index=index, item=item)


def done(item: Json, index: int = 0) -> Sent:
    return event("response.output_item.done", output_index=index, item=item)


def completed(*output: Json, **more: Any) -> Sent:
    return event("response.completed", response=response(*output, **more))


def test_a_text_from_its_start_to_its_end() -> None:
    stream, chunks = fed([created(), text_delta("a"), text_delta("b"), completed(message(spoken("ab")))])
    assert [chunk["choices"][0]["delta"] for chunk in chunks[:-1]] == [
        {"role": "assistant", "content": ""},
        {"content": "a"},
        {"content": "b"},
        {},
    ]
    assert {(chunk["id"], chunk["model"], chunk["created"]) for chunk in chunks} == {("resp_1", "gpt-x", 1)}
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["prompt_tokens"] == 10
    assert stream.is_done
    assert stream.feed(text_delta("late")) == []


def test_calls_are_numbered_anew_and_interleave() -> None:
    first, second = call(arguments=""), call("g", "", "c9")
    arguments = "function_call_arguments"
    made = deltas(added(first, 1), added(second, 3), delta(arguments, "{", 3), delta(arguments, "[", 1), done(first, 1))
    assert [(each["tool_calls"][0]["index"], each["tool_calls"][0]["function"].get("arguments")) for each in made] == [
        (0, ""), (1, ""), (1, "{"), (0, "["),
    ]  # fmt: skip
    assert [each["tool_calls"][0].get("id") for each in made] == ["c1", "c9", None, None]


def test_arguments_that_come_only_at_the_end_are_told_once() -> None:
    made = deltas(added(call(arguments="")), done(call(arguments="{}")))
    assert made[1]["tool_calls"] == [{"index": 0, "function": {"arguments": "{}"}}]
    again = deltas(added(call(arguments="")), delta("function_call_arguments", "{}"), done(call(arguments="{}")))
    assert len(again) == 2
    at_once = deltas(done(call(arguments="{}")))
    assert at_once[0]["tool_calls"][0]["function"]["arguments"] == "{}"
    assert len(at_once) == 1


def test_a_custom_tool() -> None:
    made = deltas(added(custom("")), delta("custom_tool_call_input", "x y"), done(custom("x y")))
    assert [each["tool_calls"][0]["custom"] for each in made] == [{"name": "g", "input": ""}, {"input": "x y"}]


def test_reasoning_is_told_as_it_is_written_and_kept_when_it_is_whole() -> None:
    part = "reasoning_summary_text"
    whole = reasoning("ab", "c")
    made = deltas(
        delta(part, "a", summary_index=0), delta(part, "b", summary_index=0), delta(part, "c", summary_index=1),
        done(whole),
    )  # fmt: skip
    assert made == [
        {"reasoning_content": "a"},
        {"reasoning_content": "b"},
        {"reasoning_content": "\n\nc"},
        {"reasoning_items": [whole]},
    ]


def test_reasoning_as_such_and_a_refusal() -> None:
    made = deltas(delta("reasoning_text", "hm", content_index=0), delta("refusal", "no", content_index=0))
    assert made == [{"reasoning_content": "hm"}, {"refusal": "no"}]


def test_citations_come_with_the_end_of_their_message() -> None:
    cited = {"type": "url_citation", "start_index": 0, "end_index": 2, "url": "https://a.example", "title": "A"}
    made = deltas(text_delta("ab"), done(message(spoken("ab"))), text_delta("cd"), done(message(spoken("cd", cited))))
    assert made[-1]["annotations"][0]["url_citation"]["start_index"] == 2
    assert len(made) == 3


def test_what_happens_at_tools_of_the_vendor_is_not_told() -> None:
    found = {"id": "ws", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "q"}}
    searching = event("response.web_search_call.searching", item_id="ws", output_index=0)
    assert deltas(added(found), searching, done(found)) == []


FAILURES: list[tuple[str, list[Sent], str]] = [
    ("an answer that failed",
     [event("response.failed", response=response(status="failed", error={"code": "server_error", "message": "x"}))],
     "UPSTREAM_UNAVAILABLE"),
    ("an error", [event("error", code="rate_limit_exceeded", message="x", param=None)], "UPSTREAM_RATE_LIMITED"),
    ("an error within an object",
     [Sent(b'{"type":"error","error":{"type":"x","code":"context_length_exceeded","message":"x"}}')],
     "CONTEXT_TOO_LONG"),
    ("a call that nobody began", [delta("function_call_arguments", "{")], "UPSTREAM_BAD_RESPONSE"),
]  # fmt: skip


@pytest.mark.parametrize(("events", "reason"), [case[1:] for case in FAILURES], ids=[case[0] for case in FAILURES])
def test_what_breaks_a_stream(events: list[Sent], reason: str) -> None:
    with pytest.raises(PerpetuoError) as caught:
        fed([created(), *events])
    assert caught.value.reason == reason


def test_one_malformed_event_is_skipped_and_noted_a_second_is_not() -> None:
    stream, chunks = fed([created(), Sent(b"{"), text_delta("a"), Sent(b"")])
    assert len(chunks) == 2
    assert stream.notes == ["upstream_malformed_events"]
    with pytest.raises(UpstreamBadResponse):
        stream.feed(Sent(b"[]"))


def test_a_stream_that_stops_is_not_done() -> None:
    assert not fed([created(), text_delta("a")])[0].is_done
