"""Refusals that are written in advance: which requests get them, in which form, and what becomes of the connection."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest

from edge.app import EdgeOptions, create_app
from edge.metrics import HttpMetrics
from edge.rest.services import gateway_reasons, gateway_services
from edge.serve import serving
from edge.settings import EdgeSettings
from edge.turns import Turns
from tests.unit.edge.connecting import connection

HEAD = re.compile(rb"HTTP/1\.1 (\d+) [^\r]*\r\n(.*?)\r\n\r\n", re.DOTALL)
BODY = b'{"model":"m","messages":[]}'


class Load:
    """How much there is to do."""

    def __init__(self) -> None:
        self.wait_s: float | None = 2.0
        self.is_shut = False
        self.asked = 0
        self.waiting = 0
        self.resumed: list[bool] = []

    def turn_away(self) -> float | None:
        self.asked += 1
        self.is_shut = self.wait_s is not None
        return self.wait_s

    def defer(self) -> None:
        self.waiting += 1

    def resume(self, waited_s: float, *, comes: bool) -> None:
        self.waiting -= 1
        self.resumed.append(comes)


class Answer:
    """An HTTP response from raw bytes, and what is left of them."""

    def __init__(self, raw: bytes) -> None:
        found = HEAD.match(raw)
        assert found is not None, raw
        self.status = int(found[1])
        lines = found[2].decode().split("\r\n")
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(self.headers["content-length"])
        self.body: dict[str, Any] = json.loads(raw[found.end() : found.end() + length])
        self.rest = raw[found.end() + length :]


@contextlib.asynccontextmanager
async def connected(load: Load, **more: Any) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async with grpc.aio.insecure_channel("127.0.0.1:1") as channel:
        options = EdgeOptions(services=gateway_services(), reasons=gateway_reasons(), door=load, **more)
        app = create_app(channel, options)
        settings = EdgeSettings.from_environment(port=0, grace_s=0)
        async with serving(app, settings, gate=app.state.gate) as port, connection(port) as both:
            yield both


def post(path: str, body: bytes = BODY, more: str = "") -> bytes:
    return f"POST {path} HTTP/1.1\r\nhost: a\r\n{more}content-length: {len(body)}\r\n\r\n".encode() + body


def is_whole(raw: bytes) -> bool:
    """Whether a whole response is there."""
    head, found, body = raw.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    return bool(found) and length is not None and len(body) >= int(length[1])


async def exchange(load: Load, sent: bytes, count: int = 1, **more: Any) -> list[Answer]:
    """So many answers to what is sent on one connection."""
    found: list[Answer] = []
    raw = b""
    async with connected(load, **more) as (reader, writer), asyncio.timeout(20):
        writer.write(sent)
        while len(found) < count:
            if not is_whole(raw):
                raw += await reader.read(65_536)
                continue
            found.append(Answer(raw))
            raw = found[-1].rest
    return found


async def test_a_model_call_is_refused_in_the_form_of_its_face() -> None:
    (answer,) = await exchange(Load(), post("/v1/chat/completions"))
    error = answer.body["error"]
    assert (answer.status, answer.headers["retry-after"], answer.headers["x-should-retry"]) == (503, "2", "true")
    assert (error["type"], error["code"], error["param"]) == ("overloaded_error", "overloaded", None)
    assert answer.headers["x-request-id"] == answer.headers["request-id"] == error["request_id"]


async def test_a_face_with_typed_errors_has_them_here_too() -> None:
    (answer,) = await exchange(Load(), post("/v1/messages"))
    assert answer.body["type"] == "error"
    assert answer.body["error"]["type"] == "overloaded_error"
    assert answer.body["request_id"] == answer.headers["request-id"]


async def test_each_refusal_has_an_id_of_its_own_and_the_connection_stays() -> None:
    load = Load()
    first, second = await exchange(load, post("/v1/chat/completions") * 2, count=2)
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert first.body["error"]["request_id"] != second.body["error"]["request_id"]
    assert load.asked == 2


@pytest.mark.parametrize(
    ("sent", "status"),
    [(b"GET /health/live HTTP/1.1\r\nhost: a\r\n\r\n", 200), (post("/api/auth/login", b"{}"), 503)],
    ids=["the health", "what is no model call goes to the core, which is not there"],
)
async def test_everything_else_goes_the_usual_way(sent: bytes, status: int) -> None:
    load = Load()
    page = {"/health/live": live}
    (answer,) = await exchange(load, sent, pages=page)
    assert answer.status == status
    assert load.asked == 0


async def live(scope: Any, receive: Any, send: Any) -> None:
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


async def test_with_time_for_it_a_model_call_goes_on() -> None:
    load = Load()
    load.wait_s = None
    (answer,) = await exchange(load, post("/v1/chat/completions"))
    assert answer.body["error"]["code"] == "draining"  # the core is not there
    assert load.asked == 1


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_what_is_refused_unread_is_told_the_same(path: str) -> None:
    load = Load()
    first, second = await one_by_one(load, [post(path), post(path)])
    load.is_shut = False
    (read,) = await exchange(Load(), post(path))
    for answer in (first, second):
        assert answer.headers.keys() == read.headers.keys()
        assert {**answer.body["error"], "request_id": ""} == {**read.body["error"], "request_id": ""}
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert load.asked == 2


async def test_heads_that_take_turns_on_a_connection_get_each_its_own_form() -> None:
    paths = ["/v1/chat/completions", "/v1/chat/completions", "/v1/messages", "/v1/messages", "/v1/chat/completions"]
    answers = await one_by_one(Load(), [post(path, BODY if n % 2 else BODY + b" ") for n, path in enumerate(paths)])
    assert [answer.body.get("type") for answer in answers] == [None, None, "error", "error", None]
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(paths)


async def test_who_comes_after_a_refusal_and_is_let_in_is_asked_once() -> None:
    class Turning(Load):
        def turn_away(self) -> float | None:
            self.wait_s = 1.0 if self.asked == 0 else None
            return super().turn_away()

    load = Turning()
    refused, served = await one_by_one(load, [post("/v1/chat/completions")] * 2)
    assert (refused.body["error"]["code"], served.body["error"]["code"]) == ("overloaded", "draining")
    assert load.asked == 2


async def test_a_request_in_pieces_is_refused_as_well() -> None:
    whole = post("/v1/chat/completions")
    answers = await one_by_one(Load(), [whole, whole[:40], whole[40:] + whole, b""], answers=[1, 0, 2, 0])
    assert [answer.status for answer in answers] == [503, 503, 503]


async def test_of_many_that_come_together_some_wait_and_all_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    load = Load()
    load.wait_s = None
    monkeypatch.setattr(Turns, "takes", lambda *_: False)
    answers = await one_by_one(load, [post("/v1/chat/completions")] * 3)
    assert {answer.body["error"]["code"] for answer in answers} == {"draining"}
    assert (load.waiting, load.resumed) == (0, [True] * 3)


async def test_who_leaves_while_it_waits_is_not_served(monkeypatch: pytest.MonkeyPatch) -> None:
    load = Load()
    load.wait_s = None
    waiting = asyncio.Queue[tuple[Turns, float, Callable[[], bool]]]()
    monkeypatch.setattr(Turns, "takes", lambda *_: False)
    usual = Turns.wait
    monkeypatch.setattr(Turns, "wait", lambda *told: waiting.put_nowait(told))
    async with asyncio.timeout(20), connected(load) as (_, writer):
        writer.write(post("/v1/chat/completions"))
        turns, now_s, begin = await waiting.get()
        cycle = begin.args[0]  # type: ignore[attr-defined]  # a partial of the method that starts it
        writer.transport.abort()
        while not cycle.disconnected:
            await asyncio.sleep(0.001)
        usual(turns, now_s, begin)
        while load.waiting:
            await asyncio.sleep(0)
    assert load.resumed == [False]


async def one_by_one(load: Load, sent: list[bytes], answers: list[int] | None = None) -> list[Answer]:
    """Sends piece by piece on one connection, each after so many answers to the one before it, usually one."""
    found: list[Answer] = []
    raw = b""
    async with connected(load) as (reader, writer), asyncio.timeout(20):
        for piece, count in zip(sent, answers or [1] * len(sent), strict=True):
            writer.write(piece)
            await writer.drain()
            for _ in range(count):
                found.append(await next_answer(reader, raw))
                raw = found[-1].rest
    return found


async def next_answer(reader: asyncio.StreamReader, raw: bytes) -> Answer:
    """The next answer, of which `raw` has come already."""
    while not is_whole(raw):
        raw += await reader.read(65_536)
    return Answer(raw)


async def test_a_client_that_asks_for_leave_to_send_is_told_that_the_connection_ends() -> None:
    head = post("/v1/chat/completions", more="expect: 100-continue\r\n").removesuffix(BODY)
    (answer,) = await exchange(Load(), head)
    assert (answer.status, answer.headers["connection"]) == (503, "close")


async def test_pages_of_other_origins_get_refusals_that_they_can_read() -> None:
    load = Load()
    await exchange(load, post("/v1/chat/completions"), cors_origins=("https://a.example",))
    assert load.asked == 0


async def test_refusals_are_counted() -> None:
    metrics = HttpMetrics()
    await exchange(Load(), post("/v1/chat/completions") * 2, count=2, metrics=metrics)
    assert metrics.snapshot().answers == {("POST", "shed", "503"): 2}
