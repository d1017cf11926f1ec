"""One gateway and one scripted upstream for the end-to-end tests of a worker process."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from cli.mock.upstream import MockUpstream
from tests.e2e.gateway import Account, Gateway, add_provider, change_credential, gateway, sign_up


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def perpetuo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway in a process of its own that may call loopback upstreams; new users have no limits."""
    directory = tmp_path_factory.mktemp("gateway")
    async with gateway(directory, "--allow-private-upstreams", "--default-plan", "enterprise") as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def upstream() -> AsyncIterator[MockUpstream]:
    """A scripted upstream on a free port."""
    async with MockUpstream() as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def account(perpetuo: Gateway, upstream: MockUpstream) -> Account:
    """A user whose only provider entry is the scripted upstream."""
    made = await sign_up(perpetuo.url, "tester@example.com")
    await add_provider(perpetuo.url, made, upstream.base_url)
    return made


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def nothing_held_against_the_upstream(request: pytest.FixtureRequest) -> None:
    """Gives the entry another credential for each test: what tests before have made of the upstream is forgotten."""
    if "account" in request.fixturenames and "perpetuo" in request.fixturenames:
        perpetuo, account = request.getfixturevalue("perpetuo"), request.getfixturevalue("account")
        await change_credential(perpetuo.url, account)
