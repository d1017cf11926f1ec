"""Every exchange of the reference of family B, in its order, and the paths that the contract adds to it."""

import asyncio
import csv
import io
import json
from math import isclose

import httpx2

from tests.contract.rest import documented as doc
from tests.contract.rest.family_a import Account, logged, reach_upstream
from tests.contract.rest.shapes import problems
from tests.contract.rest.stage import FORM, Stage

HELLO = {"messages": [{"role": "user", "content": "Hello!"}]}


async def play(stage: Stage, *, with_plans: bool = True) -> None:
    """Plays them all; without `with_plans` those that need the operator's command are left out."""
    person = {"email": doc.OTHER_EMAIL, "password": doc.OTHER_PASSWORD}
    await stage.exchange("POST /api/auth/signup", doc.SIGN_UP_B, body=person, kind=FORM)
    signed_in = await stage.exchange("POST /api/auth/login", doc.LOG_IN_B, body=person, kind=FORM)
    token = signed_in["token"]
    new = {"name": "Production Key"}
    key = await stage.exchange("POST /api/keys/gateway", doc.KEY_MADE, token, body=new, kind=FORM)
    await stage.exchange("GET /api/keys/gateway", doc.KEYS, token)
    entry = {"provider": "openai", "api_key": "sk-..."}
    added = await stage.exchange("POST /api/keys/providers", doc.PROVIDER_KEY_ADDED, token, body=entry, kind=FORM)
    await stage.exchange("GET /api/keys/providers", doc.PROVIDER_KEYS, token)
    workspace = (await stage.send("GET", "/workspaces", token)).json()["workspaces"][0]["id"]
    await reach_upstream(stage, token, workspace, added["id"])
    account = Account(token, key["key"], workspace)
    await _completions(stage, account)
    await _analytics(stage, account)
    await _models(stage, account)
    await _errors(stage, account)
    await _limits(stage, with_plans=with_plans)
    await _session(stage, account, key["id"])


async def _completions(stage: Stage, account: Account) -> None:
    name = "POST /v1/chat/completions"
    await stage.exchange(name, doc.COMPLETION_B, account.key, body=HELLO)
    knobs = {"model": "gpt-4o-mini", "temperature": 0.7, "max_tokens": 100, "stream": False}
    await stage.exchange(name, doc.COMPLETION_B, account.key, body={**HELLO, **knobs})
    answer = await stage.send("POST", "/v1/chat/completions", account.key, body={**HELLO, "stream": True})
    events = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    wrong = list(problems(doc.GATEWAY_METADATA, json.loads(events[-2])["gateway_metadata"]))
    stage.check(
        f"{name} with stream: true",
        (answer.headers["content-type"].startswith("text/event-stream"), "it is a stream of events"),
        (events[-1] == "[DONE]", "it ends with [DONE]"),
        (not wrong, f"the last chunk has the metadata: {wrong}"),
        (json.loads(events[0])["object"] == "chat.completion.chunk", "events are chunks"),
    )


async def _analytics(stage: Stage, account: Account) -> None:
    await logged(stage, account.token, f"/workspaces/{account.workspace_id}/logs", 3)
    for query in ("", "?timeframe=24h", "?timeframe=7d", "?timeframe=30d"):
        await stage.exchange(f"GET /api/analytics/overview{query}", doc.OVERVIEW, account.token)
    await stage.exchange("GET /api/analytics/cost-breakdown?days=7", doc.COST_BREAKDOWN, account.token)
    await stage.exchange("GET /api/analytics/model-distribution", doc.MODEL_DISTRIBUTION, account.token)
    requests = await stage.exchange("GET /api/analytics/requests", doc.REQUESTS, account.token)
    overview = (await stage.send("GET", "/api/analytics/overview", account.token)).json()
    export = await stage.send("GET", "/api/analytics/export?format=csv", account.token)
    cost = sum(log["cost"] for log in requests["data"])
    rows = list(csv.DictReader(io.StringIO(export.text, newline="")))
    stage.check(
        "GET /api/analytics/export?format=csv",
        (export.headers["content-type"].startswith("text/csv"), "it is CSV"),
        (export.headers["content-disposition"].startswith("attachment; filename="), "it is a file"),
        ([row["request_id"] for row in rows] == [log["request_id"] for log in requests["data"]], "rows are the logs"),
        (overview["total_requests"] == len(rows) == requests["pagination"]["total"], "all three count the same"),
        (isclose(overview["total_cost"], cost), "the cost is the sum of the logs"),
        (sum(overview["tokens_used"].values()) == sum(int(row["tokens"]) for row in rows), "and so are the tokens"),
    )


