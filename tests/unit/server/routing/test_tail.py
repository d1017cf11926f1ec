"""The end of a stream: what is held, what is hidden, and where the metadata stands."""

import json
from typing import Any

import msgspec
import pytest

from server.chat.answer import GatewayMetadata, Identity, peek_chunk
from server.chat.usage import Usage
from server.providers.dialect import Chunk
from server.routing.tail import StreamTail
from tests.unit.server.routing.scripted import FINISH, HI, ROLE, USAGE, chunk

METADATA = GatewayMetadata("m", "simple", None, 1, False, "openai", "req_1", "default", 1)
COUNTED = Usage(input_tokens=3, output_tokens=2)
FOREIGN = chunk('{"content":"Hi"}', answer_id="gen-1")
FOREIGN_FINISH = chunk(finish='"stop"', answer_id="gen-1")


def as_chunk(event: bytes) -> Chunk:
    data = event.removeprefix(b"data: ").rstrip(b"\n")
    return Chunk(data, peek_chunk(data))


def play(events: list[bytes], *, wants_usage: bool = False) -> tuple[StreamTail, list[dict[str, Any]]]:
    tail = StreamTail(Identity("chatcmpl-ours", 1), wants_usage=wants_usage)
    out = [data for event in events for data in tail.feed([as_chunk(event)])]
    out += tail.close(METADATA, tail.usage or COUNTED)
    return tail, [json.loads(data) for data in out]


CASES = [
    ("the finish chunk carries the metadata", [ROLE, HI, FINISH], False, 3, False),
    ("the usage chunk is hidden from those who did not ask", [HI, FINISH, USAGE], False, 2, False),
    ("the usage chunk carries the metadata for those who asked", [HI, FINISH, USAGE], True, 3, True),
    ("usage that is missing is told to those who asked", [HI, FINISH], True, 3, True),
    ("usage before the finish", [HI, USAGE, FINISH], False, 2, False),
    ("usage before the finish, asked for", [HI, USAGE, FINISH], True, 3, True),
    ("content after a finish is not lost", [HI, FINISH, HI, FINISH], False, 4, False),
    ("a stream that is done without a finish", [HI], False, 2, False),
]


@pytest.mark.parametrize(
    ("events", "wants_usage", "count", "ends_with_usage"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_what_goes_out(events: list[bytes], wants_usage: bool, count: int, ends_with_usage: bool) -> None:
    _, out = play(events, wants_usage=wants_usage)
    assert len(out) == count
    assert ["gateway_metadata" in item for item in out] == [False] * (count - 1) + [True]
    assert bool(out[-1].get("usage")) is ends_with_usage
    if ends_with_usage:
        assert out[-1]["choices"] == []
        assert out[-1]["usage"]["total_tokens"] == 5


def test_usage_that_stood_with_the_finish_is_told_with_its_parts() -> None:
    counted = Usage(input_tokens=3, cache_read_tokens=4, output_tokens=2, reasoning_tokens=1)
    tail = StreamTail(Identity("chatcmpl-ours", 1), wants_usage=True)
    tail.feed([as_chunk(HI), as_chunk(FINISH)])
    assert json.loads(tail.close(METADATA, counted)[-1])["usage"] == {
        "prompt_tokens": 7,
        "completion_tokens": 3,
        "total_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }


def test_the_finish_chunk_waits_for_the_usage() -> None:
    tail = StreamTail(Identity("chatcmpl-ours", 1), wants_usage=False)
    assert len(tail.feed([as_chunk(HI)])) == 1
    assert tail.feed([as_chunk(FINISH)]) == []
    assert not tail.has_usage
    assert not tail.has_usage
    assert tail.feed([as_chunk(USAGE)]) == []
    assert tail.has_usage


def test_usage_does_not_end_a_stream_of_which_one_answer_is_still_open() -> None:
    tail = StreamTail(Identity("chatcmpl-ours"), choices=2)
    tail.feed([as_chunk(HI), as_chunk(FINISH), as_chunk(USAGE)])
    assert not tail.has_usage
    second = FINISH.replace(b'"index":0', b'"index":1')
    assert len(tail.feed([as_chunk(second)])) == 1
    assert tail.has_usage


def test_bytes_pass_as_they_came() -> None:
    tail = StreamTail(Identity("chatcmpl-ours", 1), wants_usage=False)
    item = as_chunk(HI)
    assert tail.feed([item]) == [item.data]


def test_a_foreign_id_is_replaced_in_every_chunk() -> None:
    _, out = play([FOREIGN, FOREIGN, FOREIGN_FINISH])
    assert {item["id"] for item in out} == {"chatcmpl-ours"}


def test_an_upstreams_id_is_kept_and_used_for_what_we_add() -> None:
    _, out = play([HI], wants_usage=True)
    assert {item["id"] for item in out} == {"chatcmpl-up"}


def test_content_is_counted() -> None:
    tail, _ = play([ROLE, HI, HI, FINISH])
    assert tail.estimated_tokens == 2
    assert tail.usage is None


def test_names_the_model_that_answers_where_the_upstream_does_not() -> None:
    tail = StreamTail(Identity("chatcmpl-ours", 1))
    tail.answers_as("m")
    data = b'{"id":"","model":"","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}'
    (told,) = tail.feed([Chunk(data, peek_chunk(data))])
    assert b'"model":"m"' in told
    assert b'"id":"chatcmpl-ours"' in told


def test_large_pieces_count_for_more_than_one_token() -> None:
    words = chunk('{"content":"' + "word " * 120 + '"}')
    tail, _ = play([ROLE, words, FINISH])
    assert 90 < tail.estimated_tokens < 150


def test_what_is_said_of_the_prompt_at_the_beginning_is_not_the_usage() -> None:
    tail = StreamTail(Identity("x"))
    begun = Usage(12, 1000, is_estimated=True)
    first = as_chunk(ROLE)
    tail.feed([Chunk(first.data, msgspec.structs.replace(first.facts, usage=begun))])
    assert (tail.begun, tail.usage) == (begun, None)


def test_more_that_went_out_by_itself_counts_as_what_was_fed() -> None:
    sizes = ('{"content":"Hello there"}', '{"content":"a"}', '{"content":"Hi, you"}')
    first, *others = [as_chunk(chunk(delta)) for delta in sizes]
    fed, told = StreamTail(Identity("x")), StreamTail(Identity("x"))
    for each in (first, *others):
        fed.feed([Chunk(each.data, first.facts)])
    assert not told.takes_more(first.facts)
    told.feed([first])
    assert told.takes_more(first.facts)
    lengths = [len(each.data) for each in others]
    told.count_more(len(others), sum(lengths), min(lengths))
    assert told.estimated_tokens == fed.estimated_tokens


def test_nothing_goes_out_by_itself_while_the_end_is_held() -> None:
    tail, first = StreamTail(Identity("x")), as_chunk(HI)
    tail.feed([first, as_chunk(FINISH)])
    assert not tail.takes_more(first.facts)
