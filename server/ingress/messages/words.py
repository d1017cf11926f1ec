"""What an answer's end and its tokens are called here and there: finish reasons, classes of service, usage."""

from typing import Any, Final

import msgspec

from server.ingress.chat_answer import ChatUsage, End, counts_of

Members = dict[str, Any]

_STOP_REASONS: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
_OWN_STOP_REASONS: Final = frozenset(
    {
        "end_turn",
        "max_tokens",
        "stop_sequence",
        "tool_use",
        "pause_turn",
        "refusal",
        "model_context_window_exceeded",
    }
)
_TIERS: Final = {"default": "standard", "standard": "standard", "priority": "priority", "batch": "batch"}


def stop_reason(end: End, *, has_calls: bool) -> str:
    """Why an answer ended, in Anthropic's words; a vendor's own word wins if it is one of them.

    An answer that ended well says `tool_use` if it called a tool, and only then.
    """
    if end.native_finish_reason in _OWN_STOP_REASONS:
        return str(end.native_finish_reason)
    reason = _STOP_REASONS.get(end.finish_reason or "", "end_turn")
    if reason not in ("end_turn", "tool_use"):
        return reason
    if has_calls:
        return "tool_use"
    return "end_turn" if end.stop_sequence is None else "stop_sequence"


def usage_of(usage: ChatUsage, service_tier: str | None = None) -> Members:
    """Tokens in Anthropic's buckets: what was read from and written to the prompt cache is not part of the input."""
    counts = counts_of(usage)
    found: Members = {
        "input_tokens": counts.prompt - counts.read - counts.written,
        "cache_creation_input_tokens": counts.written,
        "cache_read_input_tokens": counts.read,
        "output_tokens": counts.completion,
    }
    if counts.written:
        found["cache_creation"] = {
            "ephemeral_5m_input_tokens": counts.written - counts.written_1h,
            "ephemeral_1h_input_tokens": counts.written_1h,
        }
    if counts.reasoning is not None:
        found["output_tokens_details"] = {"thinking_tokens": counts.reasoning}
    if service_tier in _TIERS:
        found["service_tier"] = _TIERS[str(service_tier)]
    return found


def message_id(chat_id: str | None) -> str:
    """The id of a message, from that of the chat completion."""
    return "msg_" + (chat_id or "").removeprefix("chatcmpl-").removeprefix("msg_")


def input_of(arguments: str) -> Any:
    """The arguments of a call as an object; text that is none is kept as Anthropic suggests for broken JSON."""
    if not arguments.strip():
        return {}
    try:
        found = msgspec.json.decode(arguments, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {"INVALID_JSON": arguments}
    return msgspec.Raw(arguments.encode()) if found else {}
