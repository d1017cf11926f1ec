"""Request records for tests: one that was answered at the second try, and what a test wants otherwise."""

from datetime import UTC, datetime
from typing import Any

from server.chat.records import AttemptRecord, OperationRecord
from server.chat.usage import Usage

NOW = datetime(2026, 1, 11, 1, 2, 3, 456789, tzinfo=UTC)
USAGE = Usage(600, 400, 10, 150, 50, is_estimated=True)
FAILED = AttemptRecord(1, "prov_1", "openai", "gpt-4o", "UPSTREAM_UNAVAILABLE", 503, NOW, 12, detail="refused")
SERVED = AttemptRecord(2, "prov_2", "openai", "gpt-4o", "ok", 200, NOW, 345, 120, USAGE, 240_000)


def answered(**change: Any) -> OperationRecord:
    """A record with every member told but `client_request_id` and `saved_nanousd`, or with those of `change`."""
    members: dict[str, Any] = {
        "request_id": "req_1",
        "workspace_id": "ws_1",
        "user_id": "usr_1",
        "key_id": "key_1",
        "surface": "rest",
        "client_request_id": None,
        "model_requested": "auto",
        "model": "gpt-4o",
        "provider": "openai",
        "provider_id": "prov_2",
        "strategy": "default",
        "complexity": "simple",
        "is_stream": True,
        "is_cache_hit": False,
        "status": 200,
        "outcome": "ok",
        "usage": USAGE,
        "cost_nanousd": 240_000,
        "latency_ms": 345,
        "first_token_ms": 120,
        "created_at": NOW,
        "notes": ("dropped: logit_bias",),
        "attempts": (FAILED, SERVED),
    }
    return OperationRecord(**members | change)
