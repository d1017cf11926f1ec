"""Answers in memory: the newest and most used of each workspace, up to a number of bytes in all and an age.

A key is a fingerprint, which holds the workspace; nothing else leads to an answer. When there is no room, the workspace
that takes most gives way, so that no workspace can push out what others keep in their equal share. Time is an argument.
"""

from collections import OrderedDict
from dataclasses import replace

from msgspec import Struct

from server.chat.deployment import Candidate
from server.chat.usage import Usage

AnswerKey = tuple[str, bytes]
"""Whose answer it is, by the id of the workspace, and the fingerprint of the request."""

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


class _Shelf:
    """What one workspace keeps, used longest ago first."""

    __slots__ = ("entries", "size_bytes")

    def __init__(self) -> None:
        self.entries: OrderedDict[bytes, tuple[float, KeptAnswer]] = OrderedDict()
        self.size_bytes = 0

    def drop(self, key: bytes) -> int:
        """Takes an answer out, if it is there; what that frees."""
        entry = self.entries.pop(key, None)
        if entry is None:
            return 0
        self.size_bytes -= entry[1].size_bytes
        return entry[1].size_bytes


class Answers:
    """Keeps answers for `ttl_s` seconds in at most `max_bytes`; those used longest ago go first.

    All workspaces share the bytes. One alone may take them all; as soon as there is no room, whoever takes most loses
    its own oldest.
    """

    def __init__(self, max_bytes: int, ttl_s: float) -> None:
        self._max_bytes = max_bytes
        self._ttl_s = ttl_s
        self._shelves: dict[str, _Shelf] = {}
        self.size_bytes = 0

    def __len__(self) -> int:
        return sum(len(shelf.entries) for shelf in self._shelves.values())

    def size_of(self, workspace_id: str) -> int:
        """How many bytes a workspace takes."""
        shelf = self._shelves.get(workspace_id)
        return 0 if shelf is None else shelf.size_bytes

    def find(self, key: AnswerKey, now_s: float, max_age_s: float) -> KeptAnswer | None:
        """The answer of that key if it is young enough."""
        shelf = self._shelves.get(key[0])
        entry = None if shelf is None else shelf.entries.get(key[1])
        if shelf is None or entry is None:
            return None
        age_s = now_s - entry[0]
        if age_s >= self._ttl_s:
            self._drop(key)
            return None
        if age_s > max_age_s:
            return None
        shelf.entries.move_to_end(key[1])
        return entry[1]

    def keep(self, key: AnswerKey, answer: KeptAnswer, now_s: float) -> bool:
        """Keeps an answer in place of an older one; refuses one that is not whole or takes too large a share."""
        if not answer.is_whole or answer.size_bytes > self._max_bytes // _LARGEST_SHARE:
            return False
        self._drop(key)
        shelf = self._shelves.setdefault(key[0], _Shelf())
        shelf.entries[key[1]] = now_s, answer
        shelf.size_bytes += answer.size_bytes
        self.size_bytes += answer.size_bytes
        while self.size_bytes > self._max_bytes:
            largest = max(self._shelves, key=self.size_of)
            self._drop((largest, next(iter(self._shelves[largest].entries))))
        return True

    def _drop(self, key: AnswerKey) -> None:
        shelf = self._shelves.get(key[0])
        if shelf is not None:
            self.size_bytes -= shelf.drop(key[1])
            if not shelf.entries:
                del self._shelves[key[0]]
