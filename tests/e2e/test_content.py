"""What the database holds of prompts and answers, byte by byte, is what the workspace's policy says and no more."""

import asyncio
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from cli.mock.upstream import MockUpstream
from tests.e2e.gateway import Account, Gateway, add_provider, sign_up
from tests.e2e.test_logs import listed

PROMPT = "canary-prompt-5f1d"
EMAIL = "canary-5f1d@example.com"
CLIENT_ID = "canary-client-id-5f1d"


def database_bytes(data_dir: Path) -> Iterator[bytes]:
    """The database file and its log, and what is compressed in it, spread out."""
    for name in ("perpetuo.db", "perpetuo.db-wal"):
        if (data_dir / name).exists():
            yield (data_dir / name).read_bytes()
    with sqlite3.connect(f"file:{data_dir / 'perpetuo.db'}?mode=ro", uri=True) as connection:
        for row in connection.execute("SELECT request, answer FROM contents"):
            yield from (zlib.decompress(part) for part in row)
    connection.close()


def found(data_dir: Path, text: str) -> bool:
    return any(text.encode() in part for part in database_bytes(data_dir))


async def with_policy(perpetuo: Gateway, upstream: MockUpstream, policy: str, name: str) -> Account:
    account = await sign_up(perpetuo.url, f"content-{name}@example.com")
    await add_provider(perpetuo.url, account, upstream.base_url)
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=account.bearer, timeout=60) as client:
        answer = await client.patch(f"/workspaces/{account.workspace_id}", json={"content_policy": policy})
        assert answer.json()["content_policy"] == policy
    return account


async def say(perpetuo: Gateway, account: Account, text: str, *, stream: bool) -> None:
    body = {"model": "mock/ok", "stream": stream, "messages": [{"role": "user", "content": text}]}
    headers = {"authorization": f"Bearer {account.key}", "x-request-id": CLIENT_ID + account.workspace_id}
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=headers, timeout=60) as client:
        answer = await client.post("/v1/chat/completions", json=body)
        assert answer.status_code == 200


async def shown(client: httpx2.AsyncClient, path: str, *, has_content: bool) -> dict[str, Any]:
    """The single log, as soon as its content is there if there is to be any."""
    async with asyncio.timeout(60):
        while True:
            log: dict[str, Any] = (await client.get(path)).json()
            if not has_content or log["content"] is not None:
                return log
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("stream", [False, True], ids=["in one piece", "as a stream"])
@pytest.mark.parametrize(
    ("policy", "has_prompt", "has_email", "has_client_id"),
    [
        ("off", False, False, False),
        ("metadata", False, False, True),
        ("redacted", True, False, True),
        ("full", True, True, True),
    ],
)
async def test_the_database_holds_what_the_policy_says(
    perpetuo: Gateway,
    upstream: MockUpstream,
    policy: str,
    has_prompt: bool,
    has_email: bool,
    has_client_id: bool,
    stream: bool,
) -> None:
    account = await with_policy(perpetuo, upstream, policy, f"{policy}-{stream}")
    mark = f"{policy}-{stream}".lower()
    await say(perpetuo, account, f"{PROMPT}-{mark} from {mark}-{EMAIL}", stream=stream)
    logs = f"/workspaces/{account.workspace_id}/logs"
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=account.bearer, timeout=60) as client:
        [listed_log] = (await listed(client, logs, 1))["logs"]
        log = await shown(client, f"{logs}/{listed_log['request_id']}", has_content=has_prompt)
    assert found(perpetuo.data_dir, f"{PROMPT}-{mark}") == has_prompt
    assert found(perpetuo.data_dir, f"{mark}-{EMAIL}") == has_email
    assert found(perpetuo.data_dir, CLIENT_ID + account.workspace_id) == has_client_id
    assert (log["content"] is not None) == has_prompt
    expected = (CLIENT_ID + account.workspace_id, "mock/ok") if has_client_id else (None, "")
    assert (log["client_request_id"], log["model_requested"]) == expected
    assert bool(log["complexity"]) == has_client_id
    assert log["model"] == "mock/ok"
    if has_prompt:
        content = log["content"]
        assert f"{PROMPT}-{mark}" in content["request"]
        assert '"finish_reason":"stop"' in content["answer"].replace(" ", "")
        assert (content["is_cut"], content["is_redacted"]) == (False, policy == "redacted")
