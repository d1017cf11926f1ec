"""Framings, and the writer of a stream without a server."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
from perpetuo.rest.v1 import annotations_pb2 as rest_options

from edge.sse import NDJSON, SSE_DONE, SSE_NAMED, Framing, StreamWriter, framing_of


class Connection:
    """Keeps what is sent; can be made to block, as a client that does not read."""

    def __init__(self) -> None:
        self.messages: list[MutableMapping[str, Any]] = []
        self.sent = asyncio.Event()
        self.takes_more = asyncio.Event()
        self.takes_more.set()

    async def send(self, message: MutableMapping[str, Any]) -> None:
        await self.takes_more.wait()
        self.messages.append(message)
        self.sent.set()

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    async def until(self, body: bytes) -> None:
        async with asyncio.timeout(60):
            while self.body != body:
                self.sent.clear()
                await self.sent.wait()


@pytest.mark.parametrize(
    ("event", "framed", "line"),
    [
        pytest.param(b"{}", b"data: {}\n\n", b"{}\n", id="one line"),
        pytest.param(b'{\n"a":1}', b'data: {\ndata: "a":1}\n\n', b'{ "a":1}\n', id="a newline"),
        pytest.param(b"[1,\r\n2]", b"data: [1,\ndata: 2]\n\n", b"[1, 2]\n", id="a carriage return and a newline"),
        pytest.param(b"[1,\r2]", b"data: [1,\ndata: 2]\n\n", b"[1, 2]\n", id="a carriage return"),
        pytest.param("\u2028".encode(), "data: \u2028\n\n".encode(), "\u2028\n".encode(), id="a line separator"),
    ],
)
def test_an_event_is_framed_whatever_it_holds(event: bytes, framed: bytes, line: bytes) -> None:
    assert SSE_DONE.frame(event) == framed
    assert NDJSON.frame(event) == line


@pytest.mark.parametrize(
    ("event", "name"),
    [
        pytest.param(b'{"type":"ping"}', b"ping", id="the type stands first"),
        pytest.param(b'{"a":1,"type":"response.created"}', b"response.created", id="the type stands later"),
        pytest.param(b'{ "type" : "ping"}', b"ping", id="with blanks"),
        pytest.param(b'{"a":1}', b"error", id="no type"),
        pytest.param(b'{"type":""}', b"error", id="an empty type"),
        pytest.param(b'{"type":"a\\nid: 1"}', b"error", id="a type that is no name"),
    ],
)
def test_a_named_event_has_the_name_of_its_type(event: bytes, name: bytes) -> None:
    assert SSE_NAMED.frame(event) == b"event: " + name + b"\ndata: " + event + b"\n\n"


def test_the_framing_is_what_the_method_declares() -> None:
    assert framing_of(rest_options.FRAMING_SSE_DONE) is SSE_DONE
    assert framing_of(rest_options.FRAMING_SSE_NAMED) is SSE_NAMED
    assert framing_of(rest_options.FRAMING_NDJSON) is framing_of(rest_options.FRAMING_UNSPECIFIED) is NDJSON


async def test_a_stream_has_headers_events_and_an_end() -> None:
    connection = Connection()
    writer = StreamWriter(connection.send, SSE_DONE)
    await writer.open([(b"x-request-id", b"r")])
    await writer.write([b"1"])
    await writer.write([b"2", b"3"])
    await writer.write([])
    await writer.finish()
    start, *pieces = connection.messages
    assert (start["status"], start["headers"][0]) == (200, (b"x-request-id", b"r"))
    assert [piece["body"] for piece in pieces] == [b"data: 1\n\n", b"data: 2\n\ndata: 3\n\n", b"data: [DONE]\n\n"]
    assert [piece["more_body"] for piece in pieces] == [True, True, False]


async def test_a_broken_stream_ends_with_the_error() -> None:
    connection = Connection()
    writer = StreamWriter(connection.send, NDJSON)
    await writer.open([])
    await writer.fail(b'{"error":{}}')
    assert connection.messages[-1] == {"type": "http.response.body", "body": b'{"error":{}}\n', "more_body": False}


async def test_a_broken_body_of_bytes_is_left_unfinished() -> None:
    connection = Connection()
    writer = StreamWriter(connection.send, None)
    await writer.open([])
    await writer.write([b"a", b"b"])
    await writer.fail(b"error")
    assert connection.body == b"ab"
    assert connection.messages[-1]["more_body"] is True


async def test_silence_is_broken_by_comments_until_the_end_and_no_longer() -> None:
    connection = Connection()
    writer = StreamWriter(connection.send, SSE_DONE, heartbeat_s=0.01)
    await writer.open([])
    await connection.until(b": ping\n\n: ping\n\n")
    await writer.finish()
    ended = connection.body
    await asyncio.sleep(0.03)
    assert connection.body == ended


async def test_a_client_that_does_not_read_is_sent_no_comments() -> None:
    connection = Connection()
    writer = StreamWriter(connection.send, SSE_DONE, heartbeat_s=0.01)
    await writer.open([])
    connection.takes_more.clear()
    writing = asyncio.create_task(writer.write([b"1"]))
    await asyncio.sleep(0.05)
    connection.takes_more.set()
    await writing
    assert connection.body == b"data: 1\n\n"
    writer.stop()
    writer.stop()


async def test_a_comment_that_waits_is_dropped_at_the_end() -> None:
    connection = Connection()
    writer = StreamWriter(connection.send, SSE_DONE, heartbeat_s=0.01)
    await writer.open([])
    connection.takes_more.clear()
    await asyncio.sleep(0.03)
    finishing = asyncio.create_task(writer.finish())
    await asyncio.sleep(0)
    connection.takes_more.set()
    await finishing
    assert connection.body == b"data: [DONE]\n\n"


async def test_lines_of_json_get_no_comments() -> None:
    connection = Connection()
    writer = StreamWriter(connection.send, NDJSON, heartbeat_s=0.01)
    await writer.open([])
    await asyncio.sleep(0.03)
    writer.stop()
    assert connection.body == b""


@pytest.mark.parametrize("framing", [SSE_DONE, SSE_NAMED, NDJSON], ids=["events", "named events", "lines"])
@pytest.mark.parametrize(
    "events",
    [
        pytest.param([], id="nothing"),
        pytest.param([b'{"a":1}'], id="one"),
        pytest.param([b'{"a":1}', b'{\n"a":\r\n2}', b"{}"], id="several, one with lines"),
    ],
)
def test_events_together_are_framed_as_each_would_be(framing: Framing, events: list[bytes]) -> None:
    assert framing.frames(events) == b"".join(framing.frame(event) for event in events)


async def test_events_are_pushed_past_send_where_the_connection_takes_them() -> None:
    connection = Connection()
    pushed: list[bytes] = []
    takes = True

    def push(body: bytes) -> bool:
        if takes:
            pushed.append(body)
        return takes

    writer = StreamWriter(connection.send, SSE_DONE, push=push)
    await writer.open([])
    assert writer.push([b"1", b"2"])
    assert pushed == [b"data: 1\n\ndata: 2\n\n"]
    assert not writer.push([])
    takes = False
    assert not writer.push([b"3"])
    assert writer.events == 2
    takes = True
    connection.takes_more.clear()
    waiting = asyncio.ensure_future(writer.write([b"4"]))
    await asyncio.sleep(0)
    assert not writer.push([b"5"]), "an event that is being sent must not be overtaken"
    connection.takes_more.set()
    await waiting
    assert writer.push([b"5"])
    await writer.finish()


async def test_a_writer_without_a_way_pushes_nothing() -> None:
    writer = StreamWriter(Connection().send, SSE_DONE)
    assert not writer.push([b"1"])


async def test_what_is_pushed_breaks_the_silence() -> None:
    connection = Connection()
    pushed: list[bytes] = []

    def push(body: bytes) -> bool:
        pushed.append(body)
        return True

    writer = StreamWriter(connection.send, SSE_DONE, 0.05, push)
    await writer.open([])
    loop = asyncio.get_running_loop()
    until_s = loop.time() + 0.15
    while loop.time() < until_s:
        assert writer.push([b"1"])
        await asyncio.sleep(0)
    assert connection.body == b""
    writer.stop()
