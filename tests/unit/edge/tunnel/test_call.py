"""A call of one response: what the tunnel tells of it, and what its caller sees. Whole tunnels: `tests/contract`."""

import asyncio
from typing import Any

import grpc
import pytest

from edge.tunnel.call import UnaryCall
from edge.tunnel.frames import Answer, End
from tests.unit.edge.tunnel.lines import Line, method

PAIRS = (("x-request-id", "req_1"),)


class Plain:
    """A call that was made the plain way."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.args, self.options = args, options
        self.is_cancelled = False

    def __await__(self) -> Any:
        return self._answer().__await__()

    async def _answer(self) -> bytes:
        return b"plain"

    async def initial_metadata(self) -> Any:
        return PAIRS

    async def trailing_metadata(self) -> Any:
        return ()

    async def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.OK

    def cancel(self) -> bool:
        self.is_cancelled = True
        return True


def call(line: Line | None, timeout_s: float | None = None, **options: Any) -> UnaryCall:
    return UnaryCall(method(is_stream=False, **options), line, b"q", (("a", "b"),), timeout_s)


async def test_an_answer_ends_it_with_metadata() -> None:
    made = call(Line())
    assert not made.done()
    made.answer(Answer(1, PAIRS, b"x", (("t", "u"),)))
    assert await made == b"x"
    assert made.received_metadata == (PAIRS, (("t", "u"),))
    assert (await made.code(), made.done(), made.cancel()) == (grpc.StatusCode.OK, True, False)
    assert list(await made.trailing_metadata()) == [("t", "u")]


async def test_pieces_make_one_answer_and_room_for_the_next() -> None:
    line = Line()
    made = call(line)
    for number in range(4):
        made.piece(b"%d" % number * 600, number == 3)
    made.take_end(End(1, 0, "", PAIRS, ()))
    assert await made == b"".join(b"%d" % number * 600 for number in range(4))
    assert line.sent == [(2, 1, 1264)]


async def test_an_answer_in_pieces_that_is_too_large_is_given_up() -> None:
    line = Line()
    made = call(line, limits_bytes=(100, 100))
    made.piece(b"x" * 80, False)
    made.piece(b"x" * 80, False)
    assert (await made.code(), line.sent) == (grpc.StatusCode.RESOURCE_EXHAUSTED, [(1, 1)])


async def test_a_status_is_raised_with_all_that_came() -> None:
    made = call(Line())
    made.take_end(End(1, 8, "too many", PAIRS, (("grpc-status-details-bin", b"raw"),)))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await made
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "too many")
    assert list(caught.value.trailing_metadata() or ()) == [("grpc-status-details-bin", b"raw")]
    assert list(caught.value.initial_metadata() or ()) == list(PAIRS)


async def test_cancelling_tells_the_core_once() -> None:
    line = Line()
    made = call(line)
    assert (made.cancel(), made.cancel(), made.cancelled()) == (True, False, True)
    assert line.sent == [(1, 1)]
    with pytest.raises(asyncio.CancelledError):
        await made


async def test_cancelling_who_waits_cancels_the_call() -> None:
    line = Line()
    made = call(line)
    waiting = asyncio.ensure_future(made._run())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert (waiting.cancelled(), line.sent) == (True, [(1, 1)])


async def test_its_time_runs_out_without_the_core() -> None:
    line = Line()
    assert await call(line, 0.001).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert line.sent == [(1, 1)]
    assert await call(line, 0.0).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert len(line.begun) == 1


async def test_a_tunnel_that_breaks_is_a_core_that_is_away() -> None:
    made = call(Line())
    made.break_off()
    assert await made.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("has_tunnel", [True, False], ids=["refused by the core", "without a tunnel"])
async def test_a_call_goes_the_plain_way(has_tunnel: bool) -> None:
    plain: list[Plain] = []

    def make(*args: Any, **options: Any) -> Plain:
        plain.append(Plain(*args, **options))
        return plain[-1]

    made = call(Line() if has_tunnel else None, 5.0, plain=make)
    waiting = asyncio.ensure_future(made._run())
    await asyncio.sleep(0)
    if has_tunnel:
        made.go_plain()
    assert await waiting == b"plain"
    assert made.received_metadata == (PAIRS, ())
    assert await made.code() is grpc.StatusCode.OK
    assert plain[0].args == (b"q",)
    assert 4.0 < plain[0].options["timeout"] <= 5.0
    assert (made.cancel(), plain[0].is_cancelled) == (True, True)


async def test_a_channel_that_is_closed_makes_no_plain_call() -> None:
    def refuse(*args: Any, **options: Any) -> None:
        raise grpc.aio.UsageError("closed")

    made = call(Line(), plain=refuse)
    made.go_plain()
    assert await made.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_request_that_is_too_large_is_not_sent() -> None:
    line = Line()
    made = call(line, limits_bytes=(0, 100))
    assert (await made.code(), line.begun) == (grpc.StatusCode.RESOURCE_EXHAUSTED, [])
