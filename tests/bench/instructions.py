"""`make bench-check`: how many instructions a request takes, beside a baseline that is committed.

Instructions are counted by callgrind, so that neither the machine's speed nor what else runs on it matters much. What
the kernel does is not counted. Batches of time (request records, log lines) hold fewer requests than under load, which
makes counts higher than the truth by the same amount every time. What the gateway does of itself, as by the second, is
counted apart while nobody asks, and taken off. `--update` writes the baseline anew.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.bench import gateway, grpc_calls, payload
from tests.bench.load import Target
from tests.bench.scenarios import CHAT
from tests.bench.upstream import upstreams

BASELINE: Final = Path(__file__).with_name("instructions.json")
TOLERANCE: Final = 0.08
"""By how much of the baseline a count may exceed it: the same tree differs by up to 4 % from run to run."""

_GAP_MS: Final = 20.0
"""Between two events of the paced stream, long enough for every event to be read by itself under valgrind."""


@dataclass(frozen=True, slots=True)
class Case:
    """The upstream that answers, the body that is sent, and one in how many requests is made.

    `is_apart`: edge and core are two processes, and both are counted. `connections` ask at the same time. `is_typed`:
    through the stubs of gRPC. `is_bare`: of a server that does nothing but answer, the least that such calls cost.
    `path` is where the gateway is asked.
    """

    upstream: str
    body: str
    one_in: int = 1
    is_apart: bool = False
    connections: int = 1
    is_typed: bool = False
    is_bare: bool = False
    path: str = CHAT


_CASES: Final = {
    "unary": Case("whole", "unary"),
    "stream": Case("burst", "stream"),
    "paced": Case("paced", "stream", one_in=8),
    "large": Case("whole", "large"),
    "repeated": Case("whole", "repeated"),
    "messages": Case("whole", "messages", path="/v1/messages"),
    "messages-paced": Case("paced", "messages_stream", one_in=8, path="/v1/messages"),
    "apart": Case("whole", "unary", is_apart=True, connections=8),
    "apart-paced": Case("paced", "stream", one_in=4, is_apart=True, connections=8),
    "grpc": Case("whole", "unary", is_typed=True),
    "grpc-paced": Case("paced", "stream", one_in=8, is_typed=True),
    "grpc-bare": Case("whole", "unary", is_typed=True, is_bare=True),
    "grpc-bare-paced": Case("paced", "stream", one_in=8, is_typed=True, is_bare=True),
}
_WARM_UP: Final = 50
_START_LIMIT_S: Final = 180.0
_SETTLE_S: Final = 1.0
_IDLE_S: Final = 15.0


@contextmanager
def counted_gateway(folder: Path, *, is_apart: bool = False) -> Iterator[gateway.Gateway]:
    """A gateway under callgrind that counts nothing yet."""
    core_options = ("--allow-private-upstreams", "--default-plan", "enterprise", "--data-dir", str(folder / "data"))
    with ExitStack() as stack:
        if is_apart:
            core = stack.enter_context(_counted(folder, "server", "--grpc-port", "0", *core_options))
            address = f"127.0.0.1:{core['grpc_port']}"
            edge = stack.enter_context(_counted(folder, "edge", "--core", address, "--port", "0"))
            yield gateway.Gateway((core["pid"], edge["pid"]), edge["port"], core["grpc_port"], 0.0)
        else:
            ports = ("--port", "0", "--grpc-port", "0")
            both = stack.enter_context(_counted(folder, "cli.main", "serve", *ports, *core_options))
            yield gateway.Gateway((both["pid"],), both["port"], both["grpc_port"], 0.0)


@contextmanager
def _target(folder: Path, case: Case) -> Iterator[tuple[gateway.Gateway, Target]]:
    """What answers a case, and where to ask it."""
    if case.is_bare:
        with _counted(folder, "tests.bench.grpc_bare", "--gap-ms", str(_GAP_MS)) as bare:
            yield gateway.Gateway((bare["pid"],), bare["port"], bare["port"], 0.0), Target(_grpc_url(bare["port"]))
        return
    with (
        upstreams(folder, measured=None, load=None, gap_ms=_GAP_MS) as running,
        counted_gateway(folder, is_apart=case.is_apart) as started,
    ):
        target = gateway.target(started, running, case.upstream)
        url = _grpc_url(started.grpc_port) if case.is_typed else target.url.replace(CHAT, case.path)
        yield started, replace(target, url=url)


def _grpc_url(port: int) -> str:
    return f"grpc://127.0.0.1:{port}"


@contextmanager
def _counted(folder: Path, module: str, *options: str) -> Iterator[dict[str, int]]:
    """A process under callgrind; gives what its ready file says."""
    ready_file, log = folder / f"{module}.ready", folder / f"{module}.log"
    command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/count.{module}"]
    command += [sys.executable, "-m", module, *options, "--ready-file", str(ready_file)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=os.environ | {"PYTHONHASHSEED": "0"})
    try:
        until = time.monotonic() + _START_LIMIT_S
        while not (ready_file.exists() and ready_file.read_bytes()):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the gateway did not come up:\n{log.read_text()[-2000:]}")
            time.sleep(0.1)
        ready: dict[str, int] = json.loads(ready_file.read_bytes())
        yield {**ready, "pid": process.pid}
    finally:
        process.terminate()
        process.wait(60)


def count(folder: Path, case: Case, requests: int) -> float:
    """Thousands of instructions for one request of a case."""
    body, requests = payload.bodies()[case.body], max(requests // case.one_in, case.connections)
    requests -= requests % case.connections
    with _target(folder, case) as (started, target):
        _ask_side_by_side(target, body, max(_WARM_UP // case.one_in, case.connections), case.connections)
        _control(started, "--instr=on")
        began_s = time.monotonic()
        _ask_side_by_side(target, body, requests, case.connections)
        time.sleep(_SETTLE_S)
        took_s = time.monotonic() - began_s
        _control(started, "--instr=off")
        _control(started, "--dump")
        served = _total_of(folder)
        idle_s = min(took_s, _IDLE_S)
        _control(started, "--instr=on")
        time.sleep(idle_s)
        _control(started, "--instr=off")
        _control(started, "--dump")
    # Dumps are numbered, and each begins at 0; what is written at the end is empty because counting is off.
    idle = _total_of(folder) - served
    return (served - idle * took_s / idle_s) / requests / 1000


def _ask_side_by_side(target: Target, body: bytes, times: int, connections: int) -> None:
    with ThreadPoolExecutor(connections) as pool:
        for asked in [pool.submit(_ask, target, body, times // connections) for _ in range(connections)]:
            asked.result()


def _ask(target: Target, body: bytes, times: int) -> None:
    address = urlsplit(target.url)
    if address.scheme == "grpc":
        grpc_calls.ask(target.url, target.key, body, times)
        return
    connection = HTTPConnection(address.netloc, timeout=120)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {target.key}"}
    for _ in range(times):
        connection.request("POST", address.path, body, headers)
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise RuntimeError(f"{target.url} answered {response.status}")
    connection.close()


def _control(started: gateway.Gateway, option: str) -> None:
    for pid in started.pids:
        command = ["callgrind_control", option, str(pid)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _total_of(folder: Path) -> int:
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in folder.glob("count*"))
    return sum(int(line.split()[1]) for text in texts for line in text.splitlines() if line.startswith("totals:"))


def compare(found: dict[str, float], baseline: dict[str, float]) -> tuple[list[str], bool]:
    """Lines of a table, and whether every case stayed within the tolerance."""
    lines = [f"{'thousand instructions per request':<36}{'baseline':>10}{'now':>10}{'ratio':>8}"]
    is_good = True
    for case, now in found.items():
        before = baseline.get(case)
        ratio = now / before if before else 1.0
        is_good = is_good and ratio <= 1 + TOLERANCE
        lines.append(
            f"  {case:<34}{before or 0:>10,.0f}{now:>10,.0f}{ratio:>8.3f}{'' if ratio <= 1 + TOLERANCE else '  !'}"
        )
    return lines, is_good


def main() -> int:
    """Counts and compares; gives 1 when a case became dearer than the tolerance allows."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.instructions", description=__doc__)
    parser.add_argument("--requests", type=int, default=200, help="requests counted in each case (default: 200)")
    parser.add_argument("--cases", default=",".join(_CASES), help="which, separated by commas (default: all)")
    parser.add_argument("--update", action="store_true", help="write the baseline instead of comparing with it")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        sys.stdout.write("Skipped: valgrind not found. Debian, Ubuntu: apt install valgrind\n")
        return 0
    found: dict[str, float] = {}
    for name in options.cases.split(","):
        with tempfile.TemporaryDirectory(prefix="perpetuo-count-") as folder:
            found[name] = round(count(Path(folder), _CASES[name], options.requests), 1)
    python = f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}"
    baseline = json.loads(BASELINE.read_text(encoding="utf-8"))
    if options.update:
        made = {"python": python, "thousands": baseline["thousands"] | found}
        BASELINE.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
        return 0
    if baseline["python"] != python:
        sys.stdout.write(f"The baseline is of {baseline['python']}, this is {python}: counts differ for that alone.\n")
    lines, is_good = compare(found, baseline["thousands"])
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
