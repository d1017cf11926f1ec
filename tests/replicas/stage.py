"""Two gateways, each a process of its own, on one PostgreSQL and one Valkey; and an upstream beside them."""

import contextlib
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx2

from tests.durability.stage import mock_upstream
from tests.e2e.gateway import Account, add_provider, running, sign_up
from tests.unit.server.state.valkeys import Valkey


@dataclass(frozen=True, slots=True)
class Replicas:
    """Gateways that share everything, by their ports."""

    ports: tuple[int, ...]
    upstream_url: str

    @property
    def urls(self) -> tuple[str, ...]:
        """Their REST faces."""
        return tuple(f"http://127.0.0.1:{port}" for port in self.ports)

    async def user(self, email: str) -> Account:
        """A new user, whose only provider entry is the upstream."""
        account = await sign_up(self.urls[0], email)
        await add_provider(self.urls[0], account, self.upstream_url)
        return account

    async def key(self, account: Account, **limits: int) -> str:
        """One more gateway key of that user, with limits of its own."""
        async with httpx2.AsyncClient(base_url=self.urls[0], headers=account.bearer, timeout=60) as client:
            answer = await client.post(f"/workspaces/{account.workspace_id}/keys", json={"name": "limited", **limits})
            assert answer.status_code == 200, answer.text
            found: str = answer.json()["data"]["key"]
            return found


def shared_options(folder: Path, database_url: str, valkey: Valkey, plan: str) -> Sequence[str]:
    """What gateways that share everything are told alike."""
    found = ["--database-url", database_url, "--state-url", valkey.url, "--default-plan", plan]
    for name in ("master-key-file", "jwt-secret-file"):
        path = folder / name
        if not path.exists():
            path.write_text(secrets.token_hex(32))
            path.chmod(0o600)
        found += [f"--{name}", str(path)]
    return [
        *found,
        "--allow-private-upstreams",
        "--max-lag-ms",
        "0",
        "--log-level",
        "warning",
        "--port",
        "0",
        "--grpc-port",
        "0",
    ]


@contextlib.asynccontextmanager
async def two_replicas(folder: Path, database_url: str, valkey: Valkey, plan: str) -> AsyncIterator[Replicas]:
    """Both, for as long as the block lasts; new users have that plan."""
    options = shared_options(folder, database_url, valkey, plan)
    async with contextlib.AsyncExitStack() as stack:
        upstream_url = await stack.enter_async_context(mock_upstream(folder))
        ports = []
        for name in ("a", "b"):
            own = folder / name
            own.mkdir()
            arguments = ("serve", *options, "--replicas", "2", "--data-dir", str(own / "data"))
            ready = await stack.enter_async_context(running(own, *arguments))
            ports.append(ready["port"])
        yield Replicas(tuple(ports), upstream_url)
