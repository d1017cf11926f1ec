"""Answers in memory: the newest and most used of all workspaces, up to a number of bytes and an age.

A key is a fingerprint, which holds the workspace; nothing else leads to an answer. Time is an argument.
"""

from collections import OrderedDict
from dataclasses import replace

from msgspec import Struct

from server.chat.deployment import Candidate
from server.chat.usage import Usage

_ENTRY_OVERHEAD_BYTES = 1024
_LARGEST_SHARE = 16
_KEPT_FINISHES = frozenset({"stop", "length", "tool_calls", "function_call"})


class KeptAnswer(Struct, frozen=True):
    """A whole answer: `body` is the JSON of a chat completion as its provider gave it, `usage` what it took.

    `candidate` gave it; its credential is not kept. `notes` are what was changed or odd about the request and it.
    """

    candidate: Candidate
    body: bytes
    usage: Usage
    finish_reason: str | None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"KeptAnswer({self.candidate!r}, {len(self.body)} bytes, {self.usage!r}, {self.finish_reason!r})"

    @property
    def size_bytes(self) -> int:
        """What it takes in memory, roughly."""
        return len(self.body) + _ENTRY_OVERHEAD_BYTES

    @property
    def is_whole(self) -> bool:
        """Whether it ended as an answer should; one that was filtered did not."""
        return self.finish_reason in _KEPT_FINISHES


def without_credential(candidate: Candidate) -> Candidate:
    """The candidate without the key that opens its provider."""
    return replace(candidate, deployment=replace(candidate.deployment, api_key=""))


class Answers:
    """Keeps answers for `ttl_s` seconds in at most `max_bytes`; those used longest ago go first."""

    def __init__(self, max_bytes: int, ttl_s: float) -> None:
        self._max_bytes = max_bytes
        self._ttl_s = ttl_s
        self._entries: OrderedDict[bytes, tuple[float, KeptAnswer]] = OrderedDict()
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, key: bytes, now_s: float, max_age_s: float) -> KeptAnswer | None:
        """The answer of that key if it is young enough."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        age_s = now_s - entry[0]
        if age_s >= self._ttl_s:
            self._drop(key)
            return None
        if age_s > max_age_s:
            return None
        self._entries.move_to_end(key)
        return entry[1]

    def keep(self, key: bytes, answer: KeptAnswer, now_s: float) -> bool:
        """Keeps an answer in place of an older one; refuses one that is not whole or takes too large a share."""
        if not answer.is_whole or answer.size_bytes > self._max_bytes // _LARGEST_SHARE:
            return False
        self._drop(key)
        self._entries[key] = now_s, answer
        self.size_bytes += answer.size_bytes
        while self.size_bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))
        return True

    def _drop(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.size_bytes -= entry[1].size_bytes
