"""What is told once the gateway serves: a few lines to paste into a shell, and a file for programs."""

import os
from pathlib import Path

import msgspec

from cli.serve_settings import ServeSettings
from cli.version import current_version

_METHOD = "perpetuo.v1.CompletionsService/CreateChatCompletion"
_SIGN_UP = '{"email":"you@example.com","password":"secure-password-123","name":"You"}'


def start_block(settings: ServeSettings, ports: tuple[int, int], demo_key: str, took_s: float) -> str:
    """What is printed once it serves: at most 12 lines, each of which can be pasted into a shell as it is."""
    scheme = "https" if settings.tls_cert else "http"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url, target = f"{scheme}://{host}:{ports[0]}", f"{host}:{ports[1]}"
    mode = "demo mode, not for production, " if demo_key else ""
    lines = [
        f"# perpetuo {current_version()}, {mode}ready in {took_s:.1f} s: REST {url}, gRPC {target}. Ctrl-C stops it."
    ]
    if demo_key:
        auth = f"-H 'authorization: Bearer {demo_key}'"
        lines += [
            f"export OPENAI_BASE_URL={url}/v1 OPENAI_API_KEY={demo_key}",
            f"curl -s {url}/v1/chat/completions {auth} -d '{_asking('demo/echo')}'",
            f"curl -sN {url}/v1/chat/completions {auth} -d '{_asking('demo/slow', stream=True)}'",
            f"curl -s {url}/v1/models {auth}",
            f"grpcurl -plaintext {auth} -d '{_asking_typed('demo/echo')}' {target} {_METHOD}",
        ]
    else:
        lines.append(f"curl -s {url}/auth/signup -d '{_SIGN_UP}'")
    lines += [f"curl -s {url}/health/ready", f"python -m webbrowser {url}/docs"]
    return "\n".join(lines)


def _asking(model: str, *, stream: bool = False) -> str:
    more = ',"stream":true' if stream else ""
    return f'{{"model":"{model}","messages":[{{"role":"user","content":"hello"}}]{more}}}'


def _asking_typed(model: str) -> str:
    return f'{{"model":"{model}","messages":[{{"role":"user","content":{{"text":"hello"}}}}]}}'


def write_ready_file(
    path: Path, ports: tuple[int, int], demo_key: str = "", *, workers: list[int] | None = None
) -> None:
    """Writes the ports of the two faces, the process id and the demo key; `workers` are ports of single workers."""
    partial = path.with_name(f"{path.name}.partial")
    ready: dict[str, object] = {"port": ports[0], "grpc_port": ports[1], "pid": os.getpid(), "demo_key": demo_key}
    if workers is not None:
        ready["workers"] = workers
    partial.write_bytes(msgspec.json.encode(ready))
    partial.replace(path)


def write_worker_file(path: Path, own_port: int) -> None:
    """Writes what a worker tells its supervisor."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(msgspec.json.encode({"pid": os.getpid(), "own_port": own_port}))
    partial.replace(path)
