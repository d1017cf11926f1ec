"""One connection of the mock, over a real socket and with plans of the test's own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from cli.mock.connection import Connection
from cli.mock.plan import Plan, simple
from cli.mock.record import Recorded
from cli.mock.steps import Ending, Step

REQUEST = b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi"


class Fixed:
    """Answers every request with one plan, and keeps what it is told."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.seen: list[tuple[Recorded, bytes | None]] = []
        self.ended: asyncio.Queue[Recorded | None] = asyncio.Queue()

    def plan_for(self, request: Recorded, scenario: bytes | None) -> Plan:
        self.seen.append((request, scenario))
        return self.plan

    def opened(self, connection: Connection) -> int:
        return 7

    def closed(self, connection: Connection, unanswered: Recorded | None) -> None:
        self.ended.put_nowait(unanswered)


@asynccontextmanager
async def connected(fixed: Fixed) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    server = await asyncio.get_running_loop().create_server(lambda: Connection(fixed), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()


async def test_serves_requests_of_one_connection_in_order_even_pipelined() -> None:
    fixed = Fixed(simple(200, b"{}"))
    async with connected(fixed) as (reader, writer):
        writer.write(REQUEST + REQUEST.replace(b"/x", b"/y"))
        for _ in range(2):
            assert (await reader.readuntil(b"{}")).startswith(b"HTTP/1.1 200 OK\r\n")
    assert [(request.path, request.body, request.connection) for request, _ in fixed.seen] == [
        ("/x", b"hi", 7),
        ("/y", b"hi", 7),
    ]
    assert await fixed.ended.get() is None


async def test_hands_on_the_scenario_and_goes_on_after_an_expectation() -> None:
    fixed = Fixed(simple(200, b"{}"))
    async with connected(fixed) as (reader, writer):
        writer.write(b"POST /x HTTP/1.1\r\nX-Mock-Scenario: slow\r\nExpect: 100-continue\r\ncontent-length: 1\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"a")
        await reader.readuntil(b"{}")
    assert fixed.seen[0][1] == b"slow"


async def test_closes_in_order() -> None:
    fixed = Fixed(Plan((Step(0.0, b"abc"),), Ending.CLOSE))
    async with connected(fixed) as (reader, writer):
        writer.write(REQUEST)
        assert await reader.read() == b"abc"
    assert await fixed.ended.get() is None


async def test_closes_by_reset() -> None:
    fixed = Fixed(Plan((Step(0.0, b"abc"),), Ending.RESET))
    async with connected(fixed) as (reader, writer):
        writer.write(REQUEST)
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(4)
    assert await fixed.ended.get() is None


async def test_closes_when_the_client_asked_for_it() -> None:
    async with connected(Fixed(simple(200, b"{}"))) as (reader, writer):
        writer.write(b"GET /x HTTP/1.1\r\nconnection: close\r\n\r\n")
        assert (await reader.read()).endswith(b"{}")


async def test_notes_a_client_that_leaves_before_the_end() -> None:
    fixed = Fixed(Plan((Step(0.0, b"abc"),), Ending.STALL))
    async with connected(fixed) as (reader, writer):
        writer.write(REQUEST)
        await reader.readexactly(3)
    unanswered = await fixed.ended.get()
    assert unanswered is fixed.seen[0][0]
    assert unanswered.disconnected_at_s is not None
    assert not unanswered.is_answered


async def test_repeats_without_end_only_as_fast_as_the_client_reads() -> None:
    fixed = Fixed(Plan((Step(0.0, b"a"),), forever=b"b" * 65536))
    async with connected(fixed) as (reader, writer):
        writer.write(REQUEST)
        assert len(await reader.readexactly(4 << 20)) == 4 << 20
    assert await fixed.ended.get() is fixed.seen[0][0]


async def test_drops_what_is_not_http() -> None:
    async with connected(Fixed(simple(200, b"{}"))) as (reader, writer):
        writer.write(b"\x16\x03\x01 nonsense\r\n\r\n")
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
