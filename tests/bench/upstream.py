"""The cheap upstreams, and nginx as the reverse proxy that everything is compared with.

`/whole` answers a static JSON body and `/burst` a static event stream, both by nginx; `/paced` sends one event at a
time, as a model does, `/slow` a whole answer after 50 ms, `/idle` the beginning of a stream that falls silent, all by a
bare asyncio server. nginx as a proxy carries the same paths.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import payload
from tests.bench.processes import free_port, program, wait_until_listening

_HEAD = """
daemon off;
{processes}
pid {name}.pid;
error_log stderr warn;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  tcp_nodelay on;
  client_body_temp_path {name}-body; proxy_temp_path {name}-proxy; fastcgi_temp_path {name}-fastcgi;
  uwsgi_temp_path {name}-uwsgi; scgi_temp_path {name}-scgi;
"""

_UPSTREAM = """
  types {{ application/json json; text/event-stream sse; }}
  sendfile off;
  open_file_cache max=10;
  server {{
    listen 127.0.0.1:{port} backlog=1024{shared};
    root static;
    client_max_body_size 8m;
    client_body_buffer_size 256k;
    location / {{ return 404; }}
    location = /whole/chat/completions {{ error_page 405 =200 /whole.json; return 405; }}
    location = /burst/chat/completions {{ error_page 405 =200 /burst.sse; return 405; }}
    location = /whole.json {{ internal; }}
    location = /burst.sse {{ internal; output_buffers 1 {event_bytes}; postpone_output 0; }}
  }}
}}
"""

_PROXY = """
  upstream static {{ server 127.0.0.1:{static_port}; keepalive 128; keepalive_requests 1000000000; }}
  upstream paced {{ server 127.0.0.1:{paced_port}; keepalive 128; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024{shared};
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    location /whole/ {{ proxy_pass http://static; }}
    location /burst/ {{ proxy_pass http://static; proxy_buffering off; }}
    location /paced/ {{ proxy_pass http://paced; proxy_buffering off; }}
    location /slow/ {{ proxy_pass http://paced; }}
    client_max_body_size 8m;
    client_body_buffer_size 256k;
  }}
}}
"""


_STATIC = ("whole", "burst")


@dataclass(frozen=True, slots=True)
class Upstreams:
    """Where the mock upstreams and the reverse proxy before them listen, on 127.0.0.1."""

    static_port: int
    paced_port: int
    proxy_port: int
    proxy_pid: int

    def base_url(self, kind: str) -> str:
        """What a provider entry of the gateway takes for one kind of answer."""
        return f"http://127.0.0.1:{self.static_port if kind in _STATIC else self.paced_port}/{kind}"


@contextmanager
def upstreams(
    folder: Path, *, measured: int | None, load: int | None, gap_ms: float, processes: int = 1
) -> Iterator[Upstreams]:
    """Runs the upstreams on the core of the load and the reverse proxy on the core of what is measured.

    Both nginx have so many processes, each with a socket of its own, as the gateway's workers do.
    """
    static = folder / "static"
    static.mkdir()
    (static / "whole.json").write_bytes(payload.answer())
    (static / "burst.sse").write_bytes(b"".join(payload.events()))
    static_port, paced_port, proxy_port = free_port(), free_port(), free_port()
    event_bytes = len(payload.events()[1])
    several = _several(processes)
    upstream = (_HEAD + _UPSTREAM).format(name="upstream", port=static_port, event_bytes=event_bytes, **several)
    ports = {"port": proxy_port, "static_port": static_port, "paced_port": paced_port}
    proxy = (_HEAD + _PROXY).format(name="proxy", **ports, **several)
    paced = [sys.executable, "-m", "tests.bench.paced", str(paced_port), str(gap_ms)]
    with ExitStack() as stack:
        log = folder / "paced.log"
        wait_until_listening(paced_port, stack.enter_context(program(paced, core=load, log=log)), log)
        stack.enter_context(_nginx(folder, "upstream", upstream, static_port, load))
        proxy_pid = stack.enter_context(_nginx(folder, "proxy", proxy, proxy_port, measured))
        yield Upstreams(static_port, paced_port, proxy_port, proxy_pid)


def _several(processes: int) -> dict[str, str]:
    """What nginx is told about its processes, and at each port that they share."""
    if processes == 1:
        return {"processes": "master_process off;\nworker_processes 1;", "shared": ""}
    # Processes of root's would else become a user who cannot read a folder of root's.
    user = "user root root;" if os.geteuid() == 0 else ""
    return {"processes": f"worker_processes {processes};\n{user}", "shared": " reuseport"}


@contextmanager
def _nginx(folder: Path, name: str, config: str, port: int, core: int | None) -> Iterator[int]:
    path = folder / f"{name}.conf"
    path.write_text(config, encoding="utf-8")
    command = [nginx_path() or "nginx", "-p", f"{folder}/", "-c", str(path), "-e", "stderr"]
    log = folder / f"{name}.log"
    with program(command, core=core, log=log) as pid:
        wait_until_listening(port, pid, log)
        yield pid


def nginx_path() -> str | None:
    """Where nginx is; Debian keeps it where only root's PATH leads."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")
