"""Model calls that are made directly are answered in just the words of those made with messages, however often."""

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from dataclasses import dataclass, field
from typing import Any

import pytest
from perpetuo.v1 import completions_pb2_grpc

from edge.serve import serving
from edge.settings import EdgeSettings
from edge.standalone import gateway_app
from server.chat.principal import Call, Plan, Principal
from server.errors import KeyInvalid, ModelUnknown, UpstreamReset
from server.grpc_server import CoreServer, ServerOptions
from server.inprocess import HandlerRegistry
from server.interceptors.address import CallerAddress
from server.interceptors.context import current_call
from server.limits.door import Door, Time
from server.services.calling import Calls
from server.services.completions import CompletionsServicer

PATH = b"/v1/chat/completions"
KEY = (b"authorization: Bearer gw_1",)
JSON = (b"content-type: application/json",)
REQUEST_ID = re.compile(rb"req_[0-9a-z]{26}")
PATIENCE_S = 10


class Keys:
    """Knows one key."""

    def __init__(self) -> None:
        self.known = {"gw_1"}

    async def authenticate_key(self, secret: str) -> Principal:
        if secret not in self.known:
            raise KeyInvalid("No such key.")
        return Principal("usr_1", "ws_1", Plan.PRO, key_id="key_1")

    async def authenticate_token(self, token: str) -> Principal:
        raise AssertionError("no method here takes a token")


class Script:
    """A pipeline that does what the body says."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.bodies: list[bytes] = []
        self.began = asyncio.Event()
        self.cancelled = asyncio.Event()

    def serve(self, call: Call, body: bytes) -> Awaitable[bytes] | bytes:
        return self._now(call, body) if b"at once" in body else self.complete(call, body)

    async def complete(self, call: Call, body: bytes, read: object = None) -> bytes:
        if b"at once" in body:
            return self._now(call, body)
        await asyncio.sleep(0)
        return await self._then(call, body)

    def _now(self, call: Call, body: bytes) -> bytes:
        try:
            self._then(call, body).send(None)
        except StopIteration as stop:
            return bytes(stop.value)
        raise AssertionError("it waits")

    async def _then(self, call: Call, body: bytes) -> bytes:
        self.calls.append(call)
        self.bodies.append(body)
        if b"announce" in body:
            call.announce([("x-perpetuo-provider", "demo"), ("x-ratelimit-limit-requests", "10")])
        if b"bytes" in body:
            call.announce([("x-perpetuo-mark-bin", b"\x00")])  # type: ignore[list-item]  # as a plugin may
        if b"unknown" in body:
            raise ModelUnknown("There is no such model.", param="model")
        if b"defect" in body:
            raise ZeroDivisionError("secret")
        if b"wait" in body:
            await self._wait()
        return b'{"is":"fine"}'

    async def _wait(self) -> None:
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()

    async def stream(self, call: Call, body: bytes, read: object = None) -> AsyncGenerator[list[bytes], None]:
        self.calls.append(call)
        self.bodies.append(body)
        await asyncio.sleep(0)
        if b"announce" in body:
            call.announce([("x-perpetuo-provider", "demo"), ("x-ratelimit-limit-requests", "10")])
        if b"bytes" in body:
            call.announce([("x-perpetuo-mark-bin", b"\x00")])  # type: ignore[list-item]  # as a plugin may
        if b"unknown" in body:
            raise ModelUnknown("There is no such model.", param="model")
        yield [b'{"n":1}', b'{"n":2}']
        for events in ([b'{"n":3}'], [b'{"n":4}', b'{"n":5}'], [b"{\n}"]):
            if call.push is None or not call.push(events):
                yield events
        if b"breaks" in body:
            raise UpstreamReset("It broke.")
        if b"defect" in body:
            raise ZeroDivisionError("secret")
        if b"wait" in body:
            await self._wait()
        yield [b'{"n":"last"}']


@dataclass
class Gateway:
    """A REST face over a core with one service."""

    script: Script
    keys: Keys
    port: int
    door: Door
    lines: list[tuple[str, str]] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator["Client"]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Client(reader, writer)
        finally:
            writer.close()


@dataclass
class Client:
    """A connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, request: bytes) -> bytes:
        """The whole response; what closes the connection is at its end."""
        self.writer.write(request)
        async with asyncio.timeout(PATIENCE_S):
            return await self.response()

    async def response(self) -> bytes:
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"HTTP/1.1 100 "):
                return head + await self.response()
            if b"transfer-encoding: chunked" in head:
                body = await self.reader.readuntil(b"\r\n0\r\n\r\n")
            else:
                length = re.search(rb"content-length: (\d+)", head)
                assert length is not None
                body = await self.reader.readexactly(int(length[1]))
        except asyncio.IncompleteReadError as error:
            return error.partial + b"(closed)"
        is_last = b"connection: close" in head
        return head + body + (b"(closed)" if is_last and not await self.reader.read() else b"")


