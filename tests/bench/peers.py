"""Other gateways, installed from the registries into throw-away environments, each with its own fast settings.

Each gets what it needs to carry the benchmark's requests to the same mock upstreams, one process, and nothing that it
does not need: no database, no log of requests. What it leaves out that Perpetuo does (key check, limits, request
records) stays left out, so that the comparison favours it.
"""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench import payload
from tests.bench.load import Target
from tests.bench.processes import free_port, program, wait_for_file, wait_until_listening
from tests.bench.scenarios import System
from tests.bench.upstream import Upstreams

_HOME: Final = Path("build/peers")
_KINDS: Final = ("whole", "paced", "burst", "slow")
_START_LIMIT_S: Final = 90.0

TENSORZERO_SCRIPT: Final = """
import asyncio, sys, tensorzero

async def main():
    gateway = await tensorzero._start_http_gateway(
        config_file=sys.argv[1], clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=True)
    open(sys.argv[2], "w").write(gateway.base_url)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a peer runs: its folder, its environment's folder, and the upstreams that it calls."""

    folder: Path
    home: Path
    running: Upstreams
    core: int | None


def start(name: str, stack: ExitStack, folder: Path, running: Upstreams, core: int | None) -> System:
    """Installs a peer if it is not there yet, and runs it until `stack` closes. Raises KeyError for other names."""
    starter = _STARTERS[name]
    site = Site(folder / name, _HOME.absolute() / name, running, core)
    site.folder.mkdir()
    site.home.mkdir(parents=True, exist_ok=True)
    return starter(site, stack)


def _python(home: Path, *packages: str) -> Path:
    """An environment with the packages in it."""
    python = home / "bin" / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "--compile", *packages], check=True)
    return python


def _tensorzero(site: Site, stack: ExitStack) -> System:
    """The HTTP gateway in its Python wheel, observability off. A model for each kind of upstream."""
    python = _python(site.home, "tensorzero==2026.6.0")
    lines = ["[gateway]", "observability.enabled = false"]
    for kind in _KINDS:
        lines += [f"[models.{kind}]", 'routing = ["mock"]', f"[models.{kind}.providers.mock]", 'type = "openai"']
        lines += [f'model_name = "{payload.MODEL}"', f'api_base = "{site.running.base_url(kind)}"']
        lines.append('api_key_location = "none"')
    config, told, log = site.folder / "tensorzero.toml", site.folder / "url", site.folder / "log"
    config.write_text("\n".join(lines), encoding="utf-8")
    pid = stack.enter_context(
        program([str(python), "-c", TENSORZERO_SCRIPT, str(config), str(told)], core=site.core, log=log)
    )
    url = wait_for_file(told, pid, log).decode().strip()
    targets = {kind: Target(f"{url}/chat/completions", model=f"tensorzero::model_name::{kind}") for kind in _KINDS}
    return System("TensorZero", (pid,), targets)


def _portkey(site: Site, stack: ExitStack) -> System:
    """The open gateway for Node; the upstream is named by headers."""
    if not (site.home / "node_modules").exists():
        text = (
            '{"private": true, "dependencies": {"@portkey-ai/gateway": "1.15.2"},'
            ' "overrides": {"@hono/node-server": "1.13.8"}}'
        )
        (site.home / "package.json").write_text(text, encoding="utf-8")
        npm = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
        subprocess.run(npm, cwd=site.home, check=True)
    port, log = free_port(), site.folder / "log"
    server = site.home / "node_modules/@portkey-ai/gateway/build/start-server.js"
    command = [shutil.which("node") or "node", str(server), f"--port={port}", "--headless"]
    pid = stack.enter_context(program(with_variables({"NODE_ENV": "production"}, command), core=site.core, log=log))
    wait_until_listening(port, pid, log)
    targets = {
        kind: Target(
            f"http://127.0.0.1:{port}/v1/chat/completions",
            headers=(("x-portkey-provider", "openai"), ("x-portkey-custom-host", site.running.base_url(kind))),
        )
        for kind in _KINDS
    }
    return System("Portkey", (pid,), targets)


def _litellm(site: Site, stack: ExitStack) -> System:
    """The proxy with one worker, production mode, bytecode compiled, no network at import."""
    python = _python(site.home, "litellm[proxy]==1.106.2", "httptools", "opentelemetry-api")
    lines = ["model_list:"]
    lines += [f"  - model_name: {payload.MODEL}", "    litellm_params:", f"      model: openai/{payload.MODEL}"]
    lines += [f"      api_base: {site.running.base_url('whole')}", "      api_key: none"]
    lines += ["general_settings:", "  dangerously_permit_weak_or_unset_master_key: true"]
    config, log, port = site.folder / "config.yaml", site.folder / "log", free_port()
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    options = {"LITELLM_MODE": "PRODUCTION", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    proxy = [str(python.parent / "litellm"), "--config", str(config), "--port", str(port), "--num_workers", "1"]
    pid = stack.enter_context(
        program(with_variables(options, [*proxy, "--host", "127.0.0.1"]), core=site.core, log=log)
    )
    wait_until_listening(port, pid, log, limit_s=_START_LIMIT_S)
    return System("LiteLLM", (pid,), {"whole": Target(f"http://127.0.0.1:{port}/v1/chat/completions")})


def with_variables(variables: Mapping[str, str], command: list[str]) -> list[str]:
    """The command with more environment variables."""
    return [shutil.which("env") or "env", *(f"{name}={value}" for name, value in variables.items()), *command]


_STARTERS: Final[Mapping[str, Callable[[Site, ExitStack], System]]] = {
    "tensorzero": _tensorzero,
    "portkey": _portkey,
    "litellm": _litellm,
}
NAMES: Final = tuple(_STARTERS)
"""The peers that can be measured."""


def main() -> int:
    """Runs the benchmark with every peer."""
    command = [sys.executable, "-m", "tests.bench", "--peers", ",".join(NAMES), *sys.argv[1:]]
    return subprocess.run(command, env=os.environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
