"""A call whose answer streams: what waits, what goes on at once, and when room is made for more."""

import asyncio
from collections.abc import Sequence

import grpc
import pytest
from perpetuo.v1 import completions_pb2

from edge.tunnel.frames import End
from edge.tunnel.method import Method
from edge.tunnel.stream import StreamCall
from tests.unit.edge.tunnel.lines import Line, method

KIND = completions_pb2.StreamRawChatCompletionResponse
OK = End(1, 0, "", (), ())


def call(line: Line) -> StreamCall:
    return StreamCall(method(is_stream=True), line, b"q", None, None)


def typed(line: Line) -> StreamCall:
    coded = Method("/a/B", (None, KIND.FromString), print, (10_000, 10_000), is_stream=True)
    return StreamCall(coded, line, b"q", None, None)


async def test_responses_come_in_order_and_before_the_end() -> None:
    made = call(Line())
    made.head((("a", "b"),))
    for number in range(3):
        made.piece(b"%d" % number, True)
    made.take_end(OK)
    assert [message async for message in made] == [b"0", b"1", b"2"]
    assert list(await made.initial_metadata()) == [("a", "b")]


async def test_a_stream_that_breaks_gives_what_came_before() -> None:
    made = call(Line())
    made.piece(b"x", True)
    made.break_off()
    assert await anext(made) == b"x"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await anext(made)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_room_is_made_as_responses_are_read() -> None:
    line = Line()
    made = call(line)
    for _ in range(3):
        made.piece(b"x" * 600, True)
    assert line.sent == []
    assert (await anext(made), line.sent) == (b"x" * 600, [])
    await anext(made)
    assert line.sent == [(2, 1, 1264)]


async def test_a_large_response_gets_room_only_when_all_before_it_were_read() -> None:
    line = Line()
    made = call(line)
    made.piece(b"x", True)
    made.piece(b"y" * 1000, False)
    assert line.sent == []
    await anext(made)
    assert line.sent == [(2, 1, 1065)]
    made.piece(b"y" * 1000, False)
    assert line.sent == [(2, 1, 1065), (2, 1, 1032)]
    made.piece(b"y", True)
    assert await anext(made) == b"y" * 2001


async def test_a_list_goes_on_at_once_to_who_takes_it() -> None:
    line, taken = Line(), []

    def take(entries: Sequence[bytes]) -> bool:
        taken.append(list(entries))
        return True

    made = typed(line)
    made.hand_to(take)
    made.take_entries([b"early"])
    assert await anext(made) == KIND(events=[b"early"])
    reading = asyncio.ensure_future(anext(made))
    await asyncio.sleep(0)
    made.take_entries([b"a", b"b" * 1000])
    assert (taken, reading.done(), line.sent) == ([[b"a", b"b" * 1000]], False, [(2, 1, 1102)])
    made.take_end(OK)
    with pytest.raises(StopAsyncIteration):
        await reading


async def test_a_list_that_is_not_taken_is_read_in_its_place() -> None:
    made = typed(Line())
    made.hand_to(lambda entries: False)
    reading = asyncio.ensure_future(anext(made))
    await asyncio.sleep(0)
    made.take_entries([b"a"])
    made.take_entries([b"b"])
    assert await reading == KIND(events=[b"a"])
    assert await anext(made) == KIND(events=[b"b"])


async def test_who_leaves_gets_nothing_more() -> None:
    line = Line()
    made = call(line)
    made.piece(b"x", True)
    reading = asyncio.ensure_future(made.read())
    await reading
    made.cancel()
    with pytest.raises(asyncio.CancelledError):
        await made.read()
    assert line.sent == [(1, 1)]


async def test_reading_and_iterating_are_not_mixed() -> None:
    made = call(Line())
    made.piece(b"x", True)
    made.take_end(OK)
    assert (await made.read(), await made.read()) == (b"x", grpc.aio.EOF)
    with pytest.raises(grpc.aio.UsageError):
        aiter(made)
