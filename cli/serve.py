"""`perpetuo serve`: both halves in one process, joined by the in-process channel.

Exit codes: 0 stopped, 1 cannot serve, 2 wrong options.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from pydantic import ValidationError
from pydantic_settings import CliApp, SettingsConfigDict

from cli.version import current_version
from edge.serve import serving
from edge.settings import EdgeSettings
from edge.standalone import gateway_app
from server.accounts.secrets import SecretsInvalidError
from server.accounts.vault import SealBrokenError
from server.app import Core, collect_garbage_seldom
from server.demo import make_demo
from server.errors import StoreUnavailable
from server.settings import ServerSettings
from server.stores import SettingsError
from server.telemetry.logs import configure, log_format

_METHOD = "perpetuo.v1.CompletionsService/CreateChatCompletion"
_SIGN_UP = '{"email":"you@example.com","password":"secure-password-123","name":"You"}'


class ServeSettings(ServerSettings, EdgeSettings):
    """Serve REST and gRPC in one process. Options are also environment variables: --data-dir is PERPETUO_DATA_DIR."""

    model_config = SettingsConfigDict(cli_prog_name="perpetuo serve")


def main(arguments: Sequence[str], began: float) -> int:
    """Serves until SIGTERM or SIGINT; gives the exit code. `began` is the monotonic time of the command's start."""
    try:
        settings = CliApp.run(ServeSettings, cli_args=list(arguments))
    except ValidationError as error:
        for problem in error.errors():
            name = "-".join(str(part) for part in problem["loc"]).replace("_", "-")
            print(f"perpetuo serve: {'--' + name + ': ' if name else ''}{problem['msg']}", file=sys.stderr)
        return 2
    configure(log_format(settings.log_format), settings.log_level)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(settings, began))
    except SettingsError as error:
        print(f"perpetuo serve: {error}", file=sys.stderr)
        return 2
    except (OSError, RuntimeError, ValueError, StoreUnavailable, SecretsInvalidError, SealBrokenError) as error:
        print(f"perpetuo serve: cannot serve: {error}", file=sys.stderr)
        return 1
    return 0


async def _serve(settings: ServeSettings, began: float) -> None:
    if settings.core:
        raise SettingsError("--core is for `python -m edge`; perpetuo serve brings its own core.")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with await Core.open(settings) as core:
        demo_key = await make_demo(core.stores) if settings.demo else ""
        grpc_port = await core.start()
        async with serving(gateway_app(core.server.channel, settings), settings) as port:
            print(start_block(settings, (port, grpc_port), demo_key, time.monotonic() - began), flush=True)
            if settings.ready_file is not None:
                _write_ready_file(settings.ready_file, port, grpc_port, demo_key)
            collect_garbage_seldom()
            await stop.wait()


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


def _write_ready_file(path: Path, port: int, grpc_port: int, demo_key: str) -> None:
    partial = path.with_name(f"{path.name}.partial")
    ready = {"port": port, "grpc_port": grpc_port, "pid": os.getpid(), "demo_key": demo_key}
    partial.write_bytes(msgspec.json.encode(ready))
    partial.replace(path)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The loop of uvloop where it is installed, which makes HTTP cheaper; else the standard one."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
