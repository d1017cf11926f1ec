"""Usage, performance and analytics over real HTTP: the documented members and types, and figures that are the logs'."""

import csv
import io
from datetime import datetime
from typing import Any

import httpx2
import pytest

from cli.mock.upstream import MockUpstream
from tests.e2e.gateway import Account, Gateway, add_provider, sign_up
from tests.e2e.test_logs import complete, listed

NUMBER = (int, float)
OVERVIEW: dict[str, Any] = {
    "total_cost": NUMBER,
    "total_requests": int,
    "avg_latency_ms": int,
    "cache_hit_rate": NUMBER,
    "tokens_used": dict,
}
EMPTY: dict[str, Any] = {
    "/workspaces/{}/usage": {"total_tokens": 0, "total_cost": 0, "by_provider": {}},
    "/workspaces/{}/usage/by-provider?days=7": {},
    "/workspaces/{}/performance/latency": {},
    "/workspaces/{}/performance/errors": {},
    "/api/analytics/overview": {
        "total_cost": 0, "total_requests": 0, "avg_latency_ms": 0, "cache_hit_rate": 0,
        "tokens_used": {"input": 0, "output": 0},
    },
    "/api/analytics/model-distribution": {"data": []},
    "/api/analytics/requests": {"data": [], "pagination": {"page": 1, "limit": 50, "total": 0, "pages": 0}},
}  # fmt: skip


async def test_figures_have_the_documented_shape_and_are_those_of_the_logs(
    perpetuo: Gateway, upstream: MockUpstream
) -> None:
    account = await sign_up(perpetuo.url, "analytics@example.com")
    await add_provider(perpetuo.url, account, upstream.base_url)
    workspace = f"/workspaces/{account.workspace_id}"
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=account.bearer, timeout=60) as client:
        for model in ("mock/ok", "mock/status-400", "mock/ok", "mock/status-500"):
            await complete(client, account.key, model)
        logs = (await listed(client, f"{workspace}/logs", 4))["logs"]
        tokens = sum(log["tokens"] for log in logs)
        assert tokens > 0
        usage = (await client.get(f"{workspace}/usage")).json()
        assert (usage["total_tokens"], usage["total_requests"]) == (tokens, 4)
        inner = (await client.get(f"{workspace}/usage/by-provider", params={"days": 7})).json()
        assert inner == usage["by_provider"]
        assert (set(inner), inner["openai-compatible"]["tokens"]) == ({"openai-compatible"}, tokens)
        assert isinstance(inner["openai-compatible"]["cost"], NUMBER)
        overview = (await client.get("/api/analytics/overview", params={"timeframe": "24h"})).json()
        for name, kind in OVERVIEW.items():
            assert isinstance(overview[name], kind), name
        assert (overview["total_requests"], overview["failed_requests"]) == (4, 2)
        assert sum(overview["tokens_used"].values()) == tokens
        # A mean is rounded once.
        assert overview["avg_latency_ms"] == pytest.approx(sum(log["latency_ms"] for log in logs) / 4, abs=0.51)
        latency = (await client.get(f"{workspace}/performance/latency")).json()
        assert isinstance(latency["openai-compatible"]["average_latency_ms"], int)
        errors = (await client.get(f"{workspace}/performance/errors")).json()
        assert 0 < errors["openai-compatible"]["error_rate"] < 1
        days = (await client.get("/api/analytics/cost-breakdown", params={"days": 7})).json()["data"]
        assert (len(days), sum(day["requests"] for day in days)) == (7, 4)
        assert [set(day) >= {"date", "cost", "requests"} for day in days] == [True] * 7
        [share] = (await client.get("/api/analytics/model-distribution")).json()["data"]
        assert (share["model"], share["requests"], share["percentage"]) == ("mock/ok", 2, 100)
        page = (await client.get("/api/analytics/requests", params={"limit": 3, "page": 2})).json()
        assert page == {"data": logs[3:], "pagination": {"page": 2, "limit": 3, "total": 4, "pages": 2}}


