"""Starts the real command in a process of its own, as an operator would, and knows how to talk to it."""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

ROOT = Path(__file__).parents[2]
PASSWORD = "secure-password-123"


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway."""

    port: int
    grpc_port: int
    pid: int
    demo_key: str
    log: Path
    data_dir: Path

    @property
    def url(self) -> str:
        """The REST face."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def target(self) -> str:
        """The gRPC face."""
        return f"127.0.0.1:{self.grpc_port}"


def environment(*more: Path | None) -> dict[str, str]:
    """That of an installed package: its modules are compiled once, and not at every start. `more` has packages too."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    path = [str(each) for each in (ROOT, ROOT / "generated", *more) if each is not None]
    return {**kept, "PYTHONPATH": os.pathsep.join(path), "PYTHONPYCACHEPREFIX": str(ROOT / "build/bytecode")}


async def wait_for_file(path: Path, process: asyncio.subprocess.Process, log: Path) -> dict[str, Any]:
    """The JSON of a ready file, as soon as it is there; a machine that does much else may take its time."""
    async with asyncio.timeout(90):
        while not path.exists():
            if process.returncode is not None:
                raise AssertionError(f"the process ended with {process.returncode}:\n{log.read_text()}")
            await asyncio.sleep(0.02)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


async def until_logged(log: Path, line: str, times: int = 1) -> None:
    """Waits until a log has a line, so many times."""
    async with asyncio.timeout(90):
        while log.read_text().count(line) < times:
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def running(
    directory: Path, *arguments: str, module: str = "cli.main", packages: Path | None = None
) -> AsyncIterator[dict[str, Any]]:
    """Runs `python -m module arguments… --ready-file F` until the block ends; gives what the ready file says.

    `packages` is a folder of packages that are installed beside the gateway.
    """
    ready = directory / f"{module}.ready.json"
    log = directory / f"{module}.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, *arguments, "--ready-file", str(ready)),
            cwd=directory,
            env=environment(packages),
            stdout=output,
            stderr=output,
        )
    try:
        yield {**await wait_for_file(ready, process, log), "log": log}
    finally:
        await stop(process, log)


async def stop(process: asyncio.subprocess.Process, log: Path) -> None:
    """Asks the process to end, and insists after 60 s, which is a failure."""
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(60):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise AssertionError(f"the process did not stop:\n{log.read_text()[-4000:]}") from None


@contextlib.asynccontextmanager
async def gateway(directory: Path, *arguments: str, packages: Path | None = None) -> AsyncIterator[Gateway]:
    """A demo gateway on free ports with its data in `directory`; for `packages` see `running`."""
    data = directory / "data"
    options = ("serve", "--demo", "--port", "0", "--grpc-port", "0", "--data-dir", str(data), *arguments)
    async with running(directory, *options, packages=packages) as ready:
        yield Gateway(ready["port"], ready["grpc_port"], ready["pid"], ready["demo_key"], ready["log"], data)


@dataclass(frozen=True, slots=True)
class Account:
    """A user who has signed up."""

    token: str
    key: str
    workspace_id: str

    @property
    def bearer(self) -> dict[str, str]:
        """The header that opens the management paths."""
        return {"authorization": f"Bearer {self.token}"}


async def sign_up(gateway_url: str, email: str) -> Account:
    """A new user."""
    async with httpx2.AsyncClient(base_url=gateway_url, timeout=60) as client:
        data = await _made(client, "/auth/signup", {"email": email, "password": PASSWORD, "name": "Tester"})
        return Account(data["token"], data["api_key"], data["workspace"]["id"])


async def add_provider(gateway_url: str, account: Account, base_url: str, **members: Any) -> str:
    """A provider entry for an OpenAI-compatible upstream; its id."""
    body = {"provider": "openai-compatible", "api_key": "sk-upstream-secret-1234", "base_url": base_url, **members}
    async with httpx2.AsyncClient(base_url=gateway_url, headers=account.bearer, timeout=60) as client:
        found: str = (await _made(client, f"/workspaces/{account.workspace_id}/providers", body))["id"]
        return found


async def _made(client: httpx2.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """What is made by a request; one that the database was too late for, on a busy machine, is made again, as told."""
    async with asyncio.timeout(60):
        while (answer := await client.post(path, json=body)).status_code == 503:
            await asyncio.sleep(float(answer.headers["retry-after"]))
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()["data"]
    return made


async def change_credential(gateway_url: str, account: Account) -> None:
    """Gives each provider entry of a user that is of no vendor another API key."""
    path = f"/workspaces/{account.workspace_id}/providers"
    async with httpx2.AsyncClient(base_url=gateway_url, headers=account.bearer, timeout=60) as client:
        entries = (await client.get(path)).json()["providers"]
        for entry in [each for each in entries if each["provider"] == "openai-compatible"]:
            change = {"api_key": f"sk-{secrets.token_hex(4)}-upstream-secret-1234"}
            answer = await client.patch(f"{path}/{entry['id']}", json=change)
            assert answer.status_code == 200, answer.text
