"""The settings of the edge: every option with its unit, default and meaning.

Each is a command-line option (`--max-body-mib`) and an environment variable (`PERPETUO_MAX_BODY_MIB`); the command line
wins.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from options.options import Options, option

Names = tuple[str, ...]
"""Names separated by commas."""


@dataclass(frozen=True, kw_only=True)
class EdgeSettings(Options):
    """Options of the REST face."""

    host: str = option("127.0.0.1", "Address to listen on.")
    port: int = option(8000, "Port of the REST face; 0 picks a free one.", ge=0, le=65535)
    core: str = option("", "HOST:PORT of the gRPC core, when it runs in another process.")
    tunnel: bool = option(
        True, "Carry calls to a core in another process over one stream instead of a call of gRPC for each."
    )
    cors_origins: Names = option((), "Origins of web pages that may call, by commas; `*` for all.")
    max_body_mib: int = option(32, "Largest request body, MiB.", ge=1, le=256)
    tls_cert: Path | None = option(None, "File of the TLS certificate chain, PEM; with --tls-key.")
    tls_key: Path | None = option(None, "File of the TLS private key, PEM; with --tls-cert.")
    trusted_proxies: Names = option(
        (), "Addresses or networks of proxies whose X-Forwarded-For is believed, by commas; `*` for all."
    )
    max_connections_per_address: int = option(
        1000, "Connections from one address at most, trusted proxies apart; 0 for any number.", ge=0
    )
    max_in_flight: int = option(
        16_000, "Requests that are served at the same time; more are refused. 0 for no bound.", ge=0
    )
    max_lag_ms: float = option(
        50.0, "How late the event loop may be, for half a second, before calls are refused, ms. 0 for no bound.", ge=0
    )
    ready_file: Path | None = option(None, "File written with port and process id once it serves.")
    grace_s: float = option(10.0, "Time that running requests get when the edge stops, seconds.", ge=0)
    log_level: Literal["debug", "info", "warning", "error"] = option("info", "Least severe log line shown.")
    log_format: Literal["auto", "json", "console"] = option("auto", "Form of log lines on standard error.")

    def __post_init__(self) -> None:
        port = self.core.rpartition(":")[2]
        if self.core and not (":" in self.core and port.isdigit() and 0 < int(port) < 65536):
            raise ValueError("--core: expected HOST:PORT (PERPETUO_CORE)")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("--tls-cert and --tls-key go together")
