"""What an answer's end, its tokens and its citations are called in the Responses API."""

from typing import Any, Final

import msgspec
from msgspec import Raw

from server.ingress.chat_answer import ChatUsage, End, counts_of

Members = dict[str, Any]

_INCOMPLETE: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}
_LIMITED: Final = frozenset({"RATE_LIMITED", "UPSTREAM_RATE_LIMITED", "UPSTREAM_QUOTA"})


def incomplete_reason(end: End) -> str | None:
    """Why an answer is not complete; None for one that is."""
    return _INCOMPLETE.get(end.finish_reason or "")


def usage_of(usage: ChatUsage) -> Members:
    """Tokens under the names of the Responses API; parts count in their whole, as in chat completions."""
    counts = counts_of(usage)
    return {
        "input_tokens": counts.prompt,
        "input_tokens_details": {"cached_tokens": counts.read, "cache_write_tokens": counts.written},
        "output_tokens": counts.completion,
        "output_tokens_details": {"reasoning_tokens": counts.reasoning or 0},
        "total_tokens": counts.prompt + counts.completion,
    }


def annotation_of(raw: Raw) -> Any:
    """A citation: of an address its members without the object around them, any other as it came."""
    cited = msgspec.json.decode(raw)
    if isinstance(cited, dict) and isinstance(cited.get("url_citation"), dict):
        return {"type": "url_citation", **cited["url_citation"]}
    return raw


def error_code(reason: str) -> str:
    """OpenAI's code for an answer that failed."""
    return "rate_limit_exceeded" if reason in _LIMITED else "server_error"
