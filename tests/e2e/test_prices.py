"""`/workspaces/{id}/prices` over REST: numbers of dollars in and out, and errors that name what is wrong."""

from typing import Any

import httpx2
import pytest

from tests.e2e.gateway import Account, Gateway, sign_up

PRICE = {"provider": "demo", "model": "echo", "input_per_1m": 0.15, "output_per_1m": 1}


@pytest.fixture(scope="module")
async def owner(perpetuo: Gateway) -> Account:
    return await sign_up(perpetuo.url, "prices@example.com")


def client(perpetuo: Gateway, owner: Account) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        base_url=f"{perpetuo.url}/workspaces/{owner.workspace_id}", headers=owner.bearer, timeout=60
    )


async def test_a_list_is_replaced_and_shown(perpetuo: Gateway, owner: Account) -> None:
    async with client(perpetuo, owner) as rest:
        before = (await rest.get("/prices")).json()
        assert (before["prices"], before["version"], before["changed_at"]) == ([], "workspace/0", None)
        answer = await rest.put("/prices", json={"prices": [PRICE]})
        assert answer.status_code == 200, answer.text
        shown = (await rest.get("/prices")).json()
        assert shown == answer.json()
        assert shown["prices"] == [{**PRICE, "cached_input_per_1m": None, "cache_write_per_1m": None}]
        assert shown["version"] == "workspace/1"
        assert (await rest.put("/prices", json={"prices": []})).json()["prices"] == []


INVALID: list[tuple[str, Any, str]] = [
    ("a price that is a word", {"prices": [{**PRICE, "input_per_1m": "much"}]}, "prices[0].input_per_1m"),
    ("a price below nothing", {"prices": [PRICE, {**PRICE, "model": "x", "output_per_1m": -1}]},
     "prices[1].output_per_1m"),
    ("no price", {"prices": [{"provider": "demo", "model": "echo"}]}, "prices[0].input_per_1m"),
    ("an unknown provider", {"prices": [{**PRICE, "provider": "nobody"}]}, "prices[0].provider"),
    ("an unknown member", {"prices": [{**PRICE, "currency": "EUR"}]}, "prices[0].currency"),
    ("a list that is none", {"prices": PRICE}, "prices"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "param"), [case[1:] for case in INVALID], ids=[case[0] for case in INVALID])
async def test_what_makes_no_sense_is_400_and_named(perpetuo: Gateway, owner: Account, body: Any, param: str) -> None:
    async with client(perpetuo, owner) as rest:
        answer = await rest.put("/prices", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param), answer.text


async def test_a_foreign_workspace_is_404(perpetuo: Gateway, owner: Account, account: Account) -> None:
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=owner.bearer, timeout=60) as rest:
        path = f"/workspaces/{account.workspace_id}/prices"
        answers = [await rest.get(path), await rest.put(path, json={"prices": [PRICE]})]
    assert [answer.status_code for answer in answers] == [404, 404]
