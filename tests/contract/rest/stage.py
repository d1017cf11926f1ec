"""A gateway and a scripted upstream in processes of their own, and a client that compares with what is documented."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from tests.contract.rest.shapes import members, problems
from tests.e2e.gateway import ROOT, running

# What `curl -d` says of a body when nobody tells it otherwise, as most examples of the references do not.
FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Result:
    """One exchange: what was held against the documented answer, and what was wrong with it."""

    name: str
    members: int
    problems: tuple[str, ...]


@dataclass(slots=True)
class Stage:
    """What the exchanges are played on, and what came of them."""

    client: httpx2.AsyncClient
    upstream_url: str
    data_dir: Path
    results: list[Result] = field(default_factory=list)

    async def send(self, method: str, path: str, credential: str = "", **more: Any) -> httpx2.Response:
        """One request; `body` goes out as JSON, called what `kind` says."""
        headers = {"authorization": f"Bearer {credential}"} if credential else {}
        content = None
        if "body" in more:
            content = json.dumps(more.pop("body")).encode()
            headers |= more.pop("kind", JSON)
        return await self.client.request(method, path, headers=headers, content=content, **more)

    def hold(self, name: str, answer: httpx2.Response, documented: Any, status: int = 200) -> dict[str, Any]:
        """Holds an answer against the documented one; gives its body."""
        body: dict[str, Any] = answer.json()
        found = [] if answer.status_code == status else [f"the status is {answer.status_code}, not {status}"]
        found += problems(documented, body)
        if not answer.headers["content-type"].startswith("application/json"):
            found.append(f"the content type is {answer.headers['content-type']}")
        if not answer.headers.get("x-request-id", "").startswith("req_"):
            found.append("x-request-id is missing")
        self.results.append(Result(name, members(documented), tuple(found)))
        return body

    def check(self, name: str, *claims: tuple[bool, str]) -> None:
        """Notes claims about an exchange that has no documented body: whether each holds, and what it is."""
        self.results.append(Result(name, len(claims), tuple(f"not so: {what}" for holds, what in claims if not holds)))

    async def exchange(
        self, name: str, documented: Any, credential: str = "", status: int = 200, **more: Any
    ) -> dict[str, Any]:
        """Plays an exchange whose name is its method and path, and holds the answer; gives its body."""
        method, _, path = name.partition(" ")
        answer = await self.send(method, more.pop("path", path), credential, **more)
        return self.hold(name, answer, documented, status)

    async def command(self, *arguments: str) -> int:
        """Runs the `perpetuo` command, which reaches this gateway through its data directory; its exit code."""
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'generated'}"}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli.main", *arguments, "--data-dir", str(self.data_dir)),
            env=environment,
            stdout=asyncio.subprocess.DEVNULL,
        )
        return await process.wait()


@contextlib.asynccontextmanager
async def open_stage(directory: Path, database_url: str = "", arguments: Sequence[str] = ()) -> AsyncIterator[Stage]:
    """Serves until the block ends, with SQLite in `directory` unless another database is named."""
    data = directory / "data"
    options = ["serve", "--port", "0", "--grpc-port", "0", "--data-dir", str(data), "--allow-private-upstreams"]
    if database_url:
        options += ["--database-url", database_url]
    async with (
        running(directory, "--port", "0", module="cli.mock") as mock,
        running(directory, *options, *arguments) as ready,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{ready['port']}", timeout=30) as client,
    ):
        yield Stage(client, str(mock["base_url"]), data)
