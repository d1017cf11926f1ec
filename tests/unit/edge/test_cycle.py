"""Responses as they go over the connection: what is written, in how many pieces, and what is refused."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest

from edge.cycle import Cycle, cycle_of


class Transport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.write = self.write_now = self.written.append
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed


class Flow:
    """A connection that takes everything, or nothing until it is drained."""

    def __init__(self) -> None:
        self.read_paused = self.write_paused = False
        self.drained = asyncio.Event()
        self.resumed_count = 0

    async def drain(self) -> None:
        await self.drained.wait()

    def resume_reading(self) -> None:
        self.resumed_count += 1


@dataclass
class Connection:
    """A cycle and what is around it."""

    method: str = "POST"
    keep_alive: bool = True
    expect: bool = False
    transport: Transport = field(default_factory=Transport)
    flow: Flow = field(default_factory=Flow)
    completed_count: int = 0

    def __post_init__(self) -> None:
        self.cycle = Cycle(
            {"type": "http", "method": self.method},
            cast(asyncio.Transport, self.transport),  # type: ignore[arg-type]  # all that is needed of an outlet
            self.flow,
            self._completed,
            keep_alive=self.keep_alive,
            expect_100_continue=self.expect,
        )

    def _completed(self) -> None:
        self.completed_count += 1

    async def start(self, *headers: tuple[bytes, bytes], status: int = 200) -> None:
        await self.cycle.send({"type": "http.response.start", "status": status, "headers": list(headers)})

    async def body(self, data: bytes = b"", *, more: bool = False) -> None:
        await self.cycle.send({"type": "http.response.body", "body": data, "more_body": more})


LENGTH_2 = (b"content-length", b"2")


async def test_a_whole_response_is_one_write() -> None:
    connection = Connection()
    await connection.start((b"x", b"y"), LENGTH_2)
    await connection.body(b"ok")
    assert connection.transport.written == [b"HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: 2\r\n\r\nok"]
    assert connection.completed_count == 1
    assert not connection.transport.is_closed
    await asyncio.sleep(0)
    assert len(connection.transport.written) == 1


async def test_a_large_body_is_written_as_it_is_and_not_copied() -> None:
    connection, body = Connection(), b"x" * 100_000
    await connection.start((b"content-length", b"100000"))
    await connection.body(body)
    head, written = connection.transport.written
    assert head.endswith(b"\r\n\r\n")
    assert written is body
    await asyncio.sleep(0)
    assert len(connection.transport.written) == 2


async def test_a_head_with_nothing_after_it_goes_out_at_once() -> None:
    connection = Connection()
    await connection.start((b"content-type", b"text/event-stream"))
    await asyncio.sleep(0)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    assert connection.transport.written == [head]
    await connection.body(b"data", more=True)
    await connection.body(more=True)
    await connection.body()
    assert connection.transport.written[1:] == [b"4\r\ndata\r\n", b"0\r\n\r\n"]
    assert connection.completed_count == 1


async def test_the_last_piece_of_a_chunked_body_ends_it() -> None:
    connection = Connection()
    await connection.start()
    await connection.body(b"abc")
    assert connection.transport.written == [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    ]


@pytest.mark.parametrize(
    ("method", "status", "headers", "body", "written"),
    [
        pytest.param(
            "HEAD", 200, [LENGTH_2], b"ok", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", id="HEAD has no body"
        ),
        pytest.param("GET", 204, [], b"", b"HTTP/1.1 204 No Content\r\n\r\n", id="204 has neither length nor chunks"),
        pytest.param(
            "GET", 299, [LENGTH_2], b"ok", b"HTTP/1.1 299 \r\ncontent-length: 2\r\n\r\nok", id="a status without a name"
        ),
    ],
)
async def test_responses_without_the_usual_body(
    method: str, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes, written: bytes
) -> None:
    connection = Connection(method)
    await connection.start(*headers, status=status)
    await connection.body(body)
    assert b"".join(connection.transport.written) == written
    assert connection.completed_count == 1


@pytest.mark.parametrize("headers", [[], [(b"connection", b"close")]], ids=["the client said so", "the answer said so"])
async def test_the_connection_closes_after_the_response(headers: list[tuple[bytes, bytes]]) -> None:
    connection = Connection(keep_alive=bool(headers))
    await connection.start(LENGTH_2, *headers)
    await connection.body(b"ok")
    assert connection.transport.written[0].count(b"connection: close\r\n") == 1
    assert connection.transport.is_closed


@pytest.mark.parametrize(
    "header",
    [
        pytest.param((b"x", b"a\r\nset-cookie: b"), id="a line break in a value"),
        pytest.param((b"x", b"a\nb"), id="a bare line feed"),
        pytest.param((b"x", b"a\rb"), id="a bare carriage return"),
        pytest.param((b"x\r\ny", b"a"), id="a line break in a name"),
        pytest.param((b"x", b"a\0"), id="a NUL"),
    ],
)
async def test_a_header_that_would_become_another_is_refused_before_anything_is_written(
    header: tuple[bytes, bytes],
) -> None:
    connection = Connection()
    with pytest.raises(RuntimeError, match="no header may hold"):
        await connection.start(header)
    await asyncio.sleep(0)
    assert connection.transport.written == []
    assert not connection.cycle.response_started


@pytest.mark.parametrize(
    ("pieces", "said"),
    [([b"too long"], "longer"), ([b"o"], "shorter"), ([b"o", b"kk"], "longer")],
    ids=["at once", "too short", "in pieces"],
)
async def test_a_body_of_another_length_than_declared_is_a_defect(pieces: list[bytes], said: str) -> None:
    connection = Connection()
    await connection.start(LENGTH_2)
    with pytest.raises(RuntimeError, match=said):
        for number, piece in enumerate(pieces, start=1):
            await connection.body(piece, more=number < len(pieces))


async def test_messages_out_of_order_are_a_defect() -> None:
    connection = Connection()
    with pytest.raises(RuntimeError, match="before the response was started"):
        await connection.body(b"ok")
    await connection.start(LENGTH_2)
    with pytest.raises(RuntimeError, match="does not belong"):
        await connection.start(LENGTH_2)
    await connection.body(b"ok")
    with pytest.raises(RuntimeError, match="does not belong"):
        await connection.body(b"ok")


async def test_an_application_that_fails_before_its_response_is_answered_500() -> None:
    connection = Connection()
    await connection.cycle.fail(ValueError("no"))
    assert b"".join(connection.transport.written).startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert connection.transport.is_closed


async def test_an_application_that_leaves_its_response_unfinished_loses_the_connection() -> None:
    connection = Connection()
    await connection.start()
    await connection.cycle.conclude()
    assert b"".join(connection.transport.written).startswith(b"HTTP/1.1 200 OK\r\n")
    assert connection.transport.is_closed
    assert connection.completed_count == 0


async def test_a_body_is_received_as_it_comes_and_then_the_end_of_the_connection() -> None:
    connection = Connection(expect=True)
    cycle = connection.cycle
    receiving = asyncio.ensure_future(cycle.receive())
    await asyncio.sleep(0)
    assert connection.transport.written == [b"HTTP/1.1 100 Continue\r\n\r\n"]
    cycle.body += b"ab"
    cycle.tell()
    assert await receiving == {"type": "http.request", "body": b"ab", "more_body": True}
    cycle.more_body = False
    cycle.tell()
    assert await cycle.receive() == {"type": "http.request", "body": b"", "more_body": False}
    cycle.disconnected = True
    cycle.tell()
    assert await cycle.receive() == {"type": "http.disconnect"}
    await connection.start(LENGTH_2)
    await connection.body(b"ok")
    assert len(connection.transport.written) == 1


async def test_a_writer_waits_for_a_reader_that_is_behind() -> None:
    connection = Connection()
    await connection.start()
    connection.flow.write_paused = True
    writing = asyncio.ensure_future(connection.body(b"late", more=True))
    await asyncio.sleep(0)
    assert not writing.done()
    connection.flow.drained.set()
    await writing
    assert connection.transport.written[-1].endswith(b"4\r\nlate\r\n")


async def test_who_leaves_after_the_response_has_not_departed() -> None:
    connection, told = Connection(), list[str]()
    connection.flow.read_paused = True
    connection.cycle.watch(lambda: told.append("gone"))
    assert connection.flow.resumed_count == 1
    await connection.start(LENGTH_2)
    await connection.body(b"ok")
    connection.cycle.depart()
    assert (connection.cycle.disconnected, told) == (False, [])


@pytest.mark.parametrize(
    ("method", "keep_alive", "written"),
    [
        ("POST", True, b"HTTP/1.1 200 OK\r\na: 1\r\ncontent-length: 4\r\n\r\nbody"),
        ("HEAD", True, b"HTTP/1.1 200 OK\r\na: 1\r\ncontent-length: 4\r\n\r\n"),
        ("POST", False, b"HTTP/1.1 200 OK\r\na: 1\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbody"),
    ],
    ids=["as it is", "without its body", "the last on its connection"],
)
async def test_a_response_that_is_sent_whole_is_one_write(method: str, keep_alive: bool, written: bytes) -> None:
    connection = Connection(method=method, keep_alive=keep_alive)
    await connection.cycle.answer(200, b"a: 1\r\n", b"body")
    assert connection.transport.written == [written]
    assert (connection.cycle.response_complete, connection.completed_count) == (True, 1)
    assert connection.transport.is_closed is not keep_alive


async def test_a_whole_response_waits_until_the_connection_takes_more() -> None:
    connection = Connection()
    connection.flow.write_paused = True
    answering = asyncio.ensure_future(connection.cycle.answer(200, b"", b"body"))
    await asyncio.sleep(0)
    assert connection.transport.written == []
    connection.flow.drained.set()
    await answering
    assert len(connection.transport.written) == 1


async def test_nobody_is_answered_who_has_left_or_twice() -> None:
    gone, answered = Connection(), Connection()
    gone.cycle.disconnected = True
    await gone.cycle.answer(200, b"", b"body")
    assert gone.transport.written == []
    await answered.cycle.answer(200, b"", b"body")
    with pytest.raises(RuntimeError, match="after another"):
        await answered.cycle.answer(200, b"", b"body")


async def test_a_body_that_has_come_is_taken_once() -> None:
    cycle = Connection().cycle
    cycle.body += b"first"
    assert cycle.take_body() is None
    cycle.body += b" last"
    cycle.more_body = False
    assert (cycle.take_body(), cycle.take_body()) == (b"first last", None)


async def test_of_a_body_that_is_received_nothing_is_left_to_take() -> None:
    cycle = Connection().cycle
    cycle.body += b"first"
    cycle.tell()
    assert (await cycle.receive())["body"] == b"first"
    cycle.body += b" last"
    cycle.more_body = False
    assert cycle.take_body() is None


async def test_pieces_can_be_pushed_once_the_head_is_out() -> None:
    connection = Connection()
    assert not connection.cycle.push(b"early")
    await connection.start()
    assert not connection.cycle.push(b"before the head")
    await connection.body(b"a", more=True)
    assert connection.cycle.push(b"pushed")
    await connection.body(b"b")
    assert b"".join(connection.transport.written).endswith(b"1\r\na\r\n6\r\npushed\r\n1\r\nb\r\n0\r\n\r\n")
    assert not connection.cycle.push(b"late")


async def test_nothing_is_pushed_to_a_connection_that_takes_nothing() -> None:
    connection = Connection()
    await connection.start()
    await connection.body(b"a", more=True)
    connection.flow.write_paused = True
    assert not connection.cycle.push(b"x")
    connection.flow.write_paused = False
    connection.cycle.depart()
    assert not connection.cycle.push(b"x")
    assert len(connection.transport.written) == 1


async def test_a_body_whose_length_was_told_is_not_pushed() -> None:
    connection = Connection()
    await connection.start(LENGTH_2)
    await connection.body(b"a", more=True)
    assert not connection.cycle.push(b"b")


async def test_the_cycle_of_a_request_is_found_by_what_it_receives_with() -> None:
    connection = Connection()
    assert cycle_of(connection.cycle.receive) is connection.cycle
    assert cycle_of(lambda: None) is None


@pytest.mark.parametrize(
    ("method", "keep_alive", "written"),
    [
        ("POST", True, b"HTTP/1.1 200 OK\r\na: 1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"),
        ("HEAD", True, b"HTTP/1.1 200 OK\r\na: 1\r\n\r\n"),
        (
            "POST",
            False,
            b"HTTP/1.1 200 OK\r\na: 1\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        ),
    ],
    ids=["as it is", "without its body", "the last on its connection"],
)
async def test_the_head_of_a_stream_goes_out_with_its_first_piece(
    method: str, keep_alive: bool, written: bytes
) -> None:
    connection, told = Connection(method=method, keep_alive=keep_alive), Connection(method=method)
    headers = [(b"a", b"1"), *([] if keep_alive else [(b"connection", b"close")])]
    await connection.cycle.open(b"a: 1\r\n")
    await told.start(*headers)
    for each in (connection, told):
        await each.body(b"ab", more=True)
        assert len(each.transport.written) == 1
        await each.body()
        assert b"".join(each.transport.written) == written
    assert connection.transport.is_closed is not keep_alive


async def test_a_stream_is_opened_once_the_connection_takes_more_and_not_for_who_has_left_or_after_an_answer() -> None:
    gone, answered, slow = Connection(), Connection(), Connection()
    slow.flow.write_paused = gone.cycle.disconnected = True
    opening = asyncio.ensure_future(slow.cycle.open(b""))
    await asyncio.sleep(0)
    assert not slow.cycle.response_started
    slow.flow.drained.set()
    await opening
    assert slow.cycle.response_started
    await gone.cycle.open(b"")
    assert not gone.cycle.response_started
    await answered.cycle.answer(200, b"", b"body")
    with pytest.raises(RuntimeError, match="after another"):
        await answered.cycle.open(b"")
