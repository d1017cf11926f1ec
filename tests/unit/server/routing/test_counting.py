"""Tokens that are reported, and tokens that are estimated by what was reported before."""

import json

import msgspec
import pytest

from server.chat.answer import Identity, peek_answer, peek_chunk
from server.chat.calibration import Calibration, Kind
from server.chat.deployment import Candidate, Deployment
from server.chat.usage import Usage
from server.providers.dialect import Answer, Chunk
from server.routing.counting import usage_of_answer, usage_of_stream
from server.routing.tail import StreamTail

CANDIDATE = Candidate(Deployment("prov_1", "ws_1", "p", "https://p.example", "k"), "m")
WORDS = "one two three four five six seven eight nine ten"


def answer(usage: dict[str, int] | None = None) -> Answer:
    choice = {"index": 0, "message": {"role": "assistant", "content": WORDS}, "finish_reason": "stop"}
    body = json.dumps({"id": "x", "choices": [choice], **({"usage": usage} if usage else {})}).encode()
    return Answer(body, peek_answer(body))


def tail_of(usage: dict[str, int] | None = None, begun: Usage | None = None) -> StreamTail:
    tail = StreamTail(Identity("x"))
    events: list[dict[str, object]] = [{"id": "x", "choices": [{"index": 0, "delta": {"role": "assistant"}}]}]
    events += ({"id": "x", "choices": [{"index": 0, "delta": {"content": word}}]} for word in WORDS.split())
    if usage:
        events.append({"id": "x", "choices": [], "usage": usage})
    for place, event in enumerate(events):
        data = json.dumps(event).encode()
        facts = peek_chunk(data)
        tail.feed([Chunk(data, msgspec.structs.replace(facts, usage=begun) if begun and not place else facts)])
    return tail


REPORTED = {"prompt_tokens": 40, "completion_tokens": 30}


def test_what_is_reported_is_taken_as_it_is() -> None:
    assert usage_of_answer(Calibration(), CANDIDATE, answer(REPORTED), 20) == Usage(40, 0, 0, 30)
    assert usage_of_stream(Calibration(), CANDIDATE, tail_of(REPORTED), 20) == Usage(40, 0, 0, 30)


def test_what_is_not_reported_is_estimated_and_says_so() -> None:
    assert usage_of_answer(Calibration(), CANDIDATE, answer(), 20) == Usage(20, 0, 0, 10, is_estimated=True)
    assert usage_of_stream(Calibration(), CANDIDATE, tail_of(), 20) == Usage(20, 0, 0, 10, is_estimated=True)


def test_estimates_learn_from_reports_of_the_same_family() -> None:
    calibration = Calibration()
    usage_of_answer(calibration, CANDIDATE, answer(REPORTED), 20)
    usage_of_stream(calibration, CANDIDATE, tail_of(REPORTED), 20)
    assert usage_of_answer(calibration, CANDIDATE, answer(), 20) == Usage(40, 0, 0, 30, is_estimated=True)
    assert usage_of_stream(calibration, CANDIDATE, tail_of(), 20) == Usage(40, 0, 0, 30, is_estimated=True)


def test_only_one_reader_of_a_stream_learns() -> None:
    calibration = Calibration()
    usage_of_stream(calibration, CANDIDATE, tail_of(REPORTED), 20, learns=False)
    assert calibration.ratio("p", "m", Kind.STREAM) == 1.0


@pytest.mark.parametrize("learns", [True, False])
def test_of_a_stream_that_never_ended_the_prompt_is_known_where_the_provider_told_it(learns: bool) -> None:
    begun = Usage(12, 1000, 200, is_estimated=True, cache_write_1h_tokens=200)
    usage = usage_of_stream(Calibration(), CANDIDATE, tail_of(begun=begun), 20, learns=learns)
    assert usage == Usage(12, 1000, 200, 10, is_estimated=True, cache_write_1h_tokens=200)
