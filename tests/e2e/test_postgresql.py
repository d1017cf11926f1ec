"""The whole gateway on PostgreSQL: a user signs up, asks, and finds it all again after a restart. Two may share it."""

import asyncio
import shutil
from pathlib import Path

import httpx2
import pytest

from cli.mock.upstream import MockUpstream
from tests.e2e.gateway import PASSWORD, add_provider, gateway, sign_up

# Patient with a loaded machine: nothing here is away.
PATIENT = ("--database-answer-s", "30", "--allow-private-upstreams")
ASK = {"model": "mock/ok", "messages": [{"role": "user", "content": "hi"}]}


async def logs(client: httpx2.AsyncClient, workspace_id: str, count: int) -> list[str]:
    """The ids of the logged requests, as soon as there are so many."""
    async with asyncio.timeout(30):
        while True:
            answer = await client.get(f"/workspaces/{workspace_id}/logs")
            assert answer.status_code == 200, answer.text
            found = [log["request_id"] for log in answer.json()["logs"]]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.02)


async def test_what_is_made_on_postgresql_is_there_after_a_restart(
    tmp_path: Path, postgres_url: str, upstream: MockUpstream
) -> None:
    options = ("--database-url", postgres_url, *PATIENT)
    async with gateway(tmp_path, *options) as running:
        account = await sign_up(running.url, "Ana@Example.com")
        await add_provider(running.url, account, upstream.base_url)
        async with httpx2.AsyncClient(base_url=running.url, headers=account.bearer, timeout=60) as client:
            bearer = {"authorization": f"Bearer {account.key}"}
            answer = await client.post("/v1/chat/completions", json=ASK, headers=bearer)
            assert answer.status_code == 200, answer.text
            streamed = await client.post("/v1/chat/completions", json={**ASK, "stream": True}, headers=bearer)
            assert streamed.text.endswith("data: [DONE]\n\n")
            asked = [streamed.headers["x-request-id"], answer.headers["x-request-id"]]
            assert await logs(client, account.workspace_id, 2) == asked
    assert not (running.data_dir / "perpetuo.db").exists()
    (tmp_path / "cli.main.ready.json").unlink()
    async with gateway(tmp_path, *options) as running, httpx2.AsyncClient(base_url=running.url, timeout=60) as client:
        again = await client.post("/api/auth/login", json={"email": "ana@example.COM", "password": PASSWORD})
        assert again.status_code == 200, again.text
        client.headers["authorization"] = f"Bearer {again.json()['token']}"
        assert await logs(client, account.workspace_id, 2) == asked


async def test_two_gateways_share_one_database(tmp_path: Path, postgres_url: str, upstream: MockUpstream) -> None:
    for name in ("first", "second"):
        (tmp_path / name / "data").mkdir(parents=True)
    async with gateway(tmp_path / "first", "--database-url", postgres_url, *PATIENT) as first:
        for secret in ("master.key", "jwt.key"):
            shutil.copy2(first.data_dir / secret, tmp_path / "second" / "data" / secret)
        async with gateway(tmp_path / "second", "--database-url", postgres_url, *PATIENT) as second:
            account = await sign_up(first.url, "two@example.com")
            await add_provider(first.url, account, upstream.base_url)
            async with httpx2.AsyncClient(base_url=second.url, timeout=60) as client:
                answer = await client.post(
                    "/v1/chat/completions", json=ASK, headers={"authorization": f"Bearer {account.key}"}
                )
                assert answer.status_code == 200, answer.text
            async with httpx2.AsyncClient(base_url=first.url, headers=account.bearer, timeout=60) as client:
                assert await logs(client, account.workspace_id, 1) == [answer.headers["x-request-id"]]


@pytest.mark.parametrize(
    ("url", "code", "message"),
    [
        ("oracle://host/db", 2, "--database-url cannot be served: no storage for databases of kind 'oracle'"),
        ("postgresql://me:sesame@127.0.0.1:1/db", 1, "cannot be reached(.|\n)*Check --database-url"),
    ],
    ids=["a database that is not served", "nobody at the address"],
)
async def test_a_database_that_cannot_be_used_is_told_by_the_name_of_the_option(
    tmp_path: Path, url: str, code: int, message: str
) -> None:
    with pytest.raises(AssertionError, match=f"ended with {code}(.|\n)*{message}") as raised:
        async with gateway(tmp_path, "--database-url", url):
            raise AssertionError("it must not start")
    assert "sesame" not in str(raised.value)
