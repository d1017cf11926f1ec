"""Chunks of a body that are handed on as they stand: when, and that they count as what is read."""

import asyncio

import pytest

from server.chat.wire import Timeouts
from server.errors import UpstreamBadResponse, UpstreamTimeout
from server.upstream.head import NO_HEAD
from tests.unit.server import virtual_time
from tests.unit.server.upstream.test_response import Taker, Wire, answering


async def test_a_chunk_behind_a_chunk_is_carried_as_it_stands() -> None:
    response = answering(Wire(), Timeouts(), 6)
    response.begin(200, NO_HEAD)
    taker, carried, answers = Taker(), [], iter([True, False, True, True])

    def carry(chunk: bytes, around_bytes: int) -> bool:
        carried.append((chunk, around_bytes))
        return next(answers)

    pushing = asyncio.ensure_future(response.push(taker.take, carry))
    await asyncio.sleep(0)
    for raw, carries in ((b"1\r\na", False), (b"01\r\na\r\n", False), (b"1\r\na\r\n", True)):
        assert response.hand_on([b"a"], raw)
        assert response.carries is carries
    assert response.carried(b"1\r\nb\r\n")
    assert not response.carried(b"1\r\nc\r\n")
    assert response.carried(b"1\r\nd\r\n")
    assert not response.carried(b"2\r\nef\r\n")  # more than a body may have
    assert carried == [(b"1\r\n%b\r\n" % text, 5) for text in (b"b", b"c", b"d")]
    pushing.cancel()
    assert not response.carried(b"1\r\ne\r\n")
    with pytest.raises(asyncio.CancelledError):
        await pushing
    assert not response.carries


@pytest.mark.parametrize("ends", ["complete", "fail", "pieces apart"])
async def test_nothing_is_carried_once_something_else_has_come(ends: str) -> None:
    response = answering(Wire(), Timeouts(), 100)
    response.begin(200, NO_HEAD)
    pushing = asyncio.ensure_future(response.push(lambda _: True, lambda *_: True))
    await asyncio.sleep(0)
    assert response.hand_on([b"a"], b"1\r\na\r\n")
    assert response.carries
    if ends == "complete":
        response.complete([])
    elif ends == "fail":
        response.fail(UpstreamBadResponse("x"))
    else:
        assert response.hand_on([b"a", b"b"], b"1\r\na\r\n1\r\nb\r\n")
    assert not response.carries
    pushing.cancel()
    await asyncio.wait([pushing])


def test_what_is_carried_keeps_a_stream_from_being_silent() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        response = answering(Wire(), Timeouts(idle_s=10.0), 1000)
        response.begin(200, NO_HEAD)
        response.progressed()
        pushing = asyncio.ensure_future(response.push(lambda _: True, lambda *_: True))
        await asyncio.sleep(0)
        assert response.hand_on([b"a"], b"1\r\na\r\n")
        for _ in range(5):
            await asyncio.sleep(7.0)
            assert response.carried(b"1\r\nb\r\n")
        await pushing
        with pytest.raises(UpstreamTimeout):
            await anext(response.chunks())
        return loop.time() - began_s

    assert virtual_time.run(main()) == 45.0
