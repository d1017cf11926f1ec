"""A streamed response that is written by the call which brings its events."""

import asyncio
from typing import Any

import pytest

from edge.cycle import Cycle
from edge.sse import NDJSON, SSE_DONE, SSE_NAMED, Framing
from edge.stream_lane import DirectWriter

ID = "req_1"


class Connection:
    """Transport and flow of a connection in one; keeps what is written, in pieces."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.read_paused = self.write_paused = False
        self.has_room = asyncio.Event()

    def write(self, data: bytes) -> None:
        self.pieces.append(data)

    write_now = write

    def close(self) -> None:
        self.pieces.append(b"(closed)")

    async def drain(self) -> None:
        await self.has_room.wait()

    def resume_reading(self) -> None:
        """As it is."""


class Head:
    """Initial metadata."""

    announced = None
    request_id = ID

    def __init__(self, *, is_text: bool = True) -> None:
        self.names: tuple[str, ...] = ("x-request-id", "x-a")
        self.values: Any = (ID, "b")
        self.is_text = is_text

    @property
    def metadata(self) -> Any:
        return tuple(zip(self.names, self.values, strict=True))


def begun(connection: Any, *, keep_alive: bool = True) -> tuple[Cycle, DirectWriter]:
    scope = {"method": "POST"}
    cycle = Cycle(scope, connection, connection, lambda: None, keep_alive=keep_alive, expect_100_continue=False)
    return cycle, DirectWriter(cycle, SSE_DONE, 60.0)


@pytest.mark.parametrize("is_text", [True, False], ids=["text", "looked at one by one"])
@pytest.mark.parametrize("keep_alive", [True, False])
async def test_head_and_first_events_are_one_piece_and_what_follows_is_pushed(is_text: bool, keep_alive: bool) -> None:
    connection = Connection()
    _, writer = begun(connection, keep_alive=keep_alive)
    assert not writer.push([b"{}"])
    assert (writer.is_open, writer.request_id) == (False, "")
    await writer.begin(Head(is_text=is_text), [b"1", b"2"], 100)
    assert (writer.is_open, writer.request_id) == (True, ID)
    assert writer.push([b"3"])
    await writer.finish()
    head, _, first = connection.pieces[0].partition(b"\r\n\r\n")
    assert first == b"12\r\ndata: 1\n\ndata: 2\n\n\r\n"
    assert connection.pieces[1:3] == [b"9\r\ndata: 3\n\n\r\n", b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"]
    assert connection.pieces[3:] == ([] if keep_alive else [b"(closed)"])
    close = [] if keep_alive else [b"connection: close"]
    assert sorted(head.split(b"\r\n")[1:]) == sorted(
        [
            b"x-request-id: req_1",
            b"request-id: req_1",
            b"grpc-metadata-x-a: b",
            b"content-type: text/event-stream; charset=utf-8",
            b"cache-control: no-cache",
            b"x-accel-buffering: no",
            b"x-content-type-options: nosniff",
            b"transfer-encoding: chunked",
            *close,
        ]
    )
    assert writer.events == 3


async def test_nothing_is_sent_while_the_connection_takes_nothing() -> None:
    connection = Connection()
    connection.write_paused = True
    _, writer = begun(connection)
    beginning = asyncio.ensure_future(writer.begin(Head(), [b"1"], 100))
    await asyncio.sleep(0)
    assert connection.pieces == []
    connection.has_room.set()
    await beginning
    assert len(connection.pieces) == 1
    assert not writer.push([b"2"])
    connection.has_room.clear()
    taking = asyncio.ensure_future(writer.take([b"2"]))
    await asyncio.sleep(0)
    connection.write_paused = False
    assert len(connection.pieces) == 1
    assert not writer.push([b"3"])  # not before what waits
    connection.has_room.set()
    await taking
    assert writer.push([b"3"])
    writer.stop()


async def test_what_is_too_much_for_a_message_is_not_pushed() -> None:
    connection = Connection()
    _, writer = begun(connection)
    await writer.begin(Head(), [b"1"], 40)
    assert not writer.push([b"x" * 30])
    assert writer.push([b"x" * 20])
    assert not writer.push([b"x"] * 4)
    writer.stop()


async def test_a_client_that_has_gone_is_sent_nothing() -> None:
    connection = Connection()
    cycle, writer = begun(connection)
    cycle.disconnected = True
    await writer.begin(Head(), [b"1"], 40)
    assert not writer.push([b"2"])
    await writer.finish()
    assert connection.pieces == []


async def test_a_response_is_opened_once() -> None:
    _, writer = begun(Connection())
    await writer.begin(Head(), [b"1"], 40)
    with pytest.raises(RuntimeError, match="after another"):
        await writer.begin(Head(), [b"1"], 40)
    writer.stop()


EVENT = b'1f\r\ndata: {"text":"some or other"}\n\n\r\n'


async def test_a_chunk_that_is_an_event_is_sent_as_it_stands() -> None:
    connection = Connection()
    cycle, writer = begun(connection)
    pass_on = writer.pass_on
    assert pass_on is not None
    assert not pass_on(EVENT)  # nothing has begun
    await writer.begin(Head(), [b"1"], 100)
    assert pass_on(EVENT)
    assert (connection.pieces[1:], writer.events) == ([EVENT], 2)
    assert not pass_on(b"x" * 101)
    connection.write_paused = True
    assert not pass_on(EVENT)
    connection.write_paused = False
    cycle.disconnected = True
    assert not pass_on(EVENT)
    cycle.disconnected = False
    await writer.finish()
    assert not pass_on(EVENT)
    assert connection.pieces[1] == EVENT
    assert writer.events == 2


async def test_no_chunk_overtakes_what_waits() -> None:
    connection = Connection()
    _, writer = begun(connection)
    await writer.begin(Head(), [b"1"], 100)
    connection.write_paused = True
    taking = asyncio.ensure_future(writer.take([b"2"]))
    await asyncio.sleep(0)
    connection.write_paused = False
    assert writer.pass_on is not None
    assert not writer.pass_on(EVENT)
    connection.has_room.set()
    await taking
    assert writer.pass_on(EVENT)
    writer.stop()


async def test_where_each_header_is_looked_at_no_chunk_is_taken() -> None:
    _, writer = begun(Connection())
    await writer.begin(Head(is_text=False), [b"1"], 100)
    assert writer.pass_on is not None
    assert not writer.pass_on(EVENT)
    writer.stop()


@pytest.mark.parametrize(("framing", "is_bare"), [(SSE_DONE, True), (SSE_NAMED, False), (NDJSON, False)])
async def test_chunks_are_taken_where_an_event_is_a_line_of_data(framing: Framing, is_bare: bool) -> None:
    cycle, _ = begun(Connection())
    assert (DirectWriter(cycle, framing, 60.0).pass_on is not None) is is_bare
