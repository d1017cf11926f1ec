"""The settings of the core: every option with its unit, default and meaning.

Each is a command-line option (`--grpc-port`) and an environment variable (`PERPETUO_GRPC_PORT`); the command line wins.
"""

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from options.options import Options, option
from options.secret import Secret

Names = tuple[str, ...]
"""Names separated by commas."""


@dataclass(frozen=True, kw_only=True)
class ServerSettings(Options):
    """Options of the gRPC core."""

    host: str = option("127.0.0.1", "Address to listen on.")
    grpc_port: int = option(50051, "Port of the gRPC face; 0 picks a free one.", ge=0, le=65535)
    data_dir: Path = option(Path("./data"), "Directory of the database and of generated secrets.")
    database_url: str = option(
        "", "Database: postgresql://user:password@host/name, or empty for SQLite in the data directory.", is_shown=False
    )
    database_pool_size: int = option(5, "Connections to the database at most.", ge=1, le=1000)
    database_answer_s: float = option(0.8, "Longest silence of a database that does not count as away, seconds.", gt=0)
    spool_max_mib: int = option(
        512, "Disk for request records that the database has not taken yet, MiB; 0 for none.", ge=0
    )
    spool_sync: Literal["off", "batch", "always"] = option(
        "off", "When the disk must have a request record: `batch` 0.1 s later, `always` before the answer ends."
    )
    require_log: bool = option(False, "Refuse completions whose record could not be kept for want of disk.")
    state_url: str = option(
        "memory:", "What replicas share, in Valkey or Redis: valkey://HOST:6379/0; `memory:` for one that is alone."
    )
    replicas: int = option(1, "How many gateways share it; each has its part of the limits without it.", ge=1, le=1000)
    allow_private_upstreams: bool = option(False, "Let provider entries point at private addresses and plain http.")
    default_plan: Literal["free", "pro", "enterprise"] = option("free", "Plan of a new user.")
    signup: Literal["auto", "open", "first", "closed"] = option(
        "auto", "Who may sign up; `auto` is open on loopback, else only the first user."
    )
    trusted_edges: Names = option(
        ("127.0.0.1", "::1"),
        "Addresses or networks of REST faces in other processes whose word about callers is believed.",
    )
    demo: bool = option(False, "Make a demo user, provider and key; loopback only, not for production.")
    master_key: Secret = option(Secret(""), "Seals provider keys; empty: made in the data dir.")
    master_key_file: Path | None = option(None, "File that holds the master key.")
    old_master_key: Secret = option(Secret(""), "The master key before; what it sealed is sealed anew while serving.")
    old_master_key_file: Path | None = option(None, "File that holds the master key before.")
    jwt_secret: Secret = option(Secret(""), "Signs tokens; empty: made in the data dir.")
    jwt_secret_file: Path | None = option(None, "File that holds the token secret.")
    ready_file: Path | None = option(None, "File written with ports and process id once it serves.")
    request_timeout_s: float = option(600.0, "Longest time of a completion, seconds.", gt=0)
    connect_timeout_s: float = option(3.0, "Longest time to connect to an upstream, seconds.", gt=0)
    first_token_timeout_s: float = option(10.0, "Longest wait for the first content of a stream, seconds.", gt=0)
    reasoning_first_token_timeout_s: float = option(120.0, "The same for models that reason before they answer.", gt=0)
    answer_timeout_s: float = option(120.0, "Longest wait for an answer that is not streamed, seconds.", gt=0)
    reasoning_answer_timeout_s: float = option(600.0, "The same for models that reason before they answer.", gt=0)
    idle_timeout_s: float = option(30.0, "Longest time in which a stream says nothing, seconds.", gt=0)
    drain_providers: Names = option(
        (), "Providers, by commas, whose streams are read to their end when the caller leaves: usage is exact."
    )
    drain_streams: int = option(100, "Streams at most that are read on without their callers.", ge=0)
    drain_s: float = option(60.0, "Longest time in which such a stream is read on, seconds.", gt=0)
    fetch_pictures: bool = option(
        True, "Fetch pictures by address for providers that take only bytes; public addresses only."
    )
    upstream_connections: int = option(1000, "Connections to one upstream at most.", ge=1)
    max_in_flight: int = option(
        16_000, "Calls that are served at the same time; more are refused. 0 for no bound.", ge=0
    )
    max_lag_ms: float = option(
        50.0, "How late the event loop may be, for half a second, before calls are refused, ms. 0 for no bound.", ge=0
    )
    max_upstream_calls: int = option(
        12_000, "Calls of providers at the same time; more wait in a queue. 0 for no bound.", ge=0
    )
    queue_length: int = option(1000, "Requests that may wait for a provider; more are refused with 503.", ge=0)
    queue_per_tenant: int = option(100, "Of these, of one user in one workspace at most.", ge=1)
    queue_wait_s: float = option(10.0, "Longest wait in the queue, seconds.", gt=0)
    breaker_failures: int = option(5, "Failures in a row after which an upstream is left alone.", ge=1, le=1000)
    breaker_share: float = option(0.5, "Share of failures, among 20 calls or more, after which it is.", gt=0, le=1)
    breaker_window_s: float = option(30.0, "Time over which these are counted, seconds.", ge=1, le=3600)
    breaker_open_s: float = option(
        10.0, "How long it is left alone before one request tries it, seconds.", ge=0.1, le=3600
    )
    breaker_probes: int = option(
        1, "Such tries in a row that have to be answered until all may ask it again.", ge=1, le=100
    )
    cache_max_mib: int = option(64, "Memory for kept answers, MiB; 0 keeps none.", ge=0)
    cache_ttl_s: float = option(3600.0, "How long an answer is kept, seconds.", gt=0)
    semantic_threshold: float = option(0.95, "How much alike requests must be to share an answer, of 1.", ge=0.5, le=1)
    semantic_embedder: str = option(
        "lexical",
        "What tells it: `lexical`, for the same words, or an embedding model, which is asked each time.",
        min_length=1,
    )
    log_retention_days: int = option(0, "Days that logs are kept; 0 keeps them for ever.", ge=0)
    content_retention_days: int = option(
        30, "Days that prompts and answers are kept, of workspaces that want them kept.", ge=1
    )
    content_max_kib: int = option(256, "How much of a prompt, and of its answer, is kept, KiB.", ge=1, le=32768)
    response_retention_days: int = option(30, "Days that responses are kept whose callers want that.", ge=1)
    response_max_kib: int = option(4096, "Largest response that is kept, with its conversation, KiB.", ge=1, le=65536)
    responses_max_mib: int = option(
        256, "Kept responses of a workspace, compressed, MiB; beyond it the oldest go.", ge=1
    )
    metrics: Literal["open", "private", "off"] = option(
        "private", "Who may read GET /metrics: everybody, callers from private networks, or nobody."
    )
    otlp_url: str = option(
        "", "Where spans are sent, OTLP over HTTP: http://collector:4318. Empty: no request is traced."
    )
    otlp_headers: Secret = option(Secret(""), "Headers for it, by commas: `name=value,name=value`.")
    trace_ratio: float = option(
        1.0, "Share of requests that are traced, of callers who trace nothing themselves.", ge=0, le=1
    )
    grace_s: float = option(10.0, "Time that running requests get when the gateway stops, seconds.", ge=0)
    log_level: Literal["debug", "info", "warning", "error"] = option("info", "Least severe log line shown.")
    log_format: Literal["auto", "json", "console"] = option("auto", "Form of log lines on standard error.")

    def __post_init__(self) -> None:
        for network in self.trusted_edges:
            try:
                ipaddress.ip_network(network, strict=False)
            except ValueError as error:
                raise ValueError(f"--trusted-edges: {error} (PERPETUO_TRUSTED_EDGES)") from None
