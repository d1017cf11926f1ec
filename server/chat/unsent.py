"""Members of a request that a dialect does not carry: each is reported, unless it says what happens anyway.

Pure. A dialect names the members that it takes care of; every other one is a loss, but for those that are null, that
have the value which is assumed when they are absent, or that are for the gateway.
"""

from collections.abc import Container
from typing import Final

import msgspec

from server.chat.request import ChatRequest

_OURS: Final = frozenset({"model", "messages", "stream", "stream_options", "gateway"})
_NEUTRAL: Final = {
    "n": b"1",
    "logprobs": b"false",
    "store": b"false",
    "parallel_tool_calls": b"true",
    "tool_choice": b'"auto"',
    "function_call": b'"auto"',
    "service_tier": b'"auto"',
    "verbosity": b'"medium"',
    "modalities": b'["text"]',
}
_ZERO: Final = frozenset({"presence_penalty", "frequency_penalty"})
_EMPTY: Final = (b"null", b"{}", b"[]", b'""')
_NO_SUCH: Final = "is not sent: the provider has no such parameter."


def lose_others(request: ChatRequest, taken: Container[str], why: str = _NO_SUCH) -> None:
    """Reports the members that are neither `taken` nor without effect. Raises as `ChatRequest.lose` does."""
    for name, raw in request.members.items():
        if name in taken or name in _OURS:
            continue
        value = bytes(raw).strip()
        if value in _EMPTY or value == _NEUTRAL.get(name) or (name in _ZERO and _is_zero(value)):
            continue
        request.lose(name, why)


def _is_zero(value: bytes) -> bool:
    number: object = msgspec.json.decode(value)
    return number == 0
