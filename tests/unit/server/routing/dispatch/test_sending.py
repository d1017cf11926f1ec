"""Calls over connections that are there already: sent without waiting, sent once more, given up, and read at once."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Sequence
from contextlib import nullcontext

import pytest

from server.chat.deployment import Candidate, Deployment
from server.chat.request import parse_chat_request
from server.chat.wire import FixedHeaders, Timeouts, WireRequest, begun
from server.errors import PerpetuoError
from server.providers.openai import OpenAiDialect
from server.routing.attempt import Trace
from server.routing.dispatch import Dispatcher, Errand
from server.routing.patience import Patience
from server.upstream.client import HttpTransport
from tests.unit.server.routing.scripted import UNARY, trace
from tests.unit.server.upstream.raw_server import raw_server, read_request

BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
WHOLE = HEAD + b"content-length: %d\r\n\r\n%b" % (len(UNARY), UNARY)
BEGUN = b"HTTP/1.1 2"
ZIPPED = gzip.compress(UNARY)


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    made = HttpTransport(allow_private_upstreams=True)
    yield made
    await made.close()


class Upstream:
    """Answers by a script: for each connection its answers, each in pieces. After the last it closes when asked.

    After one that is only begun it closes at once.
    """

    def __init__(self, *connections: Sequence[Sequence[bytes]]) -> None:
        self._connections = connections
        self.asked: list[int] = []

    async def talk(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for pieces in self._connections[number - 1]:
            await read_request(reader)
            self.asked.append(number)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.01)
        if [BEGUN] not in self._connections[number - 1]:
            await read_request(reader)
            self.asked.append(number)


def dispatcher(transport: HttpTransport) -> Dispatcher:
    return Dispatcher(transport, lambda *_: OpenAiDialect(), Patience(), lambda *_: None)


def candidate(port: int) -> Candidate:
    return Candidate(Deployment("p", "ws_1", "openai", f"http://127.0.0.1:{port}/v1", "sk-secret"), "m")


async def ask(serving: Dispatcher, asked: Candidate, seen: Trace) -> bytes:
    deadline = asyncio.get_running_loop().time() + 10.0
    served = await serving.complete(Errand(parse_chat_request(BODY), [asked], deadline, seen, max_calls=1))
    return served.answer.body


@pytest.mark.parametrize(
    ("pieces", "again", "asked", "outcomes"),
    [
        pytest.param([WHOLE], [], [1, 1], ["ok"], id="an answer in one piece is read at once"),
        pytest.param([WHOLE[:-9], WHOLE[-9:]], [], [1, 1], ["ok"], id="an answer in two pieces is waited for"),
        pytest.param(
            [HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n%b" % (len(ZIPPED), ZIPPED)],
            [],
            [1, 1],
            ["ok"],
            id="a body that is compressed is unpacked",
        ),
        pytest.param(None, [WHOLE], [1, 1, 2], ["ok"], id="what an idle connection loses is sent once more"),
        pytest.param([BEGUN], [], [1, 1], ["UPSTREAM_RESET"], id="what had begun is not sent again"),
        pytest.param(
            [HEAD + b"content-encoding: br\r\ncontent-length: 2\r\n\r\nok"],
            [],
            [1, 1],
            ["UPSTREAM_BAD_RESPONSE"],
            id="an encoding that nobody reads fails",
        ),
    ],
)
async def test_a_request_goes_over_a_connection_that_is_there(
    transport: HttpTransport, pieces: list[bytes] | None, again: list[bytes], asked: list[int], outcomes: list[str]
) -> None:
    upstream = Upstream([[WHOLE]] if pieces is None else [[WHOLE], pieces], [again])
    async with raw_server(upstream.talk) as port:
        serving, entry, seen = dispatcher(transport), candidate(port), trace()
        assert await ask(serving, entry, trace()) == UNARY
        with nullcontext() if outcomes == ["ok"] else pytest.raises(PerpetuoError):
            assert await ask(serving, entry, seen) == UNARY
        assert [attempt.end().outcome for attempt in seen.attempts] == outcomes
        assert upstream.asked[: len(asked)] == asked


async def test_who_leaves_meanwhile_ends_the_connection(transport: HttpTransport) -> None:
    is_asked, is_gone = asyncio.Event(), asyncio.Event()

    async def talk(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(WHOLE)
        await read_request(reader)
        is_asked.set()
        await reader.read()
        is_gone.set()

    async with raw_server(talk) as port:
        serving, entry = dispatcher(transport), candidate(port)
        await ask(serving, entry, trace())
        asking = asyncio.ensure_future(ask(serving, entry, trace()))
        await is_asked.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await is_gone.wait()
        assert transport.counts().open == 0


WAY = "http://127.0.0.1:9/"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({}, id="whose headers nobody has written down"),
        pytest.param({"headers": {"A": "b"}}, id="with headers of its own"),
        pytest.param({"others": (b"{}",)}, id="in several parts"),
        pytest.param({"grant": WireRequest("POST", WAY, {}, b"{}")}, id="that needs a token"),
        pytest.param({"sign": lambda request, now_s: request}, id="that has to be signed"),
    ],
)
def test_no_request_begins_at_once(change: dict[str, object]) -> None:
    request = WireRequest(**{"method": "POST", "url": WAY, "headers": FixedHeaders({"A": "b"}), "body": b"{}"} | change)  # type: ignore[arg-type]
    assert begun(request, Timeouts(), 0.0) is None