async def test_the_export_is_a_file_with_a_row_for_each_log(perpetuo: Gateway, upstream: MockUpstream) -> None:
    account = await sign_up(perpetuo.url, "export@example.com")
    await add_provider(perpetuo.url, account, upstream.base_url)
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=account.bearer, timeout=60) as client:
        for _ in range(3):
            await complete(client, account.key, "mock/ok")
        logs = (await listed(client, f"/workspaces/{account.workspace_id}/logs", 3))["logs"]
        answer = await client.get("/api/analytics/export", params={"format": "csv"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv; charset=utf-8")
    assert answer.headers["content-disposition"].startswith('attachment; filename="perpetuo-requests-')
    assert answer.headers["x-request-id"].startswith("req_")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    # The same moment, which JSON tells with three digits where three are enough.
    assert [(row["request_id"], int(row["tokens"]), datetime.fromisoformat(row["created_at"])) for row in rows] == [
        (log["request_id"], log["tokens"], datetime.fromisoformat(log["created_at"])) for log in logs
    ]


async def test_without_calls_the_shapes_are_whole_and_zero(perpetuo: Gateway) -> None:
    account = await sign_up(perpetuo.url, "nothing-yet@example.com")
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=account.bearer, timeout=60) as client:
        for path, expected in EMPTY.items():
            answer = (await client.get(path.format(account.workspace_id))).json()
            assert {name: answer[name] for name in expected} == expected, path
        days = (await client.get("/api/analytics/cost-breakdown?days=3")).json()["data"]
        export = await client.get("/api/analytics/export")
    assert [(day["cost"], day["requests"]) for day in days] == [(0, 0)] * 3
    assert export.text.count("\r\n") == 1


@pytest.mark.parametrize(
    ("path", "param", "allowed"),
    [
        ("/api/analytics/overview?timeframe=1h", "timeframe", "24h, 7d, 30d"),
        ("/api/analytics/cost-breakdown?days=0", "days", "1 to 365"),
        ("/api/analytics/cost-breakdown?days=week", "days", ""),
        ("/api/analytics/model-distribution?days=366", "days", "1 to 365"),
        ("/api/analytics/requests?page=0", "page", "1 or more"),
        ("/api/analytics/requests?limit=1001", "limit", "1 to 1000"),
        ("/api/analytics/requests?status=good", "status", "success or error"),
        ("/api/analytics/requests?provider=nobody", "provider", "openai"),
        ("/api/analytics/requests?start_date=yesterday", "start_date", "YYYY-MM-DD"),
        ("/api/analytics/export?format=xlsx", "format", "csv"),
        ("/api/analytics/export?key_id=mine", "key_id", "key_"),
        ("/workspaces/{}/usage?days=0", "days", "1 to 365"),
        ("/workspaces/{}/usage/by-provider?days=1000", "days", "1 to 365"),
        ("/workspaces/{}/performance/latency?days=-1", "days", "1 to 365"),
        ("/workspaces/{}/performance/errors?days=0.5", "days", ""),
    ],
)
async def test_a_bad_parameter_is_named_with_what_it_may_be(
    perpetuo: Gateway, account: Account, path: str, param: str, allowed: str
) -> None:
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=account.bearer, timeout=60) as client:
        answer = await client.get(path.format(account.workspace_id))
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, param)
    assert allowed in error["message"]


async def test_a_foreign_workspace_is_404_and_a_gateway_key_opens_nothing(perpetuo: Gateway, account: Account) -> None:
    other = await sign_up(perpetuo.url, "other-analytics@example.com")
    paths = [path for path in EMPTY if "{}" in path]
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=account.bearer, timeout=60) as client:
        for path in paths:
            answer = await client.get(path.format(other.workspace_id))
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "resource_not_found")
        for path in ("/api/analytics/overview", "/api/analytics/export"):
            answer = await client.get(path, params={"workspace_id": other.workspace_id})
            assert answer.status_code == 404, path
            answer = await client.get(path, headers={"authorization": f"Bearer {account.key}"})
            assert answer.status_code == 401, path
