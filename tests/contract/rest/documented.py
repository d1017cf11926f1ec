"""The answers that both references document, as data: family A at root paths, family B under `/api` and `/v1`."""

from tests.contract.rest.shapes import Named, OrNull, Same

EMAIL = "your@email.com"
PASSWORD = "secure-password-123"
NAME = "Your Name"
OTHER_EMAIL = "user@example.com"
OTHER_PASSWORD = "secure123"

_USER = {
    "id": "usr_123",
    "email": Same(EMAIL),
    "name": Same(NAME),
    "created_at": "2026-01-28T14:00:00Z",
}
_WORKSPACE = {"id": "ws_123", "name": Same("My Workspace"), "created_at": "2026-01-28T14:00:00Z"}
_PROVIDER = {"id": "prov_123", "provider": Same("openai"), "priority": Same(1)}
_MESSAGE = {"role": Same("assistant"), "content": "Hello! How can I help?"}
_CHOICES = [{"index": Same(0), "message": _MESSAGE, "finish_reason": Same("stop")}]
_COMPLETION = {
    "id": "chatcmpl-123",
    "object": Same("chat.completion"),
    "created": 1672531200,
    "model": "gpt-4",
    "choices": _CHOICES,
    "usage": {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30},
}

SIGN_UP_A = {
    "success": Same(True),
    "data": {"user": _USER, "token": "eyJhbGciOiJIUzI1NiIs...", "workspace": _WORKSPACE, "api_key": "pk_xxxxxxxx"},
}
LOG_IN_A = {"success": Same(True), "data": {"user": _USER, "token": "eyJhbGciOiJIUzI1NiIs..."}}
COMPLETION_A = {**_COMPLETION, "model": Same("gpt-4")}
WORKSPACES = {"workspaces": [_WORKSPACE]}
WORKSPACE = {**_WORKSPACE, "providers": [_PROVIDER]}
PROVIDER_ADDED = {"success": Same(True), "data": _PROVIDER}
LOG = {
    "request_id": "req_123",
    "model": "gpt-4",
    "provider": Same("openai"),
    "tokens": 1000,
    "cost": 0.06,
    "status": Same(200),
    "latency_ms": 345,
    "created_at": "2026-01-28T14:00:00Z",
}
LOGS = {"logs": [LOG]}

GATEWAY_METADATA = {
    "routed_to": "gpt-4o-mini",
    "complexity": Same("simple"),
    "cost_usd": 0.000012,
    "latency_ms": 234,
    "cache_hit": Same(False),
}
COMPLETION_B = {**_COMPLETION, "gateway_metadata": GATEWAY_METADATA}
_USER_B = {"id": "usr_abc123", "email": Same(OTHER_EMAIL), "plan": Same("free")}
LOG_IN_B = {"user": _USER_B, "token": "eyJhbGciOiJIUzI1..."}
SIGN_UP_B = {**LOG_IN_B, "api_key": "gw_xxxxxxxx"}
KEY_MADE = {
    "id": "key_abc123",
    "key": "gw_full_key_shown_once",
    "prefix": "gw_abc12...",
    "name": Same("Production Key"),
    "created_at": "2026-01-11T00:00:00Z",
}
KEYS = {
    "keys": [
        {
            "id": "key_abc123",
            "prefix": "gw_abc12...",
            "name": "Production Key",
            "created_at": "2026-01-11T00:00:00Z",
            "last_used_at": OrNull("2026-01-11T00:00:00Z"),
            "is_active": Same(True),
        }
    ]
}
PROVIDER_KEY_ADDED = {"id": "prov_123", "provider": Same("openai"), "is_active": Same(True)}
PROVIDER_KEYS = {
    "providers": [{**PROVIDER_KEY_ADDED, "last_verified_at": OrNull("2026-01-28T14:00:00Z")}],
}
OVERVIEW = {
    "total_cost": 124.56,
    "total_requests": 5432,
    "avg_latency_ms": 345,
    "cache_hit_rate": 32.5,
    "tokens_used": {"input": 543210, "output": 234567},
}
MODEL = {
    "id": "gpt-4o-mini",
    "provider": Same("openai"),
    "display_name": "GPT-4o mini",
    "pricing": {"input_per_1m": OrNull(0.15), "output_per_1m": OrNull(0.6)},
    "specs": {
        "context_window": 128000,
        "max_output": OrNull(16384),
        "supports_vision": True,
        "supports_streaming": True,
    },
    "performance": {"speed_tier": 5, "quality_tier": 2},
}
MODELS = {"models": [MODEL]}

# What the references leave to the contract that both families share.
USAGE_OF = {"tokens": 1000, "cost": 0.06}
USAGE = {"total_tokens": 1000, "total_cost": 0.06, "by_provider": Named(USAGE_OF)}
LATENCY = Named({"average_latency_ms": 345})
ERROR_RATES = Named({"error_rate": 0.25})
COST_BREAKDOWN = {"data": [{"date": "2026-01-28", "cost": 0.06, "requests": 2}]}
MODEL_DISTRIBUTION = {"data": [{"model": "gpt-4", "requests": 1, "percentage": 50.0, "cost": 0.06}]}
REQUESTS = {"data": [LOG], "pagination": {"page": Same(1), "limit": Same(50), "total": 2, "pages": Same(1)}}
ME = {"id": "usr_abc123", "email": Same(OTHER_EMAIL), "plan": Same("free")}
DELETED = {"id": "key_abc123", "deleted": Same(True)}
HEALTH = {"status": Same("ok"), "timestamp": "2026-01-28T14:00:00Z"}
OPENAI_MODELS = {"object": Same("list"), "data": [{"id": "gpt-4o-mini", "object": Same("model"), "owned_by": "openai"}]}


def error(kind: str, code: str, *, is_wrapped: bool = False) -> dict[str, object]:
    """The one body of errors; family A's wrapped paths say that they failed."""
    body: dict[str, object] = {
        "error": {
            "message": "What happened and what to do.",
            "type": Same(kind),
            "code": Same(code),
            "param": OrNull("email"),
            "request_id": "req_123",
            "details": {},
        }
    }
    return {"success": Same(False), **body} if is_wrapped else body
