"""Answers in memory, by the fingerprint of their request, which holds the workspace; nothing else leads to one."""

from dataclasses import replace

from msgspec import Struct

from server.cache.shelves import Place, Shelves
from server.chat.deployment import Candidate
from server.chat.usage import Usage

AnswerKey = Place
"""Whose answer it is, by the id of the workspace, and the fingerprint of the request."""

OWN_NOTE = "Semantic cache: "
"""How notes begin that are of one request alone, and are not kept with its answer."""

_ENTRY_OVERHEAD_BYTES = 1024
_KEPT_FINISHES = frozenset({"stop", "length", "tool_calls", "function_call"})


class KeptAnswer(Struct, frozen=True):
    """A whole answer: `body` is the JSON of a chat completion as its provider gave it, `usage` what it took.

    `candidate` gave it; its credential is not kept. `notes` are what was changed or odd about the request and it.
    `is_plain` says that `body` is known to have no `gateway_metadata`. Behind its first `open_bytes` bytes one can be
    appended; 0 where that is not all that has to be done before it goes out.
    """

    candidate: Candidate
    body: bytes
    usage: Usage
    finish_reason: str | None
    notes: tuple[str, ...] = ()
    is_plain: bool = False
    open_bytes: int = 0

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


class Answers(Shelves[KeptAnswer]):
    """The answers that are kept."""

    def keep(self, key: AnswerKey, answer: KeptAnswer, now_s: float) -> bool:
        """Keeps an answer in place of an older one; refuses one that is not whole or takes too large a share."""
        return answer.is_whole and self.put(key, answer, answer.size_bytes, now_s)
