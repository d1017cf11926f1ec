"""A gateway with both faces in this process, rooms in it for single tests, and upstreams that misbehave.

A room is a workspace of its own with its key and its provider entries, so that nothing that one test does to a provider
is remembered in another.
"""

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import grpc.aio

from cli.mock.upstream import MockUpstream
from edge.serve import serving
from edge.settings import EdgeSettings
from edge.standalone import gateway_app
from server.accounts.keys import NewKey
from server.accounts.people import NewUser
from server.accounts.providers import NewProvider
from server.app import Core
from server.chat.principal import Plan
from server.chat.records import AttemptRecord, OperationRecord
from server.settings import ServerSettings
from server.upstream.address_book import SystemResolver
from tests.faults.asking import Question, Seen, ask_grpc, ask_rest
from tests.faults.asking_messages import ask_messages

PATHS = {"openai-compatible": "/v1", "anthropic": "", "google": "/v1beta"}
"""The providers whose dialects the mock speaks, and where it does."""

ANY_KEY = NewKey(name="room")

ANSWER_WAIT_S = 20.0
"""How long a test waits for what must come at once, on a busy machine."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """An upstream to be: what its mock plays, what that answers otherwise, and as whose it is entered."""

    scenario: str
    plain: str = ""
    provider: str = "openai-compatible"


@dataclass(frozen=True, slots=True)
class Target:
    """An upstream of a room: its entry, and the mock behind it if it is one."""

    entry_id: str
    mock: MockUpstream | None


@dataclass(frozen=True, slots=True)
class Room:
    """A workspace for one test."""

    lab: "Lab"
    workspace_id: str
    key: str
    targets: tuple[Target, ...]

    async def ask(self, *, is_stream: bool, is_grpc: bool = False, is_messages: bool = False, **more: Any) -> Seen:
        """What the caller sees of one request, by the face of messages if so; raises TimeoutError when it hangs."""
        lab = self.lab
        question = Question(self.key, is_stream, more.pop("timeout_s", lab.timeout_s), **more)
        async with asyncio.timeout(question.timeout_s + ANSWER_WAIT_S):
            if is_messages:
                return await ask_messages(lab.session, lab.url, question)
            if is_grpc:
                return await ask_grpc(lab.channel, question)
            return await ask_rest(lab.session, lab.url, question)

    async def record(self, request_id: str) -> OperationRecord:
        """The ledger's row of a request, with its attempts, as soon as it is written."""
        stores = self.lab.core.stores
        async with asyncio.timeout(ANSWER_WAIT_S):
            while True:
                async with stores.database.read() as tx:
                    found = await tx.operations.get(self.workspace_id, request_id)
                if found is not None:
                    return found
                await asyncio.sleep(0.01)

    async def let_go(self) -> None:
        """Waits until the upstreams have got rid of every request that they did not answer."""
        async with asyncio.timeout(ANSWER_WAIT_S):
            for mock in (target.mock for target in self.targets if target.mock is not None):
                while any(not each.is_answered and each.disconnected_at_s is None for each in mock.requests):
                    await asyncio.sleep(0.005)

    def attempts_at(self, record: OperationRecord, index: int) -> list[AttemptRecord]:
        """The attempts of a record that went to a target."""
        entry_id = self.targets[index].entry_id
        return [attempt for attempt in record.attempts if attempt.provider_id == entry_id]


@dataclass(slots=True)
class Lab:
    """A running gateway. `timeout_s` is the time that its callers allow a request."""

    core: Core
    url: str
    channel: grpc.aio.Channel
    session: aiohttp.ClientSession
    user_id: str
    timeout_s: float
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    @contextlib.asynccontextmanager
    async def room(
        self, *upstreams: "str | Upstream", provider: str = "openai-compatible", key: NewKey = ANY_KEY
    ) -> AsyncIterator[Room]:
        """A room whose entries are asked in this order. Each is a scenario of a mock, more of one, or a base URL."""
        number = next(self.numbers)
        accounts, entries = self.core.stores.accounts, self.core.stores.entries
        workspace = (await accounts.workspaces.create(self.user_id, f"Room {number}")).workspace
        created = await accounts.create_key(self.user_id, workspace.id, key)
        async with contextlib.AsyncExitStack() as stack:
            targets: list[Target] = []
            for place, given in enumerate(upstreams, 1):
                wanted = Upstream(given, provider=provider) if isinstance(given, str) else given
                mock = None
                if "://" not in wanted.scenario:
                    mock = await stack.enter_async_context(
                        MockUpstream(scenarios=[wanted.scenario], plain=wanted.plain)
                    )
                path = PATHS.get(wanted.provider, PATHS["openai-compatible"])
                base_url = wanted.scenario if mock is None else mock.origin + path
                secret = f"sk-room-{number}-{place}"
                new = NewProvider(wanted.provider, secret, place, base_url, name=f"Place {place}")
                targets.append(Target((await entries.add(workspace.id, new)).id, mock))
            try:
                yield Room(self, workspace.id, created.secret, tuple(targets))
            finally:
                await accounts.workspaces.delete(self.user_id, workspace.id)


@contextlib.asynccontextmanager
async def open_lab(directory: Path, *, timeout_s: float, **settings: Any) -> AsyncIterator[Lab]:
    """Serves on free ports until the block ends. `settings` are those of the core that are not the usual ones."""
    chosen: dict[str, Any] = {"allow_private_upstreams": True, "log_level": "error"} | settings
    core_settings = ServerSettings.from_environment(
        data_dir=directory, grpc_port=0, grace_s=0, default_plan="enterprise", **chosen
    )
    edge = EdgeSettings.from_environment(port=0, grace_s=0)
    async with await Core.open(core_settings) as core:
        grpc_port = await core.start()
        new = NewUser("lab@example.com", "secure-password-123", plan=Plan.ENTERPRISE)
        user = (await core.stores.accounts.create_user(new)).user
        async with (
            serving(gateway_app(core.server.channel, edge), edge) as port,
            grpc.aio.insecure_channel(f"127.0.0.1:{grpc_port}") as channel,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        ):
            yield Lab(core, f"http://127.0.0.1:{port}", channel, session, user.id, timeout_s)


@contextlib.contextmanager
def fixed_names() -> Any:
    """The names of a lab resolve to what is fixed here, so that no test asks the network; all others as ever."""
    original = SystemResolver.resolve

    async def resolve(resolver: SystemResolver, host: str, port: int) -> Sequence[Any]:
        if host.startswith("servfail."):
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        if host.startswith("rebound."):
            return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("10.1.2.3", port))]
        if host.startswith("nobody."):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return await original(resolver, host, port)

    SystemResolver.resolve = resolve  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        SystemResolver.resolve = original  # type: ignore[method-assign]
