"""What the cells of the matrix are played on: a gateway in a process of its own, and a fake upstream behind it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.gateway import Account, Gateway, add_provider, gateway, sign_up
from tests.matrix.upstream import Upstream, playable, upstream, wire_of


@dataclass(frozen=True, slots=True)
class Stage:
    """A gateway with an entry for each dialect, all of which lead to the fake upstream."""

    gateway: Gateway
    account: Account
    upstream: Upstream


@asynccontextmanager
async def staged(directory: Path) -> AsyncIterator[Stage]:
    """Sets the stage until the block ends; its data goes to `directory`."""
    options = ("--allow-private-upstreams", "--default-plan", "enterprise")
    async with upstream() as behind, gateway(directory, *options) as running:
        account = await sign_up(running.url, "matrix@example.com")
        for dialect, provider in playable().items():
            members = {"provider": provider, **wire_of(dialect).settings}
            await add_provider(running.url, account, behind.base_url(dialect), **members)
        yield Stage(running, account, behind)
