"""A fake upstream that answers each scene in the form of each dialect, and holds what it is asked against the SDKs."""

import asyncio
import importlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from aiohttp import web

from server.providers.registry import PROVIDERS
from tests.matrix.scenes import AFTER_RESULTS, RESULT, SCENES, Scene

WIRES = Path(__file__).parent / "wires"
PATIENCE_S = 30.0
PIECE_BYTES = 61
"""Streams go out in pieces that respect neither events nor characters."""


class Wire(Protocol):
    """A dialect, from the vendor's side."""

    content_type: str
    """Of a stream."""
    settings: Mapping[str, str]
    """Members of the provider entry beside its key and base URL."""
    shows_reasoning: bool
    """Whether the vendor shows what was thought."""

    def scene_of(self, path: str, body: bytes) -> str:
        """The scene's name: the model that is asked for."""

    def faults(self, scene: Scene, path: str, body: bytes) -> list[str]:
        """What the vendor's SDK would not have sent, and what of the scene is missing."""

    def answer(self, scene: Scene) -> bytes:
        """The whole answer."""

    def stream(self, scene: Scene) -> bytes:
        """The body of a stream; without its end when the scene breaks."""

    def breakage(self) -> bytes:
        """What a stream says when it breaks."""

    def error(self, scene: Scene) -> bytes:
        """The body of a refusal with the scene's status."""

    def is_stream(self, path: str, body: bytes) -> bool:
        """Whether a stream is asked for."""


def dialects() -> dict[str, str]:
    """The dialects of the registry, each with the first provider that speaks it."""
    found: dict[str, str] = {}
    for row in PROVIDERS.values():
        if not row.is_builtin:
            found.setdefault(row.dialect.name, row.name)
    return found


def playable() -> dict[str, str]:
    """The dialects that have a wire; that one has none is the failure of one test, and not of all."""
    return {
        name: provider for name, provider in dialects().items() if (WIRES / f"{name.replace('-', '_')}.py").exists()
    }


def wire_of(dialect: str) -> Wire:
    """The wire of a dialect. Raises ModuleNotFoundError when nobody wrote it."""
    wire: Wire = importlib.import_module(f"tests.matrix.wires.{dialect.replace('-', '_')}").WIRE
    return wire


def has_result(body: bytes) -> bool:
    """Whether a request has the result of the tool, however its JSON is written."""
    return RESULT.encode() in body or json.dumps(RESULT)[1:-1].encode() in body


@dataclass(slots=True)
class Upstream:
    """The running upstream.

    `faults` are what was wrong with what it was asked, `asked` the scenes in their order, `body` the last request.

    A stream that breaks does so when the client `has_heard` its beginning.
    """

    port: int = 0
    faults: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    body: bytes = b""
    has_heard: asyncio.Event = field(default_factory=asyncio.Event)

    def base_url(self, dialect: str) -> str:
        """Where a provider entry of that dialect leads."""
        return f"http://127.0.0.1:{self.port}/{dialect}"

    def forget(self) -> None:
        """Forgets what was asked."""
        self.faults.clear()
        self.asked.clear()
        self.has_heard.clear()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answers one call."""
        dialect, _, path = request.path.removeprefix("/").partition("/")
        # A provider of chat completions that has the Responses API too is asked by it for requests of that form.
        wire, body = wire_of("responses" if path == "responses" else dialect), await request.read()
        path = f"{path}?{request.query_string}" if request.query_string else path
        name = wire.scene_of(path, body)
        scene = SCENES[AFTER_RESULTS.get(name, name) if has_result(body) else name]
        self.asked.append(scene.name)
        self.body = body
        self.faults += [f"{dialect} {scene.name}: {fault}" for fault in wire.faults(scene, path, body)]
        if scene.status != 200:
            return web.Response(status=scene.status, body=wire.error(scene), content_type="application/json")
        if not wire.is_stream(path, body):
            return web.Response(body=wire.answer(scene), content_type="application/json")
        response = web.StreamResponse(headers={"Content-Type": wire.content_type})
        await response.prepare(request)
        stream = wire.stream(scene)
        for place in range(0, len(stream), PIECE_BYTES):
            await response.write(stream[place : place + PIECE_BYTES])
        if scene.breaks:
            async with asyncio.timeout(PATIENCE_S):
                await self.has_heard.wait()
            await response.write(wire.breakage())
        await response.write_eof()
        return response


@asynccontextmanager
async def upstream() -> AsyncIterator[Upstream]:
    """Runs the upstream on a free port until the block ends."""
    found = Upstream()
    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{path:.*}", found.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        found.port = runner.addresses[0][1]
        yield found
    finally:
        await runner.cleanup()
