"""Streams: what each event becomes, and what breaks a stream."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from server.errors import PerpetuoError, UpstreamBadResponse
from server.providers.bedrock.stream import BedrockStream
from tests.unit.server.providers.bedrock.said import Sent, delta, ended, started, stopped, tool

Json = dict[str, Any]


def fed(events: Iterable[Sent]) -> tuple[BedrockStream, list[Json]]:
    stream = BedrockStream()
    return stream, [msgspec.json.decode(chunk.data) for each in events for chunk in stream.feed(each)]


def deltas(*events: Sent) -> list[Json]:
    return [chunk["choices"][0]["delta"] for chunk in fed([started(), *events])[1][1:]]


def test_a_text_from_its_start_to_its_end() -> None:
    stream, chunks = fed([started(), delta(text="a"), delta(text="b"), stopped(), *ended()])
    assert [chunk["choices"][0]["delta"] for chunk in chunks[:-1]] == [
        {"role": "assistant", "content": ""},
        {"content": "a"},
        {"content": "b"},
        {},
    ]
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["usage"]["total_tokens"] == 15
    assert stream.is_done
    assert stream.feed(delta(text="late")) == []


def test_calls_are_numbered_anew_and_interleave() -> None:
    made = deltas(
        tool(1), tool(4, "g", "t2"), delta(4, toolUse={"input": "{"}), delta(1, toolUse={"input": "["}),
        delta(4, toolUse={"input": ""}),
    )  # fmt: skip
    assert [each["tool_calls"][0]["index"] for each in made] == [0, 1, 1, 0]
    assert [each["tool_calls"][0].get("id") for each in made] == ["t1", "t2", None, None]


def test_a_call_without_arguments_has_an_empty_object() -> None:
    made = deltas(tool(0), stopped())
    assert made[-1]["tool_calls"] == [{"index": 0, "function": {"arguments": "{}"}}]
    assert len(deltas(tool(0), delta(toolUse={"input": "{}"}), stopped())) == 2


def test_reasoning_is_told_as_it_is_written_and_kept_with_its_signature() -> None:
    made = deltas(
        delta(reasoningContent={"text": "a"}), delta(reasoningContent={"text": "b"}),
        delta(reasoningContent={"signature": "c2ln/+=="}), stopped(),
        delta(1, reasoningContent={"redactedContent": "cmVk"}), stopped(1),
    )  # fmt: skip
    assert made == [
        {"reasoning_content": "a"},
        {"reasoning_content": "b"},
        {"thinking_blocks": [{"type": "thinking", "thinking": "ab", "signature": "c2ln/+=="}]},
        {"thinking_blocks": [{"type": "redacted_thinking", "data": "cmVk"}]},
    ]


def test_a_signature_in_pieces_is_one() -> None:
    made = deltas(
        delta(reasoningContent={"signature": "ab"}), delta(reasoningContent={"signature": "cd"}), stopped()
    )  # fmt: skip
    assert made[0]["thinking_blocks"][0]["signature"] == "abcd"


def test_reasoning_without_a_signature_is_not_kept() -> None:
    assert deltas(delta(reasoningContent={"text": "a"}), stopped()) == [{"reasoning_content": "a"}]


def test_citations_come_with_the_end_of_their_block() -> None:
    cited = {"title": "A", "location": {"web": {"url": "https://a.example"}}}
    made = deltas(delta(text="ab"), stopped(), delta(1, text="cd"), delta(1, citation=cited), stopped(1))
    place = made[-1]["annotations"][0]["url_citation"]
    assert (place["start_index"], place["end_index"]) == (2, 4)


def test_content_that_a_chunk_cannot_hold_is_told_once() -> None:
    picture = delta(image={"source": {"bytes": "AAAA"}})
    stream, chunks = fed([started(), picture, picture, stopped()])
    assert len(chunks) == 1
    assert len(stream.notes) == 1


def test_an_end_without_usage_is_an_end_but_not_done() -> None:
    stream, chunks = fed([started(), delta(text="a"), ended()[0]])
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert not stream.is_done


FAILURES: list[tuple[str, Sent, str]] = [
    ("a limit", Sent(b'{"message":"Too many requests"}', "exception:throttlingException"), "UPSTREAM_RATE_LIMITED"),
    ("a server", Sent(b'{"message":"x"}', "exception:internalServerException"), "UPSTREAM_UNAVAILABLE"),
    ("a model", Sent(b'{"message":"x","originalStatusCode":500}', "exception:modelStreamErrorException"),
     "UPSTREAM_UNAVAILABLE"),
    ("a request", Sent(b'{"message":"x"}', "exception:validationException"), "REQUEST_INVALID"),
    ("a long prompt", Sent(b'{"message":"Input is too long for requested model."}', "exception:validationException"),
     "CONTEXT_TOO_LONG"),
    ("a service", Sent(b'{"message":"x"}', "exception:serviceUnavailableException"), "UPSTREAM_UNAVAILABLE"),
    ("time", Sent(b"", "exception:modelTimeoutException"), "UPSTREAM_TIMEOUT"),
    ("an error that no exception describes", Sent(b"", "error:InternalError"), "UPSTREAM_UNAVAILABLE"),
    ("an error that nobody knows", Sent(b"", "error:Odd"), "UPSTREAM_BAD_RESPONSE"),
    ("a malformed end", ended("malformed_model_output")[0], "UPSTREAM_UNAVAILABLE"),
]  # fmt: skip


@pytest.mark.parametrize(("event", "reason"), [case[1:] for case in FAILURES], ids=[case[0] for case in FAILURES])
def test_what_breaks_a_stream(event: Sent, reason: str) -> None:
    with pytest.raises(PerpetuoError) as caught:
        fed([started(), delta(text="a"), event])
    assert caught.value.reason == reason


def test_one_malformed_event_is_skipped_and_noted_a_second_is_not() -> None:
    stream, _ = fed([started(), Sent(b"{", "contentBlockDelta")])
    assert stream.notes == ["upstream_malformed_events"]
    with pytest.raises(UpstreamBadResponse):
        stream.feed(Sent(b"[]", "contentBlockDelta"))


def test_events_that_nobody_knows_are_nothing() -> None:
    assert fed([Sent(b"{}", "somethingNew")])[1] == []
