"""The settings of the edge: every option with its unit, default and meaning.

Each is a command-line option (`--max-body-mib`) and an environment variable (`PERPETUO_MAX_BODY_MIB`); the command line
wins.
"""

from pathlib import Path
from typing import Literal

from options.kinds import NameList
from options.option import option
from options.settings import Settings


def _check_address(value: str) -> None:
    port = value.rpartition(":")[2]
    if value and not (":" in value and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError("expected HOST:PORT")


class EdgeSettings(Settings):
    """Options of the REST face."""

    host: str = option("Address to listen on.", default="127.0.0.1")
    port: int = option("Port of the REST face; 0 picks a free one.", default=8000, ge=0, le=65535)
    core: str = option("HOST:PORT of the gRPC core, when it runs in another process.", default="", check=_check_address)
    cors_origins: NameList = option("Origins of web pages that may call, by commas; `*` for all.", default=())
    max_body_mib: int = option("Largest request body, MiB.", default=32, ge=1, le=256)
    tls_cert: Path | None = option("File of the TLS certificate chain, PEM; with --tls-key.", default=None)
    tls_key: Path | None = option("File of the TLS private key, PEM; with --tls-cert.", default=None)
    trusted_proxies: NameList = option(
        "Addresses or networks of proxies whose X-Forwarded-For is believed, by commas; `*` for all.", default=()
    )
    max_connections_per_address: int = option(
        "Connections from one address at most, trusted proxies apart; 0 for any number.", default=1000, ge=0
    )
    max_in_flight: int = option(
        "Requests that are served at the same time; more are refused. 0 for no bound.", default=16_000, ge=0
    )
    max_lag_ms: float = option(
        "How late the event loop may be, for half a second, before calls are refused, ms. 0 for no bound.",
        default=50.0,
        ge=0,
    )
    ready_file: Path | None = option("File written with port and process id once it serves.", default=None)
    grace_s: float = option("Time that running requests get when the edge stops, seconds.", default=10.0, ge=0)
    log_level: Literal["debug", "info", "warning", "error"] = option("Least severe log line shown.", default="info")
    log_format: Literal["auto", "json", "console"] = option("Form of log lines on standard error.", default="auto")

    def check(self) -> None:
        """Raises ValueError for half of what TLS needs."""
        super().check()
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("--tls-cert and --tls-key go together")
