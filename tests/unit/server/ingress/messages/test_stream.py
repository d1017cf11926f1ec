"""Chunks as events, folded by the SDK's own accumulator and held against its order of events."""

import json
from typing import Any

import pytest
from anthropic import not_given
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import RawMessageStreamEvent
from pydantic import TypeAdapter

from server.errors import UpstreamBadResponse
from server.ingress.messages.answer import message_from
from server.ingress.messages.stream import MessageEvents
from tests.unit.server.ingress.messages.bodies import call, chunk, completion, read

EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
END = chunk({}, "stop")
USAGE = chunk(usage={"prompt_tokens": 7, "completion_tokens": 3}, gateway_metadata={"attempts": 1})
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
HIDDEN = {"type": "redacted_thinking", "data": "ZGF0YQ=="}


def events_of(*chunks: bytes) -> list[dict[str, Any]]:
    following = MessageEvents(read(stream=True))
    found = [event for one in chunks for event in following.feed([one])]
    events = [json.loads(event) for event in [*found, *following.finish()]]
    check_order(events)
    return events


def check_order(events: list[dict[str, Any]]) -> None:
    """The rules of the protocol: a beginning, blocks one after the other, an end."""
    kinds = [event["type"] for event in events if event["type"] != "ping"]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert kinds.count("message_start") == kinds.count("message_delta") == kinds.count("message_stop") == 1
    open_index, started = None, 0
    for event in events:
        if event["type"] == "content_block_start":
            assert (open_index, event["index"]) == (None, started)
            open_index, started = event["index"], started + 1
        elif event["type"] == "content_block_delta":
            assert event["index"] == open_index
        elif event["type"] == "content_block_stop":
            assert event["index"] == open_index
            open_index = None
    assert open_index is None


