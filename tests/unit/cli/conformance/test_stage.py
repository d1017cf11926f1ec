"""Faults played behind a gateway of forty lines, which tries the one upstream and then the other."""

import asyncio
import contextlib
import http.client
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from cli.conformance.caller import Target
from cli.conformance.rows import QUICK, Row, rows
from cli.conformance.stage import Stage, completions
from cli.conformance.verdict import Judgement, Verdict


class Gateway(ThreadingHTTPServer):
    """Passes requests on, to the next upstream when the one before fails, and hides what breaks midway if `lies`."""

    daemon_threads = True

    def __init__(self, upstreams: list[str], *, lies: bool) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.upstreams = upstreams
        self.lies = lies


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Gateway

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        for upstream in self.server.upstreams:
            request = urllib.request.Request(f"{upstream}/chat/completions", body, {"content-type": "application/json"})
            with contextlib.suppress(urllib.error.URLError, OSError):
                self.pass_on(request)
                return
        self.send_error(502)

    def pass_on(self, request: urllib.request.Request) -> None:
        with urllib.request.urlopen(request, timeout=20) as answer:
            self.send_response(200)
            self.send_header("connection", "close")
            self.end_headers()
            try:
                while piece := answer.read1(65_536):
                    self.wfile.write(piece)
            except http.client.IncompleteRead:
                if not self.server.lies:
                    self.wfile.write(b'data: {"error":{"message":"the stream broke"}}\n\n')

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Says nothing."""


@contextlib.asynccontextmanager
async def staged(*, lies: bool = False) -> AsyncIterator[Stage]:
    stage = Stage(Target(""), (0, 0), settle_s=20.0)
    async with stage:
        gateway = Gateway([stage.primary.base_url, stage.fallback.base_url], lies=lies)
        thread = Thread(target=gateway.serve_forever, args=(0.01,))
        thread.start()
        stage.target = Target(f"http://127.0.0.1:{gateway.server_port}")
        try:
            yield stage
        finally:
            await asyncio.to_thread(gateway.shutdown)
            gateway.server_close()
            thread.join()


def row(row_id: str) -> Row:
    return next(each for each in rows(QUICK) if each.id == row_id)


@pytest.mark.parametrize(
    ("row_id", "verdict", "calls"),
    [
        ("S03", Verdict.PARTIAL, (1, 1)),
        ("S04", Verdict.PASS, (1, 1)),
        ("S08", Verdict.SAFE, (1, 0)),
        ("S14", Verdict.SAFE, (1, 0)),
        ("S16", Verdict.PASS, (1, 1)),
        ("X01", Verdict.PASS, (1, 1)),
        ("X02", Verdict.PASS, (0, 1)),
    ],
)
async def test_a_fault_is_played_and_judged(row_id: str, verdict: Verdict, calls: tuple[int, int]) -> None:
    told: list[Judgement] = []
    async with staged() as stage:
        (judgement,) = await stage.run((row(row_id),), told.append)
        assert told == [judgement]
        assert judgement.verdict is verdict, judgement.reasons
        assert (len(judgement.seen.primary_s), len(judgement.seen.fallback_s)) == calls
        assert judgement.seen.is_alive


async def test_a_gateway_that_hides_a_broken_stream_fails() -> None:
    async with staged(lies=True) as stage:
        (judgement,) = await stage.run((row("S08"),), lambda _: None)
        assert judgement.verdict is Verdict.FAIL
        assert judgement.reasons == ("40 of 60 tokens presented as a whole answer",)


async def test_an_outage_is_a_number_of_requests() -> None:
    lasting = Row("S15", "Down", "status-503+lasts?ms=700", (), requests=4, pause_s=0.3, down_s=0.7)
    async with staged() as stage:
        (judgement,) = await stage.run((lasting,), lambda _: None)
        assert judgement.verdict is Verdict.PASS
        assert len(judgement.seen.outcomes) == 4
        assert 1 <= len(judgement.seen.fallback_s) <= 3


async def test_it_waits_until_the_primary_is_trusted() -> None:
    async with staged() as stage:
        assert await stage.settle()
        assert [record.path for record in completions(stage.primary)] == ["/v1/chat/completions"]
        stage.settle_s = 0.0
        stage.target = Target(stage.fallback.origin)
        assert not await stage.settle()
