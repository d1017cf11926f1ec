"""The settings of the edge: every option with its unit, default and meaning.

Each is a command-line option (`--max-body-mib`) and an environment variable (`PERPETUO_MAX_BODY_MIB`); the command line
wins.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

NameList = Annotated[tuple[str, ...], NoDecode]
"""Names separated by commas."""


class EdgeSettings(BaseSettings):
    """Options of the REST face."""

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
    port: int = Field(default=8000, ge=0, le=65535, description="Port of the REST face; 0 picks a free one.")
    core: str = Field(default="", description="HOST:PORT of the gRPC core, when it runs in another process.")
    tunnel: bool = Field(
        default=True,
        description="Carry calls to a core in another process over one stream instead of a call of gRPC for each.",
    )
    cors_origins: NameList = Field(
        default=(), description="Origins of web pages that may call, by commas; `*` for all."
    )
    max_body_mib: int = Field(default=32, ge=1, le=256, description="Largest request body, MiB.")
    tls_cert: Path | None = Field(default=None, description="File of the TLS certificate chain, PEM; with --tls-key.")
    tls_key: Path | None = Field(default=None, description="File of the TLS private key, PEM; with --tls-cert.")
    trusted_proxies: NameList = Field(
        default=(),
        description="Addresses or networks of proxies whose X-Forwarded-For is believed, by commas; `*` for all.",
    )
    max_connections_per_address: int = Field(
        default=1000, ge=0, description="Connections from one address at most, trusted proxies apart; 0 for any number."
    )
    max_in_flight: int = Field(
        default=16_000, ge=0, description="Requests that are served at the same time; more are refused. 0 for no bound."
    )
    max_lag_ms: float = Field(
        default=50.0,
        ge=0,
        description="How late the event loop may be, for half a second, before calls are refused, ms. 0 for no bound.",
    )
    ready_file: Path | None = Field(default=None, description="File written with port and process id once it serves.")
    grace_s: float = Field(
        default=10.0, ge=0, description="Time that running requests get when the edge stops, seconds."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log line shown."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="Form of log lines on standard error."
    )

    @field_validator("cors_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("core")
    @classmethod
    def _check_address(cls, value: str) -> str:
        port = value.rpartition(":")[2]
        if value and not (":" in value and port.isdigit() and 0 < int(port) < 65536):
            raise ValueError("expected HOST:PORT")
        return value

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("--tls-cert and --tls-key go together")
        return self