def fold(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The message that the SDK makes of events."""
    message: Any = None
    buffers: dict[int, bytes] = {}
    for event in events:
        if event["type"] != "ping":
            parsed = EVENT.validate_python(event)
            message = accumulate_event(
                event=parsed, current_snapshot=message, json_bufs=buffers, output_format=not_given
            )
    found: dict[str, Any] = json.loads(message.model_dump_json(exclude_none=True, warnings=False))
    return found


def content_of(*chunks: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = fold(events_of(*chunks, END, USAGE))["content"]
    for block in found:
        block.pop("parsed_output", None)
    return found


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def tool(call_id: str, name: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


CASES: list[tuple[str, list[bytes], list[dict[str, Any]]]] = [
    ("a text in pieces", [chunk({"role": "assistant", "content": ""}), chunk({"content": "Hel"}),
                          chunk({"content": "lo"})], [text("Hello")]),
    ("nothing", [chunk({"role": "assistant"})], []),
    ("a refusal", [chunk({"refusal": "No."})], [text("No.")]),
    ("thinking, its signature, a text",
     [chunk({"reasoning_content": "H"}), chunk({"reasoning_content": "m."}), chunk({"thinking_blocks": [THOUGHT]}),
      chunk({"content": "Hi"})],
     [THOUGHT, text("Hi")]),
    ("two signed thoughts",
     [chunk({"reasoning_content": "Hm."}), chunk({"thinking_blocks": [THOUGHT]}),
      chunk({"reasoning_content": "Oh."}), chunk({"thinking_blocks": [{**THOUGHT, "thinking": "Oh."}]})],
     [THOUGHT, {**THOUGHT, "thinking": "Oh."}]),
    ("a signed thought whose text was not streamed", [chunk({"thinking_blocks": [THOUGHT]})], [THOUGHT]),
    ("redacted thinking", [chunk({"thinking_blocks": [HIDDEN]}), chunk({"content": "Hi"})], [HIDDEN, text("Hi")]),
    ("thinking without a signature", [chunk({"reasoning": "Hm."}), chunk({"content": "Hi"})],
     [{"type": "thinking", "thinking": "Hm.", "signature": ""}, text("Hi")]),
    ("a text and a call",
     [chunk({"content": "Hi"}), chunk(call(0, "a", "f", '{"x"')), chunk(call(0, None, None, ":1}"))],
     [text("Hi"), tool("a", "f", x=1)]),
    ("a call without arguments", [chunk(call(0, "a", "f"))], [tool("a", "f")]),
    ("two calls, one after the other",
     [chunk(call(0, "a", "f", "{}")), chunk(call(1, "b", "g")), chunk(call(1, None, None, '{"y":2}'))],
     [tool("a", "f"), tool("b", "g", y=2)]),
    ("two calls whose pieces are mixed",
     [chunk(call(0, "a", "f")), chunk(call(1, "b", "g")), chunk(call(0, None, None, '{"x":')),
      chunk(call(1, None, None, '{"y":')), chunk(call(0, None, None, "1}")), chunk(call(1, None, None, "2}"))],
     [tool("a", "f", x=1), tool("b", "g", y=2)]),
    ("two calls in one chunk",
     [chunk({"tool_calls": [*call(0, "a", "f", "{}")["tool_calls"], *call(1, "b", "g", "{}")["tool_calls"]]})],
     [tool("a", "f"), tool("b", "g")]),
    ("a call whose name comes late", [chunk(call(0, "a", None, '{"x":')), chunk(call(0, None, "f", "1}"))],
     [tool("a", "f", x=1)]),
    ("a call whose id never comes", [chunk(call(0, None, "f", "{}"))], [tool("toolu_1_0", "f")]),
    ("a call without an index",
     [chunk({"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]}),
      chunk({"tool_calls": [{"id": "b", "function": {"name": "g", "arguments": "{}"}}]})],
     [tool("a", "f"), tool("b", "g")]),
    ("pieces of a call without an index",
     [chunk({"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": '{"x":'}}]}),
      chunk({"tool_calls": [{"function": {"arguments": "1}"}}]})],
     [tool("a", "f", x=1)]),
    ("a call and then a text", [chunk(call(0, "a", "f", "{}")), chunk({"content": "Done"})],
     [tool("a", "f"), text("Done")]),
    ("a piece too many of a call that is whole",
     [chunk(call(0, "a", "f", "{}")), chunk(call(1, "b", "g", "{}")), chunk(call(0, None, None, " "))],
     [tool("a", "f"), tool("b", "g")]),
    ("a custom tool", [chunk({"tool_calls": [{"index": 0, "id": "a", "custom": {"name": "sql", "input": '{"q":1}'}}]})],
     [tool("a", "sql", q=1)]),
]  # fmt: skip


@pytest.mark.parametrize(("chunks", "content"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_chunks_fold_to_the_content(chunks: list[bytes], content: list[dict[str, Any]]) -> None:
    assert content_of(*chunks) == content


def test_all_at_once_gives_the_same_events() -> None:
    for _, chunks, _ in CASES:
        following = MessageEvents(read(stream=True))
        at_once = [*following.feed([*chunks, END, USAGE]), *following.finish()]
        assert [json.loads(event) for event in at_once] == events_of(*chunks, END, USAGE)


def test_a_stream_folds_to_the_unary_message() -> None:
    calls = [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}},
        {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]
    said = {"content": "Hi", "reasoning_content": "Hm.", "thinking_blocks": [THOUGHT], "tool_calls": calls}
    whole = json.loads(message_from(completion(said, "tool_calls"), read()))
    deltas: list[dict[str, Any]] = [{"reasoning_content": "Hm."}, {"thinking_blocks": [THOUGHT]}, {"content": "Hi"}]
    pieces = [chunk(delta) for delta in (*deltas, call(0, "a", "f", '{"x":1}'), call(1, "b", "g", "{}"))]
    folded = fold(events_of(*pieces, chunk({}, "tool_calls"), USAGE))
    for block in folded["content"]:
        block.pop("parsed_output", None)
    assert folded == {name: value for name, value in whole.items() if value is not None}


def test_the_beginning_has_an_estimate_and_the_end_the_count() -> None:
    events = events_of(chunk({"role": "assistant"}), END, USAGE)
    assert events[0]["message"]["usage"]["input_tokens"] > 0
    assert events[0]["message"]["usage"]["output_tokens"] == 0
    assert events[-2]["usage"]["input_tokens"] == 7
    assert events[-2]["usage"]["output_tokens"] == 3
    assert events[-2]["gateway_metadata"] == {"attempts": 1}


def test_a_count_that_is_known_at_the_beginning_is_told_there() -> None:
    usage = {"prompt_tokens": 90, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 80}}
    begun = events_of(chunk({"role": "assistant"}, usage=usage), END, USAGE)[0]["message"]["usage"]
    assert (begun["input_tokens"], begun["cache_read_input_tokens"], begun["output_tokens"]) == (10, 80, 1)


def test_a_stream_of_nothing_is_an_empty_message() -> None:
    assert [event["type"] for event in events_of()] == ["message_start", "ping", "message_delta", "message_stop"]


@pytest.mark.parametrize(
    ("ends", "reason"),
    [("stop", "end_turn"), ("length", "max_tokens"), ("tool_calls", "tool_use"), ("content_filter", "refusal")],
)
def test_the_end_is_told(ends: str, reason: str) -> None:
    pieces = [chunk(call(0, "a", "f", "{}"))] if ends == "tool_calls" else [chunk({"content": "Hi"})]
    assert events_of(*pieces, chunk({}, ends), USAGE)[-2]["delta"] == {"stop_reason": reason, "stop_sequence": None}


def test_another_vendors_reasoning_is_carried() -> None:
    found = content_of(chunk({"reasoning_items": [{"type": "reasoning", "id": "rs"}]}), chunk({"content": "Hi"}))
    assert [block["type"] for block in found] == ["redacted_thinking", "text"]
    assert found[0]["data"].startswith("perpetuo:")


def test_a_vendors_extra_of_a_call_is_handed_on() -> None:
    piece = call(0, "a", "f", "{}")
    piece["tool_calls"][0]["extra_content"] = {"google": {"thought_signature": "x"}}
    assert content_of(chunk(piece))[0]["extra_content"] == {"google": {"thought_signature": "x"}}


def test_of_several_answers_the_first_is_told() -> None:
    two = json.loads(chunk({"content": "a"}))
    two["choices"].append({"index": 1, "delta": {"content": "b"}, "finish_reason": None})
    assert content_of(json.dumps(two).encode()) == [text("a")]


def test_what_is_no_chunk_is_the_providers_fault() -> None:
    with pytest.raises(UpstreamBadResponse):
        MessageEvents(read(stream=True)).feed([b'{"choices":5}'])


def test_events_of_anthropics_own_form_pass_and_the_end_tells_how_they_were_got() -> None:
    usual = [json.loads(event) for event in MessageEvents(read(stream=True)).feed([chunk({"content": "Hi"})])]
    ending = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}, "new": 1}
    sent = [*usual, {"type": "content_block_start", "index": 1, "content_block": {"type": "x", "y": 2}}, ending]
    following = MessageEvents(read(stream=True))
    out: list[bytes] = []
    for event in sent:
        out += following.feed([chunk(native=event)])
    out += following.feed([chunk({}, "stop", native={"type": "message_stop"}), USAGE])
    assert [json.loads(event) for event in out] == sent[:-1]
    assert [json.loads(event) for event in following.finish()] == [
        {**ending, "gateway_metadata": {"attempts": 1}},
        {"type": "message_stop"},
    ]
