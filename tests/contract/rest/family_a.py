"""Every exchange of the reference of family A, in its order, and the paths that the contract adds to it."""

import asyncio
from dataclasses import dataclass
from math import isclose
from typing import Any

from tests.contract.rest import documented as doc
from tests.contract.rest.stage import Stage


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who has signed up."""

    token: str
    key: str
    workspace_id: str


async def reach_upstream(stage: Stage, token: str, workspace_id: str, provider_id: str) -> None:
    """Lets an entry for OpenAI ask the scripted upstream instead; another address demands the key again."""
    change = {"base_url": stage.upstream_url, "api_key": "sk-your-openai-key"}
    path = f"/workspaces/{workspace_id}/providers/{provider_id}"
    answer = await stage.send("PATCH", path, token, body=change)
    assert answer.status_code == 200, answer.text


async def logged(stage: Stage, token: str, path: str, count: int) -> None:
    """Waits until so many calls are in the logs."""
    async with asyncio.timeout(20):
        while len((await stage.send("GET", path, token)).json()["logs"]) < count:
            await asyncio.sleep(0.02)


async def play(stage: Stage) -> None:
    """Plays them all."""
    person = {"email": doc.EMAIL, "password": doc.PASSWORD, "name": doc.NAME}
    made = await stage.exchange("POST /auth/signup", doc.SIGN_UP_A, body=person)
    login = {"email": doc.EMAIL, "password": doc.PASSWORD}
    again = await stage.exchange("POST /auth/login", doc.LOG_IN_A, body=login)
    account = Account(again["data"]["token"], made["data"]["api_key"], made["data"]["workspace"]["id"])
    await _workspace(stage, account)
    await _figures(stage, account)
    await _errors(stage, account)


async def _workspace(stage: Stage, account: Account) -> None:
    token, workspace = account.token, f"/workspaces/{account.workspace_id}"
    entry = {"provider": "openai", "api_key": "sk-your-openai-key", "priority": 1}
    name = "POST /workspaces/:workspaceId/providers"
    added = await stage.exchange(name, doc.PROVIDER_ADDED, token, path=f"{workspace}/providers", body=entry)
    await reach_upstream(stage, token, account.workspace_id, added["data"]["id"])
    await stage.exchange("GET /workspaces", doc.WORKSPACES, token)
    await stage.exchange("GET /workspaces/:id", doc.WORKSPACE, token, path=workspace)
    question = {"model": "gpt-4", "messages": [{"role": "user", "content": "Hello, how are you?"}]}
    await stage.exchange("POST /v1/chat/completions", doc.COMPLETION_A, account.key, body=question)
    await logged(stage, token, f"{workspace}/logs", 1)
    await stage.exchange("GET /workspaces/:workspaceId/logs", doc.LOGS, token, path=f"{workspace}/logs")


async def _figures(stage: Stage, account: Account) -> None:
    token, workspace = account.token, f"/workspaces/{account.workspace_id}"
    paths: dict[str, Any] = {
        "/usage": doc.USAGE,
        "/usage/by-provider?days=7": doc.USAGE["by_provider"],
        "/performance/latency": doc.LATENCY,
        "/performance/errors": doc.ERROR_RATES,
    }
    for path, shape in paths.items():
        await stage.exchange(f"GET /workspaces/:id{path}", shape, token, path=workspace + path)
    usage = (await stage.send("GET", f"{workspace}/usage", token)).json()
    logs = (await stage.send("GET", f"{workspace}/logs", token)).json()["logs"]
    stage.check(
        "usage equals the logs",
        (usage["total_tokens"] == sum(log["tokens"] for log in logs) > 0, "total_tokens is the sum of the logs"),
        (isclose(usage["total_cost"], sum(log["cost"] for log in logs)), "total_cost is the sum of the logs"),
        (usage["total_cost"] > 0, "it cost something"),
    )


async def _errors(stage: Stage, account: Account) -> None:
    invalid = doc.error("invalid_request_error", "request_invalid", is_wrapped=True)
    await stage.exchange("POST /auth/signup", invalid, status=400, body={"email": "no address", "password": "x" * 12})
    taken = doc.error("invalid_request_error", "already_exists", is_wrapped=True)
    person = {"email": doc.EMAIL.upper(), "password": doc.PASSWORD, "name": "Another"}
    await stage.exchange("POST /auth/signup", taken, status=409, body=person)
    wrong = doc.error("authentication_error", "login_failed", is_wrapped=True)
    login = {"email": doc.EMAIL, "password": "not-the-password"}
    await stage.exchange("POST /auth/login", wrong, status=401, body=login)
    absent = doc.error("not_found_error", "resource_not_found")
    await stage.exchange("GET /workspaces/ws_nobodys/usage", absent, account.token, 404)