async def _models(stage: Stage, account: Account) -> None:
    for query in ("", "?provider=openai", "?supports_vision=true", "?min_context=200000"):
        shape = {"models": [{**doc.MODEL, "provider": "openai"}]} if "provider" not in query else doc.MODELS
        await stage.exchange(f"GET /api/models{query}", shape)
    small = (await stage.send("GET", "/api/models?supports_vision=true&min_context=200000")).json()["models"]
    stage.check(
        "GET /api/models?supports_vision=true&min_context=200000",
        (bool(small) and all(model["specs"]["supports_vision"] for model in small), "all of them see"),
        (all(model["specs"]["context_window"] >= 200_000 for model in small), "all have the room"),
    )
    await stage.exchange("GET /api/models/{id}", doc.MODEL, path="/api/models/gpt-4o-mini")
    two = {"model_ids": ["gpt-4o-mini", "gpt-4.1-mini"]}
    await stage.exchange("POST /api/models/compare", doc.MODELS, body=two)
    await stage.exchange("GET /v1/models", doc.OPENAI_MODELS, account.key)
    await stage.exchange("GET /health", doc.HEALTH)


async def _errors(stage: Stage, account: Account) -> None:
    invalid = doc.error("invalid_request_error", "request_invalid")
    await stage.exchange("GET /api/analytics/overview?timeframe=1h", invalid, account.token, 400)
    await stage.exchange("POST /v1/chat/completions", invalid, account.key, 400, body={"messages": "Hello!"})
    await stage.exchange("GET /api/keys/gateway", doc.error("authentication_error", "token_invalid"), "wrong", 401)
    refused = doc.error("authentication_error", "invalid_api_key")
    await stage.exchange("POST /v1/chat/completions", refused, "gw_wrong", 401, body=HELLO)
    only = {"name": "One model", "allowed_models": ["gpt-4o-mini"]}
    bound = (await stage.send("POST", "/api/keys/gateway", account.token, body=only)).json()["key"]
    forbidden = doc.error("permission_error", "model_not_allowed")
    await stage.exchange("POST /v1/chat/completions", forbidden, bound, 403, body={**HELLO, "model": "gpt-4"})
    absent = doc.error("not_found_error", "resource_not_found")
    await stage.exchange("DELETE /api/keys/gateway/key_nobodys", absent, account.token, 404)
    down = doc.error("overloaded_error", "upstream_unavailable")
    await stage.exchange("POST /v1/chat/completions", down, account.key, 503, body={**HELLO, "model": "mock/error-503"})


async def _limits(stage: Stage, *, with_plans: bool) -> None:
    """The documented table: 20 a minute on the free plan, 60 on pro, no limit on enterprise."""
    person = {"email": "limits@example.com", "password": doc.OTHER_PASSWORD}
    made = (await stage.send("POST", "/api/auth/signup", body=person)).json()
    entry = {"provider": "openai", "api_key": "sk-...", "base_url": stage.upstream_url}
    await stage.send("POST", "/api/keys/providers", made["token"], body=entry)

    async def ask() -> httpx2.Response:
        return await stage.send("POST", "/v1/chat/completions", made["api_key"], body={**HELLO, "model": "gpt-4"})

    answers = await asyncio.gather(*(ask() for _ in range(25)))
    refused = [answer for answer in answers if answer.status_code == 429]
    stage.hold("a request beyond the limit", refused[0], doc.error("rate_limit_error", "rate_limit_exceeded"), 429)
    limits = {answer.headers.get("x-ratelimit-limit") for answer in answers}
    stage.check(
        "Rate Limits: Free",
        (len(refused) == 5, f"20 of 25 are admitted; {25 - len(refused)} were"),
        (limits == {"20"}, f"X-RateLimit-Limit is 20; it was {limits}"),
        (all(0 < int(answer.headers["retry-after"]) <= 60 for answer in refused), "Retry-After is up to a minute"),
    )
    for plan, limit in (("pro", "60"), ("enterprise", None)) if with_plans else ():
        code = await stage.command("users", "set-plan", person["email"], plan)
        answer = await ask()
        stage.check(
            f"Rate Limits: {plan.capitalize()}",
            (code == 0, "perpetuo users set-plan succeeds"),
            (answer.status_code == 200, f"the next request is answered, not {answer.status_code}"),
            (answer.headers.get("x-ratelimit-limit") == limit, f"X-RateLimit-Limit is {limit}"),
        )


async def _session(stage: Stage, account: Account, key_id: str) -> None:
    await stage.exchange("GET /api/auth/me", doc.ME, account.token)
    await stage.exchange(
        "DELETE /api/keys/gateway/{id}", doc.DELETED, account.token, path=f"/api/keys/gateway/{key_id}"
    )
    fresh = await stage.exchange("POST /api/auth/refresh", {"token": "eyJhbGciOiJIUzI1..."}, account.token, body={})
    await stage.exchange("GET /api/auth/me", doc.error("authentication_error", "token_invalid"), account.token, 401)
    await stage.send("POST", "/api/auth/logout", fresh["token"], body={})
    refused = doc.error("authentication_error", "token_invalid")
    await stage.exchange("GET /api/auth/me", refused, fresh["token"], 401)
