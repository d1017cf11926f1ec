"""The settings of the core: every option with its unit, default and meaning.

Each is a command-line option (`--grpc-port`) and an environment variable (`PERPETUO_GRPC_PORT`); the command line wins.
"""

import ipaddress
from pathlib import Path
from typing import Literal

from options.kinds import NameList
from options.option import option
from options.secret import SecretStr
from options.settings import Settings


def _check_networks(value: NameList) -> None:
    for network in value:
        ipaddress.ip_network(network, strict=False)


class ServerSettings(Settings):
    """Options of the gRPC core."""

    host: str = option("Address to listen on.", default="127.0.0.1")
    grpc_port: int = option("Port of the gRPC face; 0 picks a free one.", default=50051, ge=0, le=65535)
    data_dir: Path = option("Directory of the database and of generated secrets.", default=Path("./data"))
    database_url: str = option(
        "Database: postgresql://user:password@host/name, or empty for SQLite in the data directory.",
        default="",
        shows=False,
    )
    database_pool_size: int = option("Connections to the database at most.", default=5, ge=1, le=1000)
    database_answer_s: float = option(
        "Longest silence of a database that does not count as away, seconds.", default=0.8, gt=0
    )
    spool_max_mib: int = option(
        "Disk for request records that the database has not taken yet, MiB; 0 for none.", default=512, ge=0
    )
    spool_sync: Literal["off", "batch", "always"] = option(
        "When the disk must have a request record: `batch` 0.1 s later, `always` before the answer ends.", default="off"
    )
    require_log: bool = option("Refuse completions whose record could not be kept for want of disk.", default=False)
    state_url: str = option(
        "What replicas share, in Valkey or Redis: valkey://HOST:6379/0; `memory:` for one that is alone.",
        default="memory:",
    )
    replicas: int = option(
        "How many gateways share it; each has its part of the limits without it.", default=1, ge=1, le=1000
    )
    allow_private_upstreams: bool = option(
        "Let provider entries point at private addresses and plain http.", default=False
    )
    default_plan: Literal["free", "pro", "enterprise"] = option("Plan of a new user.", default="free")
    signup: Literal["auto", "open", "first", "closed"] = option(
        "Who may sign up; `auto` is open on loopback, else only the first user.", default="auto"
    )
    trusted_edges: NameList = option(
        "Addresses or networks of REST faces in other processes whose word about callers is believed.",
        default=("127.0.0.1", "::1"),
        check=_check_networks,
    )
    demo: bool = option("Make a demo user, provider and key; loopback only, not for production.", default=False)
    master_key: SecretStr = option("Seals provider keys; empty: made in the data dir.", default=SecretStr(""))
    master_key_file: Path | None = option("File that holds the master key.", default=None)
    old_master_key: SecretStr = option(
        "The master key before; what it sealed is sealed anew while serving.", default=SecretStr("")
    )
    old_master_key_file: Path | None = option("File that holds the master key before.", default=None)
    jwt_secret: SecretStr = option("Signs tokens; empty: made in the data dir.", default=SecretStr(""))
    jwt_secret_file: Path | None = option("File that holds the token secret.", default=None)
    ready_file: Path | None = option("File written with ports and process id once it serves.", default=None)
    request_timeout_s: float = option("Longest time of a completion, seconds.", default=600.0, gt=0)
    connect_timeout_s: float = option("Longest time to connect to an upstream, seconds.", default=3.0, gt=0)
    first_token_timeout_s: float = option(
        "Longest wait for the first content of a stream, seconds.", default=10.0, gt=0
    )
    reasoning_first_token_timeout_s: float = option(
        "The same for models that reason before they answer.", default=120.0, gt=0
    )
    answer_timeout_s: float = option("Longest wait for an answer that is not streamed, seconds.", default=120.0, gt=0)
    reasoning_answer_timeout_s: float = option(
        "The same for models that reason before they answer.", default=600.0, gt=0
    )
    idle_timeout_s: float = option("Longest time in which a stream says nothing, seconds.", default=30.0, gt=0)
    drain_providers: NameList = option(
        "Providers, by commas, whose streams are read to their end when the caller leaves: usage is exact.", default=()
    )
    drain_streams: int = option("Streams at most that are read on without their callers.", default=100, ge=0)
    drain_s: float = option("Longest time in which such a stream is read on, seconds.", default=60.0, gt=0)
    fetch_pictures: bool = option(
        "Fetch pictures by address for providers that take only bytes; public addresses only.", default=True
    )
    upstream_connections: int = option("Connections to one upstream at most.", default=1000, ge=1)
    max_in_flight: int = option(
        "Calls that are served at the same time; more are refused. 0 for no bound.", default=16_000, ge=0
    )
    max_lag_ms: float = option(
        "How late the event loop may be, for half a second, before calls are refused, ms. 0 for no bound.",
        default=50.0,
        ge=0,
    )
    max_upstream_calls: int = option(
        "Calls of providers at the same time; more wait in a queue. 0 for no bound.", default=12_000, ge=0
    )
    queue_length: int = option("Requests that may wait for a provider; more are refused with 503.", default=1000, ge=0)
    queue_per_tenant: int = option("Of these, of one user in one workspace at most.", default=100, ge=1)
    queue_wait_s: float = option("Longest wait in the queue, seconds.", default=10.0, gt=0)
    breaker_failures: int = option("Failures in a row after which an upstream is left alone.", default=5, ge=1, le=1000)
    breaker_share: float = option(
        "Share of failures, among 20 calls or more, after which it is.", default=0.5, gt=0, le=1
    )
    breaker_window_s: float = option("Time over which these are counted, seconds.", default=30.0, ge=1, le=3600)
    breaker_open_s: float = option(
        "How long it is left alone before one request tries it, seconds.", default=10.0, ge=0.1, le=3600
    )
    breaker_probes: int = option(
        "Such tries in a row that have to be answered until all may ask it again.", default=1, ge=1, le=100
    )
    cache_max_mib: int = option("Memory for kept answers, MiB; 0 keeps none.", default=64, ge=0)
    cache_ttl_s: float = option("How long an answer is kept, seconds.", default=3600.0, gt=0)
    semantic_threshold: float = option(
        "How much alike requests must be to share an answer, of 1.", default=0.95, ge=0.5, le=1
    )
    semantic_embedder: str = option(
        "What tells it: `lexical`, for the same words, or an embedding model, which is asked each time.",
        default="lexical",
        min_length=1,
    )
    log_retention_days: int = option("Days that logs are kept; 0 keeps them for ever.", default=0, ge=0)
    content_retention_days: int = option(
        "Days that prompts and answers are kept, of workspaces that want them kept.", default=30, ge=1
    )
    content_max_kib: int = option("How much of a prompt, and of its answer, is kept, KiB.", default=256, ge=1, le=32768)
    response_retention_days: int = option("Days that responses are kept whose callers want that.", default=30, ge=1)
    response_max_kib: int = option(
        "Largest response that is kept, with its conversation, KiB.", default=4096, ge=1, le=65536
    )
    responses_max_mib: int = option(
        "Kept responses of a workspace, compressed, MiB; beyond it the oldest go.", default=256, ge=1
    )
    metrics: Literal["open", "private", "off"] = option(
        "Who may read GET /metrics: everybody, callers from private networks, or nobody.", default="private"
    )
    otlp_url: str = option(
        "Where spans are sent, OTLP over HTTP: http://collector:4318. Empty: no request is traced.", default=""
    )
    otlp_headers: SecretStr = option("Headers for it, by commas: `name=value,name=value`.", default=SecretStr(""))
    trace_ratio: float = option(
        "Share of requests that are traced, of callers who trace nothing themselves.", default=1.0, ge=0, le=1
    )
    grace_s: float = option("Time that running requests get when the gateway stops, seconds.", default=10.0, ge=0)
    log_level: Literal["debug", "info", "warning", "error"] = option("Least severe log line shown.", default="info")
    log_format: Literal["auto", "json", "console"] = option("Form of log lines on standard error.", default="auto")
