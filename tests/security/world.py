"""A gateway with both faces on loopback in this process, so that a test can see its database and forge its tokens."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import httpx2
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.rpc import error_details_pb2, status_pb2
from perpetuo.rest.v1 import annotations_pb2 as options

from edge.rest.services import gateway_services
from edge.serve import serving
from edge.settings import EdgeSettings
from edge.standalone import gateway_app
from edge.transcoder.binding import Binding, load_bindings
from edge.transcoder.profile import PERPETUO
from server.accounts.people import CreatedUser, NewUser
from server.app import Core
from server.demo import make_demo
from server.settings import ServerSettings

SERVICES: tuple[ServiceDescriptor, ...] = gateway_services()
METHODS: tuple[MethodDescriptor, ...] = tuple(method for service in SERVICES for method in service.methods)
BINDINGS: tuple[Binding, ...] = tuple(load_bindings(SERVICES, PERPETUO, require_access=True))
PASSWORD = "secure-password-123"
_LEDGER = ("operations", "attempts", "usage_", "call_", "latency_")


def access_of(method: MethodDescriptor) -> int:
    """Who may call a method."""
    return int(method.GetOptions().Extensions[options.access])


@dataclass(frozen=True, slots=True)
class Person:
    """A user with a token and a key."""

    made: CreatedUser
    token: str

    @property
    def id(self) -> str:
        """The user's id."""
        return self.made.user.id

    @property
    def workspace_id(self) -> str:
        """The default workspace."""
        return self.made.workspace.id


@dataclass(frozen=True, slots=True)
class World:
    """A running gateway."""

    core: Core
    url: str
    channel: grpc.aio.Channel
    data_dir: Path

    async def person(self, name: str) -> Person:
        """A new user."""
        accounts = self.core.stores.accounts
        made = await accounts.create_user(NewUser(f"{name}@example.com", PASSWORD))
        return Person(made, (await accounts.log_in(f"{name}@example.com", PASSWORD)).token)

    async def call(
        self, method: MethodDescriptor, fields: dict[str, Any], *headers: tuple[str, str]
    ) -> tuple[str, str]:
        """The outcome of a gRPC call: `OK`, or the reason; and the message."""
        request = message_factory.GetMessageClass(method.input_type)(**fields)
        answer_class = message_factory.GetMessageClass(method.output_type)
        path = f"/{method.containing_service.full_name}/{method.name}"
        make = self.channel.unary_stream if method.server_streaming else self.channel.unary_unary
        call: Any = make(path, type(request).SerializeToString, answer_class.FromString)(
            request, metadata=headers, timeout=20
        )
        try:
            if method.server_streaming:
                async for _ in call:
                    continue
            else:
                await call
        except grpc.aio.AioRpcError as error:
            return reason_of(error), str(error.details())
        finally:
            call.cancel()
        return "OK", ""

    def snapshot(self) -> dict[str, list[Any]]:
        """Every row of every table, without what every call touches."""
        with contextlib.closing(sqlite3.connect(f"file:{self.data_dir / 'perpetuo.db'}?mode=ro", uri=True)) as database:
            tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            kept = [table for table in tables if not table.startswith(_LEDGER)]
            rows = {table: sorted(database.execute(f"SELECT * FROM {table}").fetchall(), key=repr) for table in kept}
            names = [row[1] for row in database.execute("PRAGMA table_info(gateway_keys)")]
        used = names.index("last_used_at")
        rows["gateway_keys"] = [row[:used] + row[used + 1 :] for row in rows["gateway_keys"]]
        return rows


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """The reason in a status, its code where there is none."""
    raw = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    info = error_details_pb2.ErrorInfo()
    if raw is not None:
        for detail in status_pb2.Status.FromString(bytes(raw)).details:
            if detail.Is(info.DESCRIPTOR):
                detail.Unpack(info)
                return str(info.reason)
    return error.code().name


def path_of(binding: Binding, values: dict[str, str]) -> str:
    """The path of a binding with its variables filled in, `x` for what has no value."""
    path = binding.template.text
    for variable in binding.template.variables:
        for written in (f"{{{variable.field}}}", f"{{{variable.field}=**}}"):
            path = path.replace(written, values.get(variable.field, "x"))
    return path


@contextlib.asynccontextmanager
async def open_world(directory: Path) -> AsyncIterator[World]:
    """Serves on free ports until the block ends."""
    settings = ServerSettings.from_environment(
        data_dir=directory, demo=True, grpc_port=0, grace_s=0, allow_private_upstreams=True, default_plan="enterprise"
    )
    async with await Core.open(settings) as core:
        await make_demo(core.stores)
        grpc_port = await core.start()
        edge = EdgeSettings.from_environment(port=0, grace_s=0)
        async with (
            serving(gateway_app(core.server.channel, edge), edge) as port,
            grpc.aio.insecure_channel(f"127.0.0.1:{grpc_port}") as channel,
        ):
            yield World(core, f"http://127.0.0.1:{port}", channel, directory)


async def rest(client: httpx2.AsyncClient, binding: Binding, path: str, **more: Any) -> httpx2.Response:
    """Sends the request of a binding."""
    body = more.pop("body", {})
    content = json.dumps(body).encode() if binding.has_body else None
    return await client.request(binding.http_method, path, content=content, **more)


def without_ids(answer: httpx2.Response) -> dict[str, Any]:
    """The body of an error without the id of the request."""
    body: dict[str, Any] = answer.json()
    # Typed errors have it beside the error.
    (body if body.get("type") == "error" else body["error"]).pop("request_id")
    return body


def batches(items: list[Any], size: int) -> Iterator[list[Any]]:
    """The items, so many at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


async def together(calls: list[Any], size: int = 20) -> list[Any]:
    """What the calls answer, so many at once."""
    found: list[Any] = []
    for batch in batches(calls, size):
        found += await asyncio.gather(*batch)
    return found
