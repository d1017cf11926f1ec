"""Streams as chunks: numbering, ends, and what may go wrong on the way."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from openai.types.chat import ChatCompletionChunk

from server.chat.usage import Usage
from server.errors import ContentBlocked, PerpetuoError, UpstreamBadResponse, UpstreamRateLimited, UpstreamUnavailable
from server.providers.anthropic.stream import AnthropicStream
from tests.unit.server.providers.anthropic.said import Sent, block, ended, event, started, text

PING = event("ping")


def tool(index: int, call_id: str, *pieces: str, given: object = None) -> Iterable[Sent]:
    first = {"type": "tool_use", "id": call_id, "name": "f", "input": given or {}}
    return block(index, first, *({"type": "input_json_delta", "partial_json": piece} for piece in pieces))


def read(*events: Sent) -> tuple[AnthropicStream, list[dict[str, Any]]]:
    stream = AnthropicStream()
    chunks = [chunk for sent in events for chunk in stream.feed(sent)]
    read = [json.loads(chunk.data) for chunk in chunks]
    for data, chunk in zip(read, chunks, strict=True):
        ChatCompletionChunk.model_validate({**data, "service_tier": None})
        delta = data["choices"][0]["delta"] if data["choices"] else {}
        said = {name for name, value in delta.items() if value} - {"role", "annotations", "extra_content"}
        assert chunk.facts.has_content is bool(said)
        assert chunk.facts.is_usage_only is not bool(data["choices"])
    return stream, read


def deltas(*events: Sent) -> list[dict[str, Any]]:
    _, chunks = read(started(), *events, *ended())
    return [chunk["choices"][0]["delta"] for chunk in chunks[1:-2]]


def calls(*events: Sent) -> list[dict[str, Any]]:
    return [call for delta in deltas(*events) for call in delta.get("tool_calls", [])]


def test_a_stream_from_its_beginning_to_its_end() -> None:
    stream, chunks = read(started(), PING, *text(0, "Hi", " there"), *ended())
    assert {(chunk["id"], chunk["model"], chunk["created"]) for chunk in chunks} == {("msg_1", "claude-x-1", 0)}
    assert [chunk["choices"][0]["delta"] for chunk in chunks[:-1]] == [
        {"role": "assistant", "content": ""},
        {"content": "Hi"},
        {"content": " there"},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]] == [None, None, None, "stop"]
    assert chunks[-1]["choices"] == []
    assert stream.is_done
    assert stream.notes == []


def test_calls_are_numbered_from_zero_whatever_came_before() -> None:
    thinking = block(
        0, {"type": "thinking", "thinking": "", "signature": ""}, {"type": "thinking_delta", "thinking": "h"}
    )
    made = calls(*thinking, *text(1, "x"), *tool(2, "a", '{"x":', "1}"), *tool(3, "b", "{}"))
    assert [call["index"] for call in made] == [0, 0, 0, 1, 1]
    assert made[0] == {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
    assert "id" not in made[1]


def test_calls_that_alternate_stay_apart() -> None:
    first, second = list(tool(0, "a", '{"x":', "1}")), list(tool(1, "b", '{"y":', "2}"))
    mixed = [first[0], second[0], first[1], second[1], first[2], second[2], first[3], second[3]]
    arguments = ["", ""]
    for call in calls(*mixed):
        arguments[call["index"]] += call["function"]["arguments"]
    assert arguments == ['{"x":1}', '{"y":2}']


@pytest.mark.parametrize("pieces", [(), ("",), ("", "")], ids=["no piece", "an empty piece", "empty pieces"])
def test_a_call_without_arguments_has_an_empty_object(pieces: tuple[str, ...]) -> None:
    assert "".join(call["function"]["arguments"] for call in calls(*tool(0, "a", *pieces))) == "{}"


def test_arguments_that_came_at_the_start_are_not_doubled() -> None:
    whole = calls(*tool(0, "a", given={"x": 1}))
    assert "".join(call["function"]["arguments"] for call in whole) == '{"x": 1}'
    pieces = calls(*tool(0, "a", '{"x":1}', given={"x": 1}))
    assert "".join(call["function"]["arguments"] for call in pieces) == '{"x":1}'


def test_reasoning_comes_as_text_and_then_signed_as_a_block() -> None:
    made = deltas(
        *block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": "h"},
            {"type": "thinking_delta", "thinking": "m"},
            {"type": "signature_delta", "signature": "Eq+/=="},
        ),
        *block(1, {"type": "redacted_thinking", "data": "Em=="}),
    )
    assert made == [
        {"reasoning_content": "h"},
        {"reasoning_content": "m"},
        {"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "Eq+/=="}]},
        {"thinking_blocks": [{"type": "redacted_thinking", "data": "Em=="}]},
    ]


def test_citations_come_when_their_text_has_ended() -> None:
    cited = {"type": "web_search_result_location", "url": "https://e.com", "title": "E", "cited_text": "x",
             "encrypted_index": "i"}  # fmt: skip
    said = {"type": "text_delta", "text": "said"}
    first = {"type": "text", "text": "", "citations": []}
    made = deltas(*text(0, "As "), *block(1, first, {"type": "citations_delta", "citation": cited}, said))
    where = {"url": "https://e.com", "title": "E", "start_index": 3, "end_index": 7}
    assert made[-1] == {"annotations": [{"type": "url_citation", "url_citation": where}]}


def test_blocks_that_only_anthropic_knows_keep_the_whole_content() -> None:
    first = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    searched = block(0, first, {"type": "input_json_delta", "partial_json": '{"query": "x"}'})
    _, chunks = read(started(), *searched, *text(1, "Found."), *ended())
    assert chunks[-2]["choices"][0]["delta"] == {
        "extra_content": {
            "anthropic": {
                "content": [{**first, "input": {"query": "x"}}, {"type": "text", "text": "Found."}],
            }
        }
    }


def test_usage_is_taken_from_both_ends_and_never_added() -> None:
    first = {"input_tokens": 12, "cache_read_input_tokens": 1000, "cache_creation_input_tokens": 200,
             "output_tokens": 1,
             "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 200}}  # fmt: skip
    last = {"output_tokens": 42, "output_tokens_details": {"thinking_tokens": 11}}
    stream = AnthropicStream()
    events = [started(usage=first), *text(0, "Hi"), *ended(usage=last)]
    chunks = [chunk for sent in events for chunk in stream.feed(sent)]
    assert chunks[-1].facts.usage == Usage(12, 1000, 200, 31, 11, cache_write_1h_tokens=200)
    assert [chunk.facts.usage for chunk in chunks[1:-1]] == [None] * (len(chunks) - 2)


def test_what_the_first_event_tells_of_the_prompt_is_only_a_beginning() -> None:
    first = {"input_tokens": 12, "cache_read_input_tokens": 1000, "output_tokens": 1}
    [chunk] = AnthropicStream().feed(started(usage=first))
    assert chunk.facts.usage == Usage(12, 1000, is_estimated=True)
    assert not chunk.facts.is_usage_only


def test_later_counts_of_the_whole_replace_earlier_ones() -> None:
    first = {"input_tokens": 5, "output_tokens": 3}
    last = {"input_tokens": 7, "cache_read_input_tokens": 2, "output_tokens": 9}
    _, chunks = read(started(usage=first), *text(0, "Hi"), *ended(usage=last))
    assert chunks[-1]["usage"]["prompt_tokens"] == 9
    assert chunks[-1]["usage"]["completion_tokens"] == 9


def test_a_break_before_the_last_event_is_no_end() -> None:
    whole = [started(), *text(0, "Hi"), *ended()]
    for length in range(1, len(whole)):
        stream = AnthropicStream()
        chunks = [chunk for sent in whole[:length] for chunk in stream.feed(sent)]
        assert not stream.is_done
        assert not any(chunk.facts.finish_reason for chunk in chunks)


def test_nothing_follows_the_end() -> None:
    stream, _ = read(started(), *ended())
    assert stream.feed(started()) == []


FAILURES: dict[str, tuple[dict[str, Any], type[PerpetuoError]]] = {
    "overload": ({"type": "overloaded_error", "message": "Overloaded"}, UpstreamUnavailable),
    "an error of its own": ({"type": "api_error", "message": "Internal server error"}, UpstreamUnavailable),
    "a limit": ({"type": "rate_limit_error", "message": "slow down"}, UpstreamRateLimited),
    "a filter": (
        {"type": "invalid_request_error", "message": "Output blocked by content filtering policy"}, ContentBlocked
    ),
}  # fmt: skip


@pytest.mark.parametrize(("error", "reason"), FAILURES.values(), ids=FAILURES.keys())
def test_an_error_in_the_stream_is_raised(error: dict[str, Any], reason: type[PerpetuoError]) -> None:
    stream = AnthropicStream()
    stream.feed(started())
    with pytest.raises(reason):
        stream.feed(event("error", error=error))


def test_one_event_may_be_unreadable_and_no_more() -> None:
    stream = AnthropicStream()
    stream.feed(started())
    assert stream.feed(Sent(b'{"type": "content')) == []
    assert stream.notes == ["upstream_malformed_events"]
    with pytest.raises(UpstreamBadResponse):
        stream.feed(Sent(b"\xff"))


def test_events_that_nobody_knows_are_left_out() -> None:
    _, chunks = read(started(), Sent(b'{"type":"something_new","x":1}'), Sent(b""), *text(0, "Hi"), *ended())
    assert chunks[1]["choices"][0]["delta"] == {"content": "Hi"}


def test_a_reason_that_nobody_knows_is_noted() -> None:
    events = [started(), Sent(b'{"type":"message_delta","delta":{"stop_reason":"new"}}'), event("message_stop")]
    stream, chunks = read(*events)
    assert stream.notes == ["The provider ended with 'new', which is taken for a stop."]
    assert chunks[-2]["choices"][0]["native_finish_reason"] == "new"


DISORDERS = {
    "a piece of no block": [
        started(),
        event("content_block_delta", index=3, delta={"type": "text_delta", "text": "x"}),
    ],
    "a block before the message": list(text(0, "x")),
    "an end before the message": [event("message_stop")],
}


@pytest.mark.parametrize("events", DISORDERS.values(), ids=DISORDERS.keys())
def test_a_stream_out_of_order_is_refused(events: list[Sent]) -> None:
    with pytest.raises(UpstreamBadResponse):
        read(*events)


def test_members_that_nobody_knows_survive() -> None:
    details = {"type": "refusal", "category": None, "explanation": "No."}
    _, chunks = read(started(), *text(0, "x"), *ended("refusal", stop_details=details))
    assert chunks[-2]["choices"][0]["finish_reason"] == "content_filter"
    assert chunks[-1]["stop_details"] == details


ODD_USAGES = {"absent": {}, "null": {"usage": None}, "not counts": {"usage": "many"}, "empty": {"usage": {}}}


@pytest.mark.parametrize("usage", ODD_USAGES.values(), ids=ODD_USAGES.keys())
def test_usage_that_is_missing_is_not_none_used(usage: dict[str, Any]) -> None:
    start = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], **usage}
    first = Sent(json.dumps({"type": "message_start", "message": start}).encode())
    delta = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, **usage}
    stream = AnthropicStream()
    events = [first, *text(0, "Hi"), Sent(json.dumps(delta).encode()), event("message_stop")]
    chunks = [chunk for sent in events for chunk in stream.feed(sent)]
    assert [chunk.facts.usage for chunk in chunks] == [None] * len(chunks)
    assert chunks[-1].facts.finish_reason == "stop"