@contextlib.asynccontextmanager
async def gateway(*, is_direct: bool, most: int = 100, grace_s: float = 0.2) -> AsyncIterator[Gateway]:
    loop, script, keys, registry = asyncio.get_running_loop(), Script(), Keys(), HandlerRegistry()
    lines: list[tuple[str, str]] = []
    servicer = CompletionsServicer(script, Calls(current_call, 60.0, CallerAddress(())))
    completions_pb2_grpc.add_CompletionsServiceServicer_to_server(servicer, registry)
    door = Door(Time(loop.time, loop.call_later), most, 0.0)

    def counted(method: str, code: str) -> list[int]:
        lines.append((method, code))
        return [0]

    options = ServerOptions(has_access_log=False, door=door, counted=counted)
    core = CoreServer(registry, keys, options)
    if not is_direct:
        core.channel.serve_directly({})
    settings = EdgeSettings.from_environment(port=0, grace_s=grace_s)
    app = gateway_app(core.channel, settings, door)
    async with serving(app, settings, gate=app.state.gate) as port:
        yield Gateway(script, keys, port, door, lines)
    await core.stop(0)
    assert (door.inside, core.channel.running) == (0, set())


def request(*lines: bytes, body: bytes = b"{}", path: bytes = PATH, method: bytes = b"POST") -> bytes:
    head = (b"%b %b HTTP/1.1" % (method, path), b"host: a", *lines, b"content-length: %d" % len(body))
    return b"\r\n".join(head) + b"\r\n\r\n" + body


REQUESTS = {
    "an answer": request(*KEY, *JSON),
    "an answer with headers": request(*KEY, *JSON, body=b'{"announce":1}'),
    "an answer with a header of bytes": request(*KEY, *JSON, body=b'{"bytes":1}'),
    "an answer at once": request(*KEY, *JSON, body=b'{"at once":1}'),
    "an answer at once with headers": request(*KEY, *JSON, body=b'{"at once":1,"announce":1}'),
    "an answer at once with a header of bytes": request(*KEY, *JSON, body=b'{"at once":1,"bytes":1}'),
    "an answer at once, the last on its connection": request(*KEY, *JSON, b"connection: close", body=b'{"at once":1}'),
    "a refusal at once": request(*KEY, *JSON, body=b'{"at once":1,"unknown":1}'),
    "a defect at once": request(*KEY, *JSON, body=b'{"at once":1,"defect":1}'),
    "a refusal": request(*KEY, *JSON, body=b'{"unknown":1}'),
    "a refusal for a client that reads typed errors": request(
        *KEY, *JSON, b"anthropic-version: 2023-06-01", body=b'{"unknown":1}'
    ),
    "a defect": request(*KEY, *JSON, body=b'{"defect":1}'),
    "no key": request(*JSON),
    "a key that nobody knows": request(b"x-api-key: gw_2", *JSON),
    "no content type": request(*KEY),
    "a body that is no JSON": request(*KEY, b"content-type: text/plain"),
    "a body that is encoded": request(*KEY, b"content-encoding: gzip", *JSON),
    "no body": request(*KEY, *JSON, body=b""),
    "a query": request(*KEY, *JSON, path=PATH + b"?a=b"),
    "a stream": request(*KEY, *JSON, body=b'{"stream":true}'),
    "a stream with headers": request(*KEY, *JSON, body=b'{"stream":true,"announce":1}'),
    "a stream with a header of bytes": request(*KEY, *JSON, body=b'{"stream":true,"bytes":1}'),
    "a stream that is refused": request(*KEY, *JSON, body=b'{"stream":true,"unknown":1}'),
    "a stream that breaks": request(*KEY, *JSON, body=b'{"stream":true,"breaks":1}'),
    "a stream that breaks for a client that reads typed errors": request(
        *KEY, *JSON, b"anthropic-version: 2023-06-01", body=b'{"stream":true,"breaks":1}'
    ),
    "a stream with a defect": request(*KEY, *JSON, body=b'{"stream":true,"defect":1}'),
    "a stream without a key": request(*JSON, body=b'{"stream":true}'),
    "a stream with a deadline": request(*KEY, *JSON, b"x-request-timeout: 5", body=b'{"stream":true}'),
    "a stream that is the last on its connection": request(*KEY, *JSON, b"connection: close", body=b'{"stream":true}'),
    "no stream": request(*KEY, *JSON, body=b'{"stream":false}'),
    "a stream by another spelling": request(*KEY, *JSON, body=b'{"\\u0073tream":true}'),
    "a deadline": request(*KEY, *JSON, b"x-request-timeout: 5"),
    "a deadline that is none": request(*KEY, *JSON, b"x-request-timeout: soon"),
    "metadata": request(*KEY, *JSON, b"grpc-metadata-a: b", b"x-perpetuo-cache: off"),
    "metadata of a reserved name": request(*KEY, *JSON, b"grpc-metadata-te: b"),
    "a request id": request(*KEY, *JSON, b"x-request-id: mine", b"te: trailers"),
    "the last on its connection": request(*KEY, *JSON, b"connection: close"),
    "one that waits for leave": request(*KEY, *JSON, b"expect: 100-continue"),
    "another method": request(*KEY, *JSON, method=b"PUT"),
    "another path": request(*KEY, *JSON, path=b"/v1/nothing"),
    "a path with a slip": request(*KEY, *JSON, path=b"/v1/chat/completions/"),
}


