"""Every table of the gateway, private to this package. `migrations/` must lead to exactly these; a test compares them.

The ledger's tables (operations, attempts) refer to nothing by foreign key: their rows outlive what they name, and a row
that is replayed after a crash must never be refused. The roll-ups sum them up by minute, hour and day, which begin at
`start_us`, in microseconds since 1970 UTC.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    false,
)

from server.storage.columns import FloatTuple, StringTuple, UtcMicros

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_ID = String(64)
_NAME = String(200)

USERS = Table(
    "users",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("email", String(320), nullable=False),
    Column("email_key", String(320), nullable=False, unique=True),  # the e-mail in lower case
    Column("password_hash", String(255), nullable=False),
    Column("name", _NAME, nullable=False),
    Column("plan", String(16), nullable=False),
    Column("is_disabled", Boolean, nullable=False),
    Column("tokens_valid_after", UtcMicros, nullable=False),
    Column("created_at", UtcMicros, nullable=False),
)

WORKSPACES = Table(
    "workspaces",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("owner_id", _ID, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", _NAME, nullable=False),
    Column("strategy", String(32), nullable=False),
    Column("is_default", Boolean, nullable=False),
    Column("created_at", UtcMicros, nullable=False),
    Column("weights", FloatTuple, nullable=False, server_default="[]"),
    Column("content_policy", String(16), nullable=False, server_default="metadata"),
    Column("cache_policy", String(16), nullable=False, server_default="default"),
    Column("hedge", Boolean, nullable=False, server_default=false()),
    Column("request_timeout_s", Float),
    Column("stream_mode", String(16), nullable=False, server_default="direct"),
    Index(None, "owner_id", "created_at"),
)

MEMBERS = Table(
    "members",
    METADATA,
    Column("workspace_id", _ID, ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", _ID, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("created_at", UtcMicros, nullable=False, server_default="0"),
    Index(None, "user_id"),
)

GATEWAY_KEYS = Table(
    "gateway_keys",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("workspace_id", _ID, ForeignKey("workspaces.id", ondelete="CASCADE"), nullable=False),
    Column("created_by", _ID, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("prefix", String(32), nullable=False),
    Column("last4", String(4), nullable=False),
    Column("key_hash", LargeBinary(32), nullable=False, unique=True),
    Column("name", _NAME, nullable=False),
    Column("expires_at", UtcMicros),
    Column("allowed_models", StringTuple, nullable=False),
    Column("is_revoked", Boolean, nullable=False),
    Column("created_at", UtcMicros, nullable=False),
    Column("last_used_at", UtcMicros),
    Column("requests_per_minute", BigInteger),
    Column("requests_per_day", BigInteger),
    Column("tokens_per_minute", BigInteger),
    Column("tokens_per_day", BigInteger),
    Column("replaced_by", _ID),  # the key that took its place
    Index(None, "workspace_id", "created_at", "id"),
    Index(None, "created_by"),
)

PRICE_LISTS = Table(
    "price_lists",
    METADATA,
    Column("workspace_id", _ID, ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("changed_at", UtcMicros, nullable=False),
    Column("changed_by", _ID, nullable=False),
)

# Of those lists; in nano-dollars per million tokens.
PRICE_ROWS = Table(
    "price_rows",
    METADATA,
    Column("workspace_id", _ID, ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True),
    Column("provider", String(64), primary_key=True),
    Column("model", _NAME, primary_key=True),
    Column("input_nanousd", BigInteger, nullable=False),
    Column("output_nanousd", BigInteger, nullable=False),
    Column("cache_read_nanousd", BigInteger),
    Column("cache_write_nanousd", BigInteger),
)

PROVIDER_ENTRIES = Table(
    "provider_entries",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("workspace_id", _ID, ForeignKey("workspaces.id", ondelete="CASCADE"), nullable=False),
    Column("provider", String(64), nullable=False),
    Column("name", _NAME, nullable=False),
    Column("sealed_api_key", LargeBinary, nullable=False),
    Column("masked_key", String(32), nullable=False),
    Column("base_url", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("weight", Integer, nullable=False),
    Column("models", StringTuple, nullable=False),
    Column("is_enabled", Boolean, nullable=False),
    Column("last_verified_at", UtcMicros),
    Column("flagged_reason", String(64)),
    Column("created_at", UtcMicros, nullable=False),
    Index(None, "workspace_id", "created_at", "id"),
)

REVOKED_TOKENS = Table(
    "revoked_tokens",
    METADATA,
    Column("jti", _ID, primary_key=True),
    Column("expires_at", UtcMicros, nullable=False),
    Index(None, "expires_at"),
)

# What the gateway keeps for itself, sealed by the vault.
SEALED_VALUES = Table(
    "sealed_values",
    METADATA,
    Column("name", _ID, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)

_FILTERED = ("provider", "model", "status", "outcome", "key_id")

OPERATIONS = Table(
    "operations",
    METADATA,
    Column("request_id", _ID, primary_key=True),
    Column("workspace_id", _ID, nullable=False),
    Column("user_id", _ID, nullable=False),
    Column("key_id", _ID),
    Column("surface", String(16), nullable=False),
    Column("client_request_id", Text),
    Column("model_requested", Text, nullable=False),
    Column("model", Text, nullable=False),  # at most 200 characters: it is in an index
    Column("provider", String(64), nullable=False),
    Column("provider_id", _ID, nullable=False),
    Column("strategy", String(32), nullable=False),
    Column("complexity", String(16), nullable=False),
    Column("is_stream", Boolean, nullable=False),
    Column("is_cache_hit", Boolean, nullable=False),
    Column("status", Integer, nullable=False),
    Column("outcome", String(64), nullable=False),
    Column("input_tokens", BigInteger),
    Column("cache_read_tokens", BigInteger),
    Column("cache_write_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger),
    Column("is_estimated", Boolean),
    Column("cost_nanousd", BigInteger),
    Column("price_version", String(64)),
    Column("latency_ms", BigInteger, nullable=False),
    Column("first_token_ms", BigInteger),
    Column("created_at", UtcMicros, nullable=False),
    Column("notes", StringTuple, nullable=False),
    Column("saved_nanousd", BigInteger),
    # The times of the only attempt, where its row would otherwise say what is said here; else there are rows of them.
    Column("call_started_at", UtcMicros),
    Column("call_latency_ms", BigInteger),
    Column("call_first_token_ms", BigInteger),
    # What filters ask for stands in the index itself: what does not agree is passed over without its row.
    Index("ix_operations_page", "workspace_id", "created_at", "request_id", *_FILTERED),
    Index(None, "user_id", "created_at"),
)

ATTEMPTS = Table(
    "attempts",
    METADATA,
    Column("request_id", _ID, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("provider_id", _ID, nullable=False),
    Column("provider", String(64), nullable=False),
    Column("model", Text, nullable=False),
    Column("outcome", String(64), nullable=False),
    Column("status", Integer),
    Column("started_at", UtcMicros, nullable=False),
    Column("latency_ms", BigInteger, nullable=False),
    Column("first_token_ms", BigInteger),
    Column("input_tokens", BigInteger),
    Column("cache_read_tokens", BigInteger),
    Column("cache_write_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger),
    Column("is_estimated", Boolean),
    Column("cost_nanousd", BigInteger),
    Column("price_version", String(64)),
    Column("detail", Text, nullable=False),
)

# What was said, of workspaces that want it kept; compressed with zlib.
CONTENTS = Table(
    "contents",
    METADATA,
    Column("request_id", _ID, primary_key=True),
    Column("workspace_id", _ID, nullable=False),
    Column("created_at", UtcMicros, nullable=False),
    Column("request", LargeBinary, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("is_cut", Boolean, nullable=False),
    Column("is_redacted", Boolean, nullable=False),
    Index(None, "created_at"),
    Index(None, "workspace_id"),
)

# Responses that their callers want kept, with the items that they answer; compressed with zlib. `size_bytes` is what a
# row takes of its workspace's share.
RESPONSES = Table(
    "responses",
    METADATA,
    Column("workspace_id", _ID, primary_key=True),
    Column("response_id", _ID, primary_key=True),
    Column("created_at", UtcMicros, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("items", LargeBinary, nullable=False),
    Column("response", LargeBinary, nullable=False),
    Index(None, "created_at"),
    Index(None, "workspace_id", "size_bytes"),
)


def _rollup(name: str, key: Sequence[Column[Any]], sums: Sequence[str], first: str = "start_us") -> Table:
    """A table of sums, clustered by its key where the database can do that; `sums` are counters that only grow.

    After the workspace, `first` comes first in the key.
    """
    counters = [Column(each, BigInteger, nullable=False) for each in sums]
    names = [column.name for column in key if column.name not in {"workspace_id", first}]
    made = Table(name, METADATA, *key, *counters, PrimaryKeyConstraint("workspace_id", first, *names))
    # As a table with row ids it would hold its long keys twice.
    made.dialect_options["sqlite"]["with_rowid"] = False
    return made


def _key(*columns: Column[Any]) -> list[Column[Any]]:
    whose = Column("workspace_id", _ID, nullable=False)
    start = Column("start_us", BigInteger, nullable=False, autoincrement=False)
    return [whose, start, *columns]


def _text_key(name: str, kind: String | Text) -> Column[Any]:
    return Column(name, kind, nullable=False)


def _number_key(name: str) -> Column[Any]:
    return Column(name, Integer, nullable=False, autoincrement=False)


def _usage(name: str) -> Table:
    """Operations that agree in all of the key, summed up. `model` is the one asked for where none answered."""
    key = _key(
        _text_key("provider", String(64)),
        _text_key("provider_id", _ID),
        _text_key("model", Text()),
        _text_key("key_id", _ID),  # empty where there is none
        _number_key("status"),
        _text_key("outcome", String(64)),
        _number_key("is_cache_hit"),
    )
    return _rollup(name, key, USAGE_SUMS)


def _calls(name: str) -> Table:
    """Attempts, summed up under the time of their operation."""
    key = _key(
        _text_key("provider", String(64)),
        _text_key("provider_id", _ID),
        _text_key("model", Text()),
        _text_key("outcome", String(64)),
    )
    return _rollup(name, key, CALL_SUMS)


def _latencies(name: str) -> Table:
    """How many times fell into which bucket; `measure` says times of what, see `server.storage.rollups`."""
    key = _key(
        _number_key("measure"),
        _text_key("provider", String(64)),
        _text_key("model", Text()),
        _number_key("bucket"),
    )
    return _rollup(name, key, LATENCY_SUMS, "measure")


USAGE_SUMS = (
    "requests",
    "estimated_requests",
    "unpriced_requests",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_nanousd",
    "saved_nanousd",
    "latency_sum_ms",
    "first_tokens",
    "first_token_sum_ms",
)
CALL_SUMS = ("calls", "latency_sum_ms", "first_tokens", "first_token_sum_ms")
LATENCY_SUMS = ("times",)

USAGE_MINUTES = _usage("usage_minutes")
USAGE_HOURS = _usage("usage_hours")
USAGE_DAYS = _usage("usage_days")
CALL_HOURS = _calls("call_hours")
CALL_DAYS = _calls("call_days")
LATENCY_HOURS = _latencies("latency_hours")
LATENCY_DAYS = _latencies("latency_days")
