"""A call of a tunnel on the core's side: what goes out of it, in which pieces, and for how much credit."""

import asyncio
from typing import Any

import grpc
import pytest

from server.inprocess.payload import Sealed
from server.inprocess.rpc import Limits, Outcome
from server.tunnel.call import Outlet, TunnelRpc
from server.tunnel.frames import (
    ANSWER,
    END,
    EVENTS,
    HEAD,
    PIECE,
    PIECE_BYTES,
    PIECE_COST_BYTES,
    WINDOW_BYTES,
    Begin,
    Frame,
)

LIMITS = Limits()
OK = Outcome(grpc.StatusCode.OK, "", (("t", "u"),))


class Way:
    """Keeps what is sent. Full as a test says."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.is_full = False
        self.sent: list[Frame] = []
        self.waiting: list[Outlet] = []
        self.closed: list[int] = []

    def send(self, frame: Frame) -> None:
        self.sent.append(frame)

    def resume_later(self, outlet: Outlet) -> None:
        self.waiting.append(outlet)

    def close(self, call_id: int) -> None:
        self.closed.append(call_id)

    def kinds(self) -> list[int]:
        return [frame[0] for frame in self.sent]


def sealed(size_bytes: int) -> Sealed:
    return Sealed(None, b"x" * size_bytes, size_bytes)


def rpc(way: Way, *, is_stream: bool) -> TunnelRpc:
    return TunnelRpc(way, Begin(3, "/a/B", is_stream, (), b""), LIMITS)


async def test_an_answer_is_one_frame_with_its_metadata() -> None:
    way = Way()
    made = rpc(way, is_stream=False)
    made.send_initial_metadata((("a", "b"),))
    made.response = sealed(10)
    made.finish(OK)
    assert way.sent == [(ANSWER, 3, (("a", "b"),), b"x" * 10, (("t", "u"),))]
    assert way.closed == [3]


async def test_a_failure_is_one_frame() -> None:
    way = Way()
    rpc(way, is_stream=False).finish(Outcome(grpc.StatusCode.NOT_FOUND, "none", (("d-bin", b"x"),)))
    assert way.sent == [(END, 3, 5, "none", (), (("d-bin", b"x"),))]


async def test_a_large_answer_goes_in_pieces_as_credit_comes() -> None:
    way = Way()
    made = rpc(way, is_stream=False)
    made.response = sealed(3 * WINDOW_BYTES)
    made.finish(OK)
    assert sum(len(frame[2]) for frame in way.sent) <= WINDOW_BYTES
    assert way.closed == []
    assert made.outlet is not None
    while not way.closed:
        made.outlet.grant(PIECE_BYTES)
    assert set(way.kinds()[:-1]) == {PIECE}
    assert b"".join(frame[2] for frame in way.sent[:-1]) == b"x" * 3 * WINDOW_BYTES
    assert [frame[3] for frame in way.sent[:-1]] == [False] * (len(way.sent) - 2) + [True]
    assert way.sent[-1] == (END, 3, 0, "", (), (("t", "u"),))


async def test_a_stream_has_its_head_before_its_messages_and_its_status_after_them() -> None:
    way = Way()
    made = rpc(way, is_stream=True)
    made.send_initial_metadata((("a", "b"),))
    assert made.responses is not None
    assert await made.responses.put(sealed(0))
    assert await made.responses.put(sealed(5))
    made.finish(OK)
    assert way.sent == [
        (HEAD, 3, (("a", "b"),)),
        (PIECE, 3, b"", True),
        (PIECE, 3, b"xxxxx", True),
        (END, 3, 0, "", (), (("t", "u"),)),
    ]


async def test_a_writer_waits_without_credit_and_the_status_waits_for_what_was_written() -> None:
    way = Way()
    made = rpc(way, is_stream=True)
    outlet = made.outlet
    assert outlet is not None
    assert await outlet.put(sealed(WINDOW_BYTES - PIECE_COST_BYTES))
    assert await outlet.put(sealed(WINDOW_BYTES))
    third = asyncio.ensure_future(outlet.put(sealed(1)))
    await asyncio.sleep(0)
    assert not third.done()
    outlet.grant(2 * WINDOW_BYTES)
    assert await third
    assert await outlet.put(sealed(2 * WINDOW_BYTES))
    made.finish(OK)
    assert END not in way.kinds()
    outlet.grant(4 * WINDOW_BYTES)
    assert way.kinds()[-1] == END
    assert sum(len(frame[2]) for frame in way.sent[:-1]) == 4 * WINDOW_BYTES + 1 - PIECE_COST_BYTES


async def test_a_list_goes_at_once_or_not_at_all() -> None:
    way = Way()
    outlet = Outlet(way, 3, lambda: None)
    assert outlet.push([b"a", b"b"])
    assert way.sent == [(EVENTS, 3, [b"a", b"b"])]
    assert not outlet.push([b"x" * WINDOW_BYTES])
    way.is_full = True
    assert not outlet.push([b"c"])
    way.is_full = False
    outlet.close()
    assert not outlet.push([b"d"])


async def test_a_full_tunnel_is_waited_for() -> None:
    way = Way()
    way.is_full = True
    drained: list[bool] = []
    outlet = Outlet(way, 3, lambda: drained.append(True))
    assert await outlet.put(sealed(5))
    assert (way.sent, way.waiting, drained) == ([], [outlet], [])
    way.is_full = False
    outlet.resume()
    assert (way.sent, drained) == ([(PIECE, 3, b"xxxxx", True)], [True])


@pytest.mark.parametrize("is_stream", [False, True])
async def test_nothing_is_said_to_who_has_left(is_stream: bool) -> None:
    way = Way()
    made = rpc(way, is_stream=is_stream)
    made.leave(Outcome(grpc.StatusCode.CANCELLED))
    made.send_initial_metadata(())
    made.finish(OK)
    assert (way.sent, made.outcome and made.outcome.code) == ([], grpc.StatusCode.CANCELLED)


async def test_a_deadline_ends_a_stream_that_waits_for_credit() -> None:
    way = Way()
    made = rpc(way, is_stream=True)
    assert made.outlet is not None
    assert await made.outlet.put(sealed(2 * WINDOW_BYTES))
    blocked: Any = asyncio.ensure_future(made.outlet.put(sealed(1)))
    await asyncio.sleep(0)
    made.expire()
    assert await blocked is False
    assert way.sent[-1][:3] == (END, 3, grpc.StatusCode.DEADLINE_EXCEEDED.value[0])