async def _seen(requests: list[bytes], *, is_direct: bool) -> tuple[list[bytes], list[Any], list[Any]]:
    """What comes back on one connection for as long as it lasts, and what the core saw."""
    async with gateway(is_direct=is_direct) as started, started.connected() as client:
        answers: list[bytes] = []
        for each in requests:
            answer = await client.ask(each)
            answers.append(REQUEST_ID.sub(b"req_", answer))
            if answer.endswith(b"(closed)"):
                break
        calls = [(c.surface, c.client_request_id, dict(c.knobs), c.is_timed) for c in started.script.calls]
        return answers, [*calls, *started.script.bodies], started.lines


@pytest.mark.parametrize("case", REQUESTS)
async def test_a_request_is_answered_in_the_same_words_however_often_it_comes(case: str) -> None:
    requests = [REQUESTS[case]] * 3
    direct = await _seen(requests, is_direct=True)
    assert direct == await _seen(requests, is_direct=False)
    answers = direct[0]
    assert answers == answers[:1] * len(answers)


async def test_requests_of_all_kinds_follow_each_other_on_one_connection() -> None:
    kept = [each for name, each in REQUESTS.items() if "defect" not in name and "last" not in name]
    requests = [each for one in kept for each in (REQUESTS["an answer"], one, one)]
    direct = await _seen(requests, is_direct=True)
    assert len(direct[0]) == len(requests)
    assert direct == await _seen(requests, is_direct=False)


ONE = REQUESTS["an answer"]
PIECES = {
    "a head and a body": [ONE[:-2], ONE[-2:]],
    "a head in two": [ONE[:30], ONE[30:]],
    "two at once": [ONE + ONE],
    "one and a half": [ONE + ONE[:40], ONE[40:]],
    "another body, and another length": [request(*KEY, *JSON, body=b'{"model":"a"}')],
    "an empty line before it": [b"\r\n" + ONE],
    "a large body in pieces": [request(*KEY, *JSON, body=b" " * 300_000)],
}


@pytest.mark.parametrize("is_direct", [True, False], ids=["directly", "with messages"])
@pytest.mark.parametrize("case", PIECES)
async def test_requests_come_in_pieces_of_any_kind(case: str, is_direct: bool) -> None:
    pieces = PIECES[case]
    count = b"".join(pieces).count(b"POST ")
    async with gateway(is_direct=is_direct) as started, started.connected() as client:
        expected = REQUEST_ID.sub(b"", await client.ask(ONE))
        for _ in range(2):
            for piece in pieces:
                client.writer.write(piece)
                await client.writer.drain()
                await asyncio.sleep(0.01)
            async with asyncio.timeout(PATIENCE_S):
                answers = [await client.response() for _ in range(count)]
            assert [REQUEST_ID.sub(b"", answer) for answer in answers] == [expected] * count
            assert REQUEST_ID.sub(b"", await client.ask(ONE)) == expected
        size = len(b"".join(pieces).partition(b"\r\n\r\nP" if case.startswith("an empty") else b"\r\n\r\n")[2])
    assert len(started.script.bodies) == 3 + 2 * count
    assert all(len(body) <= max(size, 2) for body in started.script.bodies)


