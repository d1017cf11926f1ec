"""Tries clients that others wrote, unmodified, on a running gateway: `make test-clients` is this.

They are installed below `build/clients`, each in an environment of its own and as pinned here; nothing of them is a
part of the product. Starts a demo gateway and a scripted upstream on free ports, tells the clients their addresses by
environment variables, and counts. Exits with 1 if anything failed or is missing.
"""

import asyncio
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.mock.upstream import MockUpstream
from tests.e2e.gateway import ROOT, add_provider, gateway, sign_up
from tests.matrix.stage import Stage, staged
from tests.matrix.upstream import playable

HERE = Path(__file__).parent
BUILD = ROOT / "build" / "clients"
NODE_FILES = ("package.json", "package-lock.json", "openai.test.mjs", "sdks.test.mjs", "grpc.test.mjs")
NODE_MIN_MAJOR = 18
_COUNT = re.compile(r"^# (pass|fail|cancelled) (\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Counts:
    """What came of a program's tests."""

    passed: int = 0
    failed: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.passed + other.passed, self.failed + other.failed)


def missing() -> str:
    """What has to be installed before anything can run; empty if nothing has."""
    absent = [name for name in ("node", "npm") if shutil.which(name) is None]
    if absent:
        return f"{' and '.join(absent)} not found. On Debian and Ubuntu: apt install nodejs npm"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < NODE_MIN_MAJOR:
        return f"Node.js {NODE_MIN_MAJOR} or newer is needed; this is {version}."
    return ""


def install(folder: Path, pins: Path, commands: Sequence[Sequence[str]]) -> None:
    """Runs the commands in the folder, once for each content of the pins. Raises CalledProcessError."""
    wanted = hashlib.sha256(pins.read_bytes() + str(folder).encode()).hexdigest()
    mark = folder / ".installed"
    if mark.exists() and mark.read_text() == wanted:
        return
    print(f"Installing what {pins.relative_to(ROOT)} pins into {folder.relative_to(ROOT)}", flush=True)
    for command in commands:
        subprocess.run(command, cwd=folder, check=True)
    mark.write_text(wanted)


def prepare_node() -> Path:
    """A folder with Node's clients and their tests."""
    folder = BUILD / "node"
    folder.mkdir(parents=True, exist_ok=True)
    for name in NODE_FILES:
        shutil.copyfile(HERE / name, folder / name)
    install(folder, HERE / "package-lock.json", [["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]])
    return folder


def prepare_python() -> Path:
    """The interpreter of an environment with Python's clients."""
    folder = BUILD / "python"
    folder.mkdir(parents=True, exist_ok=True)
    python = folder / "venv" / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    pins = HERE / "requirements.txt"
    install(folder, pins, [[sys.executable, "-m", "venv", "--clear", "venv"], [*pip, "-r", str(pins)]])
    return python


@asynccontextmanager
async def serving(directory: Path) -> AsyncIterator[Mapping[str, str]]:
    """A gateway and an upstream; gives the environment that tells clients where they are and which keys open them."""
    async with (
        MockUpstream() as upstream,
        gateway(directory, "--allow-private-upstreams", "--default-plan", "enterprise") as running,
    ):
        account = await sign_up(running.url, "clients@example.com")
        await add_provider(running.url, account, upstream.base_url)
        # An entry whose credential was refused rests for minutes, so that each such test needs one of its own.
        refused = [await sign_up(running.url, f"refused-{number}@example.com") for number in range(2)]
        for each in refused:
            await add_provider(running.url, each, upstream.base_url)
        yield {
            "PERPETUO_URL": running.url,
            "PERPETUO_TARGET": running.target,
            "PERPETUO_DEMO_KEY": running.demo_key,
            "PERPETUO_KEY": account.key,
            "PERPETUO_REFUSED_KEYS": " ".join(each.key for each in refused),
            "MOCK_URL": upstream.origin,
        }


def places(stage: Stage) -> Mapping[str, str]:
    """The environment that tells clients where every dialect is played, and by which provider."""
    return {
        "STAGE_URL": stage.gateway.url,
        "STAGE_KEY": stage.account.key,
        "STAGE_DIALECTS": json.dumps(playable()),
    }


async def run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> int:
    """Runs a program to its end; its exit code."""
    # A proxy is for elsewhere; everything here is on loopback.
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, env={**kept, **environment})
    return await process.wait()


async def try_node(folder: Path, environment: Mapping[str, str], report: Path) -> Counts:
    """Runs the tests in JavaScript: for people on standard output, for counting in `report`."""
    reporters = ["--test-reporter=spec", "--test-reporter-destination=stdout"]
    reporters += ["--test-reporter=tap", f"--test-reporter-destination={report}"]
    names = [name for name in NODE_FILES if name.endswith(".mjs")]
    code = await run(["node", "--test", *reporters, *names], folder, environment)
    found = {name: int(count) for name, count in _COUNT.findall(report.read_text() if report.exists() else "")}
    failed = found.get("fail", 0) + found.get("cancelled", 0)
    return Counts(found.get("pass", 0), max(failed, int(code != 0)))


async def try_python(python: Path, environment: Mapping[str, str], report: Path) -> Counts:
    """Runs the tests in Python, which write their counts into `report`."""
    code = await run([str(python), str(HERE / "langchain_client.py"), str(report)], report.parent, environment)
    found = json.loads(report.read_text()) if report.exists() else {"passed": 0, "failed": 0}
    return Counts(found["passed"], max(found["failed"], int(code != 0)))


async def try_all(node: Path, python: Path) -> Counts:
    """Runs every client against one gateway, and Node's SDKs against one with every dialect behind it.

    What the fake upstream would not have been asked by its vendor's SDK is a failure too.
    """
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "stage").mkdir()
        async with serving(directory) as known, staged(directory / "stage") as stage:
            environment = {**known, **places(stage)}
            counts = await try_node(node, environment, directory / "node.tap")
            counts += await try_python(python, environment, directory / "python.json")
            for fault in stage.upstream.faults:
                print(f"asked of the upstream: {fault}", file=sys.stderr)
            return counts + Counts(failed=len(stage.upstream.faults))


def main() -> int:
    """Installs, runs, tells; gives the exit code."""
    lacking = missing()
    if lacking:
        print(f"make test-clients: {lacking}", file=sys.stderr)
        return 1
    try:
        node, python = prepare_node(), prepare_python()
    except subprocess.CalledProcessError as error:
        print(f"make test-clients: {' '.join(error.cmd)} failed", file=sys.stderr)
        return 1
    counts = asyncio.run(try_all(node, python))
    print(f"{counts.passed} passed, {counts.failed} failed")
    return 1 if counts.failed or not counts.passed else 0


if __name__ == "__main__":
    sys.exit(main())
