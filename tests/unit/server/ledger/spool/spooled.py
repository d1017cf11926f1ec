"""Records and beginnings for the tests of the spool."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from server.chat.records import AttemptRecord, OperationRecord, OperationStart
from server.chat.usage import Usage

NOW = datetime(2026, 1, 11, 1, 2, 3, 456789, tzinfo=UTC)
USAGE = Usage(600, 400, 10, 150, 50, is_estimated=True)
FAILED = AttemptRecord(1, "prov_1", "openai", "gpt-4o", "UPSTREAM_UNAVAILABLE", 503, NOW, 12, detail="refused é\x00")
SERVED = AttemptRecord(2, "prov_2", "groq", "llama", "ok", 200, NOW, 345, 120, USAGE, 240_000, price_version="mine/1")


def ended(which: int, **change: Any) -> OperationRecord:
    """The record of a request that was answered at the second try."""
    members: dict[str, Any] = {
        "request_id": f"req_{which:06}",
        "workspace_id": "ws_1",
        "user_id": "usr_1",
        "key_id": None,
        "surface": "rest",
        "client_request_id": "mine",
        "model_requested": "auto",
        "model": "llama",
        "provider": "groq",
        "provider_id": "prov_2",
        "strategy": "default",
        "complexity": "simple",
        "is_stream": True,
        "is_cache_hit": False,
        "status": 200,
        "outcome": "ok",
        "usage": USAGE,
        "cost_nanousd": 2**40 + 1,
        "latency_ms": 345,
        "first_token_ms": 120,
        "created_at": NOW,
        "notes": ("dropped: logit_bias",),
        "attempts": (FAILED, SERVED),
        "saved_nanousd": None,
        "price_version": "mine/1",
    }
    return OperationRecord(**members | change)


def began(which: int, **change: Any) -> OperationStart:
    """The beginning of the same request, while the second try runs."""
    start = OperationStart(
        request_id=f"req_{which:06}",
        workspace_id="ws_1",
        user_id="usr_1",
        key_id=None,
        surface="rest",
        client_request_id="mine",
        model_requested="auto",
        strategy="default",
        complexity="simple",
        is_stream=True,
        is_cache_hit=False,
        at=NOW,
        provider_id="prov_2",
        provider="groq",
        model="llama",
        number=2,
        earlier=(FAILED,),
    )
    return msgspec.structs.replace(start, **change)