async def test_while_a_server_stops_a_request_that_comes_again_is_the_last_of_its_connection() -> None:
    async with contextlib.AsyncExitStack() as clients:
        stack = contextlib.AsyncExitStack()
        started = await stack.enter_async_context(gateway(is_direct=True, grace_s=30))
        client = await clients.enter_async_context(started.connected())
        for _ in range(2):
            assert b"connection: close" not in await client.ask(ONE)
        stopping = asyncio.ensure_future(stack.aclose())
        while not stopping.done() and not (answer := await client.ask(ONE)).endswith(b"(closed)"):
            assert len(started.script.bodies) == 3  # asked before it had begun to stop
        await stopping
    assert answer == b"(closed)" or b"connection: close" in answer


@pytest.mark.parametrize("is_direct", [True, False], ids=["directly", "with messages"])
async def test_a_request_that_comes_again_is_turned_away_when_there_is_too_much_to_do(is_direct: bool) -> None:
    async with gateway(is_direct=is_direct, most=1) as started, started.connected() as client:
        assert (await client.ask(ONE)).startswith(b"HTTP/1.1 200 ")
        async with started.connected() as other:
            other.writer.write(request(*KEY, *JSON, body=b'{"wait":1}'))
            await started.script.began.wait()
            for _ in range(2):
                assert (await client.ask(ONE)).startswith(b"HTTP/1.1 503 ")
        await started.script.cancelled.wait()
        while started.door.inside:
            await asyncio.sleep(0.001)
        assert (await client.ask(ONE)).startswith(b"HTTP/1.1 200 ")


async def test_each_of_them_has_an_id_of_its_own_under_both_names() -> None:
    async with gateway(is_direct=True) as started, started.connected() as client:
        answers = [await client.ask(REQUESTS["an answer"]) for _ in range(3)]
        ids = [REQUEST_ID.findall(answer) for answer in answers]
    assert [[each.request_id.encode()] * 2 for each in started.script.calls] == ids
    assert len({each for pair in ids for each in pair}) == 3


async def test_a_key_that_is_revoked_opens_nothing_any_more_on_the_same_connection() -> None:
    async with gateway(is_direct=True) as started, started.connected() as client:
        assert (await client.ask(REQUESTS["an answer"])).startswith(b"HTTP/1.1 200 ")
        started.keys.known.clear()
        assert (await client.ask(REQUESTS["an answer"])).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("is_direct", [True, False], ids=["directly", "with messages"])
@pytest.mark.parametrize("before", [0, 2], ids=["first", "third"])
@pytest.mark.parametrize("body", [b'{"wait":1}', b'{"wait":1,"stream":true}'], ids=["one answer", "a stream"])
async def test_a_client_that_leaves_stops_its_call(body: bytes, before: int, is_direct: bool) -> None:
    async with gateway(is_direct=is_direct) as started, asyncio.timeout(PATIENCE_S):
        async with started.connected() as client:
            for _ in range(before):
                await client.ask(REQUESTS["an answer"])
            client.writer.write(request(*KEY, *JSON, body=body))
            await started.script.began.wait()
        await started.script.cancelled.wait()
        while len(started.lines) <= before:
            await asyncio.sleep(0.001)
    assert started.lines[-1][1] == "CANCELLED"


@pytest.mark.parametrize("is_direct", [True, False], ids=["directly", "with messages"])
@pytest.mark.parametrize("before", [0, 2], ids=["first", "third"])
async def test_who_outlasts_the_grace_of_a_server_that_stops_is_told_so(before: int, is_direct: bool) -> None:
    async with contextlib.AsyncExitStack() as stack, asyncio.timeout(PATIENCE_S):
        async with gateway(is_direct=is_direct) as started:
            client = await stack.enter_async_context(started.connected())
            for _ in range(before):
                await client.ask(REQUESTS["an answer"])
            client.writer.write(request(*KEY, *JSON, body=b'{"wait":1}'))
            await started.script.began.wait()
        assert (await client.response()).startswith(b"HTTP/1.1 503 ")


@pytest.mark.parametrize("is_direct", [True, False], ids=["directly", "with messages"])
@pytest.mark.parametrize("before", [0, 2], ids=["first", "third"])
async def test_a_stream_that_outlasts_the_grace_of_a_server_ends_with_an_error(before: int, is_direct: bool) -> None:
    async with contextlib.AsyncExitStack() as stack, asyncio.timeout(PATIENCE_S):
        async with gateway(is_direct=is_direct) as started:
            client = await stack.enter_async_context(started.connected())
            for _ in range(before):
                await client.ask(REQUESTS["a stream"])
            client.writer.write(request(*KEY, *JSON, body=b'{"stream":true,"wait":1}'))
            await started.script.began.wait()
        answer = await client.response()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'/docs/errors/draining"' in answer
    assert b"[DONE]" not in answer
