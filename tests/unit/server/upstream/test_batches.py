"""Requests in parts: one answer, one time, and the first failure is the answer to all."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import pytest

from server.chat.wire import Timeouts, WireRequest, WireResponse
from server.errors import UpstreamReset, UpstreamTimeout
from server.upstream.batches import BatchTransport


@dataclass
class Answered:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    is_closed: bool = False

    async def read(self) -> bytes:
        if self.body == b"broken":
            raise UpstreamReset("It broke.")
        return self.body

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self.body

    def progressed(self) -> None:
        raise AssertionError("not used")

    def wind_up(self, within_s: float) -> None:
        raise AssertionError("not used")

    async def close(self) -> None:
        self.is_closed = True


class Plain:
    """Answers what it is told, and lets the clock go on by a second for each request."""

    def __init__(self, *answers: Answered) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[bytes, float]] = []
        self.now_s = 0.0
        self.is_closed = False

    async def send(self, request: WireRequest, timeouts: Timeouts) -> WireResponse:
        assert request.others == ()
        self.sent.append((request.body, timeouts.total_s))
        self.now_s += 1.0
        return self.answers[len(self.sent) - 1]

    async def close(self) -> None:
        self.is_closed = True


def asked(*bodies: bytes) -> WireRequest:
    return WireRequest("POST", "https://x.example/v1/embeddings", {"a": "b"}, bodies[0], others=bodies[1:])


def batches(plain: Plain) -> BatchTransport:
    return BatchTransport(plain, lambda: plain.now_s)


async def test_a_request_in_one_part_goes_as_it_is() -> None:
    plain = Plain(Answered(200, b"{}"))
    response = await batches(plain).send(asked(b"1"), Timeouts(total_s=9.0))
    assert response is plain.answers[0]
    assert plain.sent == [(b"1", 9.0)]


async def test_parts_are_sent_in_order_within_one_time_and_answered_together() -> None:
    plain = Plain(Answered(200, b'{"a":1}'), Answered(200, b'{"b":2}'), Answered(201, b"[]"))
    response = await batches(plain).send(asked(b"1", b"2", b"3"), Timeouts(total_s=9.0))
    assert json.loads(await response.read()) == [{"a": 1}, {"b": 2}, []]
    assert b"".join([piece async for piece in response.chunks()]) == await response.read()
    assert (response.status, response.headers["content-type"]) == (201, "application/json")
    assert plain.sent == [(b"1", 9.0), (b"2", 8.0), (b"3", 7.0)]
    assert all(answer.is_closed for answer in plain.answers)
    response.progressed()
    response.wind_up(1.0)
    await response.close()


async def test_the_first_failure_is_the_answer_to_all() -> None:
    plain = Plain(Answered(200, b"{}"), Answered(429, b"slow down"), Answered(200, b"{}"))
    response = await batches(plain).send(asked(b"1", b"2", b"3"), Timeouts())
    assert (response.status, await response.read()) == (429, b"slow down")
    assert len(plain.sent) == 2


async def test_a_part_that_breaks_breaks_all() -> None:
    plain = Plain(Answered(200, b"broken"), Answered(200, b"{}"))
    with pytest.raises(UpstreamReset):
        await batches(plain).send(asked(b"1", b"2"), Timeouts())
    assert plain.answers[0].is_closed


async def test_a_time_that_is_up_between_parts_is_the_providers() -> None:
    plain = Plain(Answered(200, b"{}"), Answered(200, b"{}"))
    with pytest.raises(UpstreamTimeout):
        await batches(plain).send(asked(b"1", b"2"), Timeouts(total_s=1.0))
    assert len(plain.sent) == 1


async def test_closing_closes_what_it_sends_by() -> None:
    plain = Plain()
    await batches(plain).close()
    assert plain.is_closed
