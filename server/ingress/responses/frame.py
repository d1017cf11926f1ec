"""The response object around an answer: what every snapshot of it repeats of its request.

Members that were not sent have the value that OpenAI documents as their default.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw

from server.ingress.reading import is_set

Members = dict[str, Any]

_DEFAULTS: Final[Mapping[str, Any]] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}


_OBJECT: Final = msgspec.json.Decoder(dict[str, Raw])
_TRUE: Final = Raw(b"true")


class Frame:
    """The response of one request. `id` begins with `resp_`; ids of items are made of what follows.

    `is_kept` says that the request wants it kept.
    """

    def __init__(self, response_id: str, members: Mapping[str, Raw]) -> None:
        self.id = response_id
        self.is_kept = bytes(members.get("store", b"")) == b"true"
        self.created_at = 0
        self.model = ""
        self._echo: Members = {
            name: members[name] if name in members and is_set(members[name]) else default
            for name, default in _DEFAULTS.items()
        }

    def item_id(self, prefix: str, place: int) -> str:
        """The id of an item: what it is, and its place in the output."""
        return f"{prefix}_{self.id.removeprefix('resp_')}_{place}"

    def snapshot(self, status: str, output: Sequence[Any], **members: Any) -> Members:
        """The response as it stands. `members` are those that are known by now."""
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created_at,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "model": self.model,
            "output": list(output),
            "usage": None,
            **self._echo,
            "store": self.is_kept,
            **members,
        }

    def own(self, native: Raw) -> Raw:
        """A provider's own response with what the gateway did: what it goes on from, and where it is kept its id."""
        before = self._echo["previous_response_id"]
        if not self.is_kept and before is None:
            return native
        members: Members = {**_OBJECT.decode(native), "previous_response_id": before}
        if self.is_kept:
            members |= {"id": self.id, "store": _TRUE}
        return Raw(msgspec.json.encode(members))
