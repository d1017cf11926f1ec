"""The settings of the core: every option with its unit, default and meaning.

Each is a command-line option (`--grpc-port`) and an environment variable (`PERPETUO_GRPC_PORT`); the command line wins.
"""

import ipaddress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

NameList = Annotated[tuple[str, ...], NoDecode]
"""Names separated by commas."""


class ServerSettings(BaseSettings):
    """Options of the gRPC core."""

    model_config = SettingsConfigDict(
        env_prefix="PERPETUO_",
        frozen=True,
        extra="ignore",
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_hide_none_type=True,
        cli_avoid_json=True,
    )

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    grpc_port: int = Field(default=50051, ge=0, le=65535, description="Port of the gRPC face; 0 picks a free one.")
    data_dir: Path = Field(default=Path("./data"), description="Directory of the database and of generated secrets.")
    database_url: str = Field(
        default="",
        description="Database: postgresql://user:password@host/name, or empty for SQLite in the data directory.",
        repr=False,
    )
    database_pool_size: int = Field(default=5, ge=1, le=1000, description="Connections to the database at most.")
    database_answer_s: float = Field(
        default=0.8, gt=0, description="Longest silence of a database that does not count as away, seconds."
    )
    spool_max_mib: int = Field(
        default=512, ge=0, description="Disk for request records that the database has not taken yet, MiB; 0 for none."
    )
    spool_sync: Literal["off", "batch", "always"] = Field(
        default="off",
        description="When the disk must have a request record: `batch` 0.1 s later, `always` before the answer ends.",
    )
    require_log: bool = Field(
        default=False, description="Refuse completions whose record could not be kept for want of disk."
    )
    state_url: str = Field(
        default="memory:",
        description="What replicas share, in Valkey or Redis: valkey://HOST:6379/0; `memory:` for one that is alone.",
    )
    replicas: int = Field(
        default=1, ge=1, le=1000, description="How many gateways share it; each has its part of the limits without it."
    )
    allow_private_upstreams: bool = Field(
        default=False, description="Let provider entries point at private addresses and plain http."
    )
    default_plan: Literal["free", "pro", "enterprise"] = Field(default="free", description="Plan of a new user.")
    signup: Literal["auto", "open", "first", "closed"] = Field(
        default="auto", description="Who may sign up; `auto` is open on loopback, else only the first user."
    )
    trusted_edges: NameList = Field(
        default=("127.0.0.1", "::1"),
        description="Addresses or networks of REST faces in other processes whose word about callers is believed.",
    )
    demo: bool = Field(
        default=False, description="Make a demo user, provider and key; loopback only, not for production."
    )
    master_key: SecretStr = Field(
        default=SecretStr(""), description="Seals provider keys; empty: made in the data dir."
    )
    master_key_file: Path | None = Field(default=None, description="File that holds the master key.")
    old_master_key: SecretStr = Field(
        default=SecretStr(""),
        description="The master key before; what it sealed is sealed anew while serving.",
    )
    old_master_key_file: Path | None = Field(default=None, description="File that holds the master key before.")
    jwt_secret: SecretStr = Field(default=SecretStr(""), description="Signs tokens; empty: made in the data dir.")
    jwt_secret_file: Path | None = Field(default=None, description="File that holds the token secret.")
    ready_file: Path | None = Field(default=None, description="File written with ports and process id once it serves.")
    request_timeout_s: float = Field(default=600.0, gt=0, description="Longest time of a completion, seconds.")
    connect_timeout_s: float = Field(default=3.0, gt=0, description="Longest time to connect to an upstream, seconds.")
    first_token_timeout_s: float = Field(
        default=10.0, gt=0, description="Longest wait for the first content of a stream, seconds."
    )
    reasoning_first_token_timeout_s: float = Field(
        default=120.0, gt=0, description="The same for models that reason before they answer."
    )
    answer_timeout_s: float = Field(
        default=120.0, gt=0, description="Longest wait for an answer that is not streamed, seconds."
    )
    reasoning_answer_timeout_s: float = Field(
        default=600.0, gt=0, description="The same for models that reason before they answer."
    )
    idle_timeout_s: float = Field(
        default=30.0, gt=0, description="Longest time in which a stream says nothing, seconds."
    )
    drain_providers: NameList = Field(
        default=(),
        description="Providers, by commas, whose streams are read to their end when the caller leaves: usage is exact.",
    )
    drain_streams: int = Field(default=100, ge=0, description="Streams at most that are read on without their callers.")
    drain_s: float = Field(default=60.0, gt=0, description="Longest time in which such a stream is read on, seconds.")
    fetch_pictures: bool = Field(
        default=True, description="Fetch pictures by address for providers that take only bytes; public addresses only."
    )
    upstream_connections: int = Field(default=1000, ge=1, description="Connections to one upstream at most.")
    max_in_flight: int = Field(
        default=16_000, ge=0, description="Calls that are served at the same time; more are refused. 0 for no bound."
    )
    max_lag_ms: float = Field(
        default=50.0,
        ge=0,
        description="How late the event loop may be, for half a second, before calls are refused, ms. 0 for no bound.",
    )
    max_upstream_calls: int = Field(
        default=12_000, ge=0, description="Calls of providers at the same time; more wait in a queue. 0 for no bound."
    )
    queue_length: int = Field(
        default=1000, ge=0, description="Requests that may wait for a provider; more are refused with 503."
    )
    queue_per_tenant: int = Field(default=100, ge=1, description="Of these, of one user in one workspace at most.")
    queue_wait_s: float = Field(default=10.0, gt=0, description="Longest wait in the queue, seconds.")
    breaker_failures: int = Field(
        default=5, ge=1, le=1000, description="Failures in a row after which an upstream is left alone."
    )
    breaker_share: float = Field(
        default=0.5, gt=0, le=1, description="Share of failures, among 20 calls or more, after which it is."
    )
    breaker_window_s: float = Field(
        default=30.0, ge=1, le=3600, description="Time over which these are counted, seconds."
    )
    breaker_open_s: float = Field(
        default=10.0, ge=0.1, le=3600, description="How long it is left alone before one request tries it, seconds."
    )
    breaker_probes: int = Field(
        default=1, ge=1, le=100, description="Such tries in a row that have to be answered until all may ask it again."
    )
    cache_max_mib: int = Field(default=64, ge=0, description="Memory for kept answers, MiB; 0 keeps none.")
    cache_ttl_s: float = Field(default=3600.0, gt=0, description="How long an answer is kept, seconds.")
    semantic_threshold: float = Field(
        default=0.95, ge=0.5, le=1, description="How much alike requests must be to share an answer, of 1."
    )
    semantic_embedder: str = Field(
        default="lexical",
        min_length=1,
        description="What tells it: `lexical`, for the same words, or an embedding model, which is asked each time.",
    )
    log_retention_days: int = Field(default=0, ge=0, description="Days that logs are kept; 0 keeps them for ever.")
    content_retention_days: int = Field(
        default=30, ge=1, description="Days that prompts and answers are kept, of workspaces that want them kept."
    )
    content_max_kib: int = Field(
        default=256, ge=1, le=32768, description="How much of a prompt, and of its answer, is kept, KiB."
    )
    response_retention_days: int = Field(
        default=30, ge=1, description="Days that responses are kept whose callers want that."
    )
    response_max_kib: int = Field(
        default=4096, ge=1, le=65536, description="Largest response that is kept, with its conversation, KiB."
    )
    responses_max_mib: int = Field(
        default=256, ge=1, description="Kept responses of a workspace, compressed, MiB; beyond it the oldest go."
    )
    metrics: Literal["open", "private", "off"] = Field(
        default="private",
        description="Who may read GET /metrics: everybody, callers from private networks, or nobody.",
    )
    otlp_url: str = Field(
        default="",
        description="Where spans are sent, OTLP over HTTP: http://collector:4318. Empty: no request is traced.",
    )
    otlp_headers: SecretStr = Field(
        default=SecretStr(""), description="Headers for it, by commas: `name=value,name=value`."
    )
    trace_ratio: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Share of requests that are traced, of callers who trace nothing themselves.",
    )
    grace_s: float = Field(
        default=10.0, ge=0, description="Time that running requests get when the gateway stops, seconds."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log line shown."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="Form of log lines on standard error."
    )

    @field_validator("trusted_edges", "drain_providers", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("trusted_edges")
    @classmethod
    def _check_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ipaddress.ip_network(network, strict=False)
        return value
