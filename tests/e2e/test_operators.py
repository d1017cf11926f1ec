"""What `perpetuo users` does holds at once for a gateway that serves, and later for one that does not."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import httpx2

from cli.mock.upstream import MockUpstream
from tests.e2e.gateway import PASSWORD, ROOT, Account, add_provider, running, sign_up

BODY = {"model": "mock/ok", "messages": [{"role": "user", "content": "hi"}]}
EMAIL = "plan@example.com"


async def operator(data: Path, *arguments: str) -> Any:
    """What `perpetuo users …` prints as JSON."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", "users", *arguments, "--data-dir", str(data), "--json"),
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'generated'}"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    told, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    return json.loads(told)


async def call(url: str, account: Account) -> tuple[int, str | None]:
    """The status of a model call, and the limit that is told with it."""
    headers = {"authorization": f"Bearer {account.key}"}
    async with httpx2.AsyncClient(base_url=url, timeout=60) as client:
        answer = await client.post("/v1/chat/completions", json=BODY, headers=headers)
    return answer.status_code, answer.headers.get("x-ratelimit-limit")


async def test_plans_hold_at_once_and_over_a_restart(tmp_path: Path, upstream: MockUpstream) -> None:
    data = tmp_path / "data"
    options = ("serve", "--port", "0", "--grpc-port", "0", "--data-dir", str(data), "--allow-private-upstreams")
    async with running(tmp_path, *options, "--default-plan", "pro") as ready:
        url = f"http://127.0.0.1:{ready['port']}"
        account = await sign_up(url, EMAIL)
        await add_provider(url, account, upstream.base_url)
        assert await call(url, account) == (200, "60")
        assert (await operator(data, "set-plan", EMAIL, "free"))["plan"] == "free"
        assert await call(url, account) == (200, "20")
        listed = await operator(data, "list")
        assert [(each["email"], each["plan"]) for each in listed["users"]] == [(EMAIL, "free")]
        await operator(data, "disable", EMAIL)
        assert (await call(url, account))[0] == 401
        async with httpx2.AsyncClient(base_url=url, timeout=60) as client:
            log_in = {"email": EMAIL, "password": PASSWORD}
            assert (await client.post("/api/auth/login", json=log_in)).status_code == 401
        await operator(data, "enable", EMAIL)
        assert (await call(url, account))[0] == 200
    (tmp_path / "cli.main.ready.json").unlink()
    assert (await operator(data, "set-plan", EMAIL, "enterprise"))["plan"] == "enterprise"
    async with running(tmp_path, *options) as ready:
        url = f"http://127.0.0.1:{ready['port']}"
        assert await call(url, account) == (200, None)
        later = await sign_up(url, "later@example.com")
        await add_provider(url, later, upstream.base_url)
        assert await call(url, later) == (200, "20")
