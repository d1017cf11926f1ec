"""The logs over real HTTP, in the documented shape, member by member."""

import asyncio
from typing import Any

import httpx2
import pytest

from cli.mock.upstream import MockUpstream
from tests.e2e.gateway import Account, Gateway, add_provider, sign_up

DOCUMENTED: dict[str, Any] = {
    "request_id": str,
    "model": str,
    "provider": str,
    "tokens": int,
    "cost": (int, float, type(None)),
    "status": int,
    "latency_ms": int,
    "created_at": str,
}


async def complete(client: httpx2.AsyncClient, key: str, model: str, **headers: str) -> httpx2.Response:
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
    headers = {"authorization": f"Bearer {key}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return await client.post("/v1/chat/completions", json=body, headers=headers)


async def listed(client: httpx2.AsyncClient, path: str, count: int, **params: Any) -> dict[str, Any]:
    """The logs, as soon as there are so many."""
    async with asyncio.timeout(60):
        while True:
            answer = await client.get(path, params=params)
            assert answer.status_code == 200, answer.text
            found: dict[str, Any] = answer.json()
            if len(found["logs"]) == count:
                return found
            await asyncio.sleep(0.02)


async def test_the_logs_have_the_documented_shape(perpetuo: Gateway, upstream: MockUpstream) -> None:
    account = await sign_up(perpetuo.url, "logs@example.com")
    await add_provider(perpetuo.url, account, upstream.base_url)
    path = f"/workspaces/{account.workspace_id}/logs"
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=account.bearer, timeout=60) as client:
        answers = [await complete(client, account.key, model) for model in ("mock/ok", "mock/status-400", "mock/ok")]
        page = await listed(client, path, 3)
        assert [log["request_id"] for log in page["logs"]] == [each.headers["x-request-id"] for each in answers[::-1]]
        assert [log["status"] for log in page["logs"]] == [200, 400, 200]
        assert page["next_page_token"] == ""
        for log in page["logs"]:
            for name, kind in DOCUMENTED.items():
                assert isinstance(log[name], kind), name
            assert log["created_at"].endswith("Z")
        first = (await client.get(path, params={"limit": 2})).json()
        rest = (await client.get(path, params={"page_token": first["next_page_token"]})).json()
        assert [*first["logs"], *rest["logs"]] == page["logs"]
        assert (await client.get(path, params={"page": 3, "limit": 1})).json()["logs"] == page["logs"][2:]
        assert (await client.get(path, params={"status": "400"})).json()["logs"] == [page["logs"][1]]
        one = (await client.get(f"{path}/{page['logs'][1]['request_id']}")).json()
    attempts, content = one.pop("attempts"), one.pop("content")
    assert content is None
    assert one == page["logs"][1]
    assert [(attempt["number"], attempt["status"], attempt["outcome"]) for attempt in attempts] == [
        (1, 400, "REQUEST_INVALID")
    ]


async def test_a_caller_whose_time_ran_out_is_told_under_which_id_it_is_logged(
    perpetuo: Gateway, upstream: MockUpstream
) -> None:
    account = await sign_up(perpetuo.url, "short-of-time@example.com")
    await add_provider(perpetuo.url, account, upstream.base_url)
    path = f"/workspaces/{account.workspace_id}/logs"
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=account.bearer, timeout=60) as client:
        # Who the caller is has been looked up then, and the time runs out where it is meant to, with the upstream.
        assert (await complete(client, account.key, "mock/ok")).status_code == 200
        answers = [
            await complete(client, account.key, "mock/silent", x_request_timeout="1.5"),
            await complete(client, account.key, "mock/silent", grpc_timeout="1600m"),
        ]
        assert [answer.status_code for answer in answers] == [504, 504]
        page = await listed(client, path, 3)
    told = [answer.json()["error"]["request_id"] for answer in reversed(answers)]
    assert [(log["request_id"], log["status"]) for log in page["logs"][:2]] == [(each, 504) for each in told]


@pytest.mark.parametrize(
    ("query", "status", "param"),
    [
        ("limit=1001", 400, "limit"),
        ("limit=many", 400, "limit"),
        ("page=0", 400, "page"),
        ("status=good", 400, "status"),
        ("provider=nobody", 400, "provider"),
        ("start_date=yesterday", 400, "start_date"),
        ("page_token=nope", 400, "page_token"),
    ],
)
async def test_a_bad_parameter_is_named(
    perpetuo: Gateway, account: Account, query: str, status: int, param: str
) -> None:
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=account.bearer, timeout=60) as client:
        answer = await client.get(f"/workspaces/{account.workspace_id}/logs?{query}")
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)


async def test_a_foreign_workspace_is_404(perpetuo: Gateway, account: Account) -> None:
    other = await sign_up(perpetuo.url, "other-logs@example.com")
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=account.bearer, timeout=60) as client:
        for path in (f"/workspaces/{other.workspace_id}/logs", f"/workspaces/{other.workspace_id}/logs/req_1"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "resource_not_found")
