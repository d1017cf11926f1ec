"""Two gateways on one PostgreSQL and one Valkey keep one limit; the long form is `make faults-replicas`."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.gateway import PASSWORD
from tests.replicas.stage import Replicas, two_replicas
from tests.unit.server.state.valkeys import Valkey, client_of, running_valkey

BODY = {"model": "mock/ok", "messages": [{"role": "user", "content": "hi"}]}
CALL = "/v1/chat/completions"


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    """A server that a test may stop."""
    with running_valkey() as server:
        yield server


@pytest.fixture
async def clients() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=60) as client:
        yield client


async def statuses(client: httpx2.AsyncClient, key: str, urls: list[str]) -> Counter[int]:
    """What calls come to that are all made at once."""
    headers = {"authorization": f"Bearer {key}"}
    answers = await asyncio.gather(*(client.post(f"{url}{CALL}", json=BODY, headers=headers) for url in urls))
    return Counter(answer.status_code for answer in answers)


async def scripts_run(valkey: Valkey) -> int:
    """How many scripts the server has run so far."""
    client: Any = client_of(valkey)
    try:
        found = await client.info("commandstats")
    finally:
        await client.aclose()
    return sum(found.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("eval", "evalsha", "fcall"))


async def test_sixty_calls_of_a_free_user_over_both_admit_exactly_twenty(
    tmp_path: Path, postgres_url: str, valkey: Valkey, clients: httpx2.AsyncClient
) -> None:
    async with two_replicas(tmp_path, postgres_url, valkey, "free") as replicas:
        account = await replicas.user("free@example.com")
        urls = [replicas.urls[number % 2] for number in range(60)]
        assert await statuses(clients, account.key, urls) == {200: 20, 429: 40}
        # The first calls of a day ask the books once; from then on each call is one script.
        before = await scripts_run(valkey)
        assert await statuses(clients, account.key, urls[:30]) == {429: 30}
        assert await scripts_run(valkey) - before == 30


async def test_without_valkey_limits_hold_by_shares_and_all_else_goes_on(
    tmp_path: Path, postgres_url: str, valkey: Valkey, clients: httpx2.AsyncClient
) -> None:
    async with two_replicas(tmp_path, postgres_url, valkey, "enterprise") as replicas:
        account = await replicas.user("outage@example.com")
        key = await replicas.key(account, requests_per_minute=60)
        skewed = [replicas.urls[number % 10 == 0] for number in range(120)]
        assert await statuses(clients, key, skewed) == {200: 60, 429: 60}
        valkey.stop()
        told = await statuses(clients, key, skewed)
        assert set(told) <= {200, 429}
        assert told[200] <= 30
        assert await statuses(clients, account.key, skewed) == {200: 120}
        await management_goes_on(replicas, clients)
        fresh = await replicas.key(account, requests_per_minute=60)
        assert await statuses(clients, fresh, [replicas.urls[number % 2] for number in range(160)]) == {
            200: 60,
            429: 100,
        }


async def management_goes_on(replicas: Replicas, client: httpx2.AsyncClient) -> None:
    """What is kept in Valkey beside limits can be done without."""
    for number, url in enumerate(replicas.urls):
        log_in = {"email": "outage@example.com", "password": PASSWORD}
        answer = await client.post(f"{url}/auth/login", json=log_in)
        assert answer.status_code == 200, answer.text
        token = answer.json()["data"]["token"]
        new = {"email": f"late{number}@example.com", "password": PASSWORD, "name": "Late"}
        assert (await client.post(f"{url}/auth/signup", json=new)).status_code == 200
        answer = await client.get(f"{url}/workspaces", headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 200, answer.text
        assert (await client.post(f"{url}/api/auth/logout", headers={"authorization": f"Bearer {token}"})).is_success
