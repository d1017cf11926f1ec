"""Gateways to be judged by `perpetuo conformance`: how each is installed, set up and started.

All get the same budget: two more tries, 30 s for a silent upstream, one fallback. Everything else is as it comes. Those
of others are installed from the registries into throw-away environments; what they leave out stays left out.
"""

import json
import shutil
import subprocess
import sys
import urllib.request
import venv
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.bench.peers import TENSORZERO_SCRIPT, with_variables
from tests.bench.processes import free_port, program, wait_for_file, wait_until_listening

HOME: Final = Path("build/peers")
_START_LIMIT_S: Final = 120.0
_TRIES: Final = 2
_LIMIT_S: Final = 30
_KEY: Final = "sk-conformance-1234"


@dataclass(frozen=True, slots=True)
class Site:
    """Where a gateway runs: its folder, the base URLs of its upstreams, and more options for its command."""

    folder: Path
    primary: str
    fallback: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway that runs, as its callers need it. `label` names its version."""

    label: str
    url: str
    model: str
    key: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def perpetuo(site: Site, stack: ExitStack) -> Running:
    """Perpetuo: a workspace with two entries, the second of a model with a larger context, and `auto` for the model."""
    ready, log = site.folder / "ready.json", site.folder / "log"
    command = [sys.executable, "-m", "cli.main", "serve", "--port", "0", "--grpc-port", "0", "--ready-file", str(ready)]
    command += ["--data-dir", str(site.folder / "data"), "--allow-private-upstreams", "--default-plan", "enterprise"]
    pid = stack.enter_context(program([*command, *site.options], core=None, log=log))
    url = f"http://127.0.0.1:{json.loads(wait_for_file(ready, pid, log))['port']}"
    account = {"email": "conformance@example.com", "password": "Conformance-Passw0rd-4242", "name": "Conformance"}
    user = _post(f"{url}/api/auth/signup", account)
    for priority, (base_url, model) in enumerate(((site.primary, "gpt-4o-mini"), (site.fallback, "gpt-4.1-mini")), 1):
        entry = {"provider": "openai-compatible", "api_key": "any", "base_url": base_url, "models": [model]}
        _post(f"{url}/api/keys/providers", entry | {"priority": priority}, user["token"])
    version = subprocess.run(
        [sys.executable, "-m", "cli.main", "--version"], capture_output=True, text=True, check=True
    )
    return Running(f"Perpetuo {version.stdout.split()[-1]}", f"{url}/v1", "auto", user["api_key"])


def litellm(site: Site, stack: ExitStack) -> Running:
    """LiteLLM's proxy, one worker."""
    python = _python("litellm", "litellm[proxy]==1.106.2", "httptools", "opentelemetry-api")
    lines = ["model_list:"]
    for name, base_url in (("conformance", site.primary), ("backup", site.fallback)):
        lines += [f"  - model_name: {name}", "    litellm_params:", f"      model: openai/{name}-model"]
        lines += [f"      api_base: {base_url}", "      api_key: any"]
    lines += ["router_settings:", f"  num_retries: {_TRIES}", f"  timeout: {_LIMIT_S}", f"  stream_timeout: {_LIMIT_S}"]
    lines += ['  fallbacks: [{"conformance": ["backup"]}]']
    config, log, port = site.folder / "config.yaml", site.folder / "log", free_port()
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    options = {"LITELLM_MODE": "PRODUCTION", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"} | {
        "LITELLM_MASTER_KEY": "sk-conformance-1234"
    }
    command = [str(python.parent / "litellm"), "--config", str(config), "--port", str(port), "--num_workers", "1"]
    pid = stack.enter_context(program(with_variables(options, [*command, "--host", "127.0.0.1"]), core=None, log=log))
    wait_until_listening(port, pid, log, limit_s=_START_LIMIT_S)
    return Running("LiteLLM 1.106.2", f"http://127.0.0.1:{port}/v1", "conformance", _KEY)


def portkey(site: Site, stack: ExitStack) -> Running:
    """Portkey's open gateway for Node; the configuration comes with each request."""
    home = HOME.absolute() / "portkey"
    if not (home / "node_modules").exists():
        home.mkdir(parents=True, exist_ok=True)
        wanted = {"dependencies": {"@portkey-ai/gateway": "1.15.2"}, "overrides": {"@hono/node-server": "1.13.8"}}
        (home / "package.json").write_text(json.dumps({"private": True, **wanted}), encoding="utf-8")
        npm = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
        subprocess.run(npm, cwd=home, check=True)
    port, log = free_port(), site.folder / "log"
    server = home / "node_modules/@portkey-ai/gateway/build/start-server.js"
    command = [shutil.which("node") or "node", str(server), f"--port={port}", "--headless"]
    pid = stack.enter_context(program(with_variables({"NODE_ENV": "production"}, command), core=None, log=log))
    wait_until_listening(port, pid, log)
    retry = {"attempts": _TRIES, "on_status_codes": [429, 500, 502, 503, 504], "use_retry_after_headers": True}
    targets = [
        {"provider": "openai", "api_key": "any", "custom_host": base_url, "override_params": {"model": model}}
        | {"request_timeout": _LIMIT_S * 1000, "retry": retry}
        for base_url, model in ((site.primary, "conformance-model"), (site.fallback, "backup-model"))
    ]
    config = json.dumps({"strategy": {"mode": "fallback"}, "targets": targets})
    return Running("Portkey 1.15.2", f"http://127.0.0.1:{port}/v1", "conformance", "any", {"x-portkey-config": config})


def tensorzero(site: Site, stack: ExitStack) -> Running:
    """TensorZero's HTTP gateway in its Python wheel, observability off."""
    python = _python("tensorzero", "tensorzero==2026.6.0")
    lines = ["[gateway]", "observability.enabled = false", "[models.conformance]", 'routing = ["primary", "fallback"]']
    lines += [f"timeouts = {{ non_streaming.total_ms = {_LIMIT_S}000, streaming.ttft_ms = {_LIMIT_S}000 }}"]
    for name, base_url in (("primary", site.primary), ("fallback", site.fallback)):
        lines += [f"[models.conformance.providers.{name}]", 'type = "openai"', f'model_name = "{name}-model"']
        lines += [f'api_base = "{base_url}"', 'api_key_location = "none"']
    config, told, log = site.folder / "tensorzero.toml", site.folder / "url", site.folder / "log"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [str(python), "-c", TENSORZERO_SCRIPT, str(config), str(told)]
    pid = stack.enter_context(program(command, core=None, log=log))
    url = wait_for_file(told, pid, log).decode().strip()
    return Running("TensorZero 2026.6.0", url, "tensorzero::model_name::conformance", "any")


SYSTEMS: Final[Mapping[str, Callable[[Site, ExitStack], Running]]] = {
    "perpetuo": perpetuo,
    "litellm": litellm,
    "portkey": portkey,
    "tensorzero": tensorzero,
}
"""Every gateway by its name, ours first."""


def _python(name: str, *packages: str) -> Path:
    """The interpreter of an environment with the packages in it."""
    home = HOME.absolute() / name
    python = home / "bin" / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "--compile", *packages], check=True)
    return python


def _post(url: str, body: Mapping[str, Any], token: str = "") -> dict[str, Any]:
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
        return found
