"""Conversations that stay where they were: so that a provider's prompt cache is warm for the next turn.

Pure but for `Homes`, a small memory. Of equal entries a conversation's own is the one that its hash draws the highest
number for (rendezvous hashing, by weight), in every process and after every restart alike; when an entry goes, only its
conversations move. Who served a conversation last keeps it unless it is clearly worse, so that figures that come and go
do not move it to and fro.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec
from msgspec import Raw, Struct

from server.chat.prompt_tokens import Tokens
from server.chat.request import ChatRequest
from server.chat.view import Strategy

LEAST_TOKENS: Final = 1_024
"""A shorter prompt is kept by no provider, so that nothing is lost by moving it."""

STAYS_S: Final = 600.0
"""How long it is remembered who served a conversation last: no provider keeps a prompt much longer unasked."""

MAX_HOMES: Final = 10_000

By: TypeAlias = Literal["prompt_cache_key", "user", "conversation"]

_LIST: Final = msgspec.json.Decoder(list[Raw])
_BEFORE: Final = frozenset({"system", "developer"})
_FIRST: Final = -2.0
_END_CHARS: Final = 1_024
_SPAN: Final = float(1 << 64)


class Bond(Struct, frozen=True):
    """What a conversation is known by: its tenant with what the request says of itself, or how it begins."""

    key: bytes
    by: By


class Home(NamedTuple):
    """Who served a conversation last."""

    provider_id: str
    model: str


class Stay(Struct, frozen=True):
    """Whose a conversation is, and why; for explanations."""

    by: By
    provider_id: str
    because: str


class Margin(NamedTuple):
    """How much worse than the best a candidate may be: to be as good as it, and to keep what it has."""

    near: float
    far: float
    is_ratio: bool


_MESSAGES: Final = "messages"

MARGINS: Final[Mapping[Strategy, Margin]] = MappingProxyType(
    {
        "cheapest": Margin(1.0, 1.0, is_ratio=True),
        "fastest": Margin(1.25, 1.75, is_ratio=True),
        "reliable": Margin(0.02, 0.05, is_ratio=False),
        "balanced": Margin(0.05, 0.15, is_ratio=False),
    }
)
"""By strategy, in what it orders by; `default` goes by priority and compares nothing."""


def bond_of(request: ChatRequest, workspace_id: str, prompt_tokens: Tokens) -> Bond | None:
    """The bond of a request; None for one that no prompt cache would keep, or is no conversation."""
    view = request.view
    if view.prompt_cache_key:
        return Bond(_digest(workspace_id, "prompt_cache_key", view.prompt_cache_key.encode()), "prompt_cache_key")
    if prompt_tokens < LEAST_TOKENS or not (request.is_plain or _MESSAGES in request.members):
        return None
    if view.user:
        return Bond(_digest(workspace_id, "user", view.user.encode()), "user")
    return Bond(_digest(workspace_id, "conversation", *_beginning(request)), "conversation")


def _beginning(request: ChatRequest) -> list[bytes]:
    """The first messages, the system's and the one after them, each by its role and what is known of its content."""
    messages = request.view.messages
    count = next((at for at, message in enumerate(messages) if message.role not in _BEFORE), len(messages) - 1) + 1
    raw: list[Raw] = []
    found: list[bytes] = []
    for at, message in enumerate(messages[:count]):
        content = message.content
        if content.__class__ is str:
            assert isinstance(content, str)
            found += (message.role.encode(), *_known_of(content))
        else:
            raw = raw or _LIST.decode(request.members[_MESSAGES])
            found += _known_of(bytes(raw[at]).decode())
    return found


def _known_of(text: str) -> tuple[bytes, ...]:
    """The text, or of a long one its length and its ends: reading all of it would be the dearest part of routing it."""
    if len(text) <= 2 * _END_CHARS:
        return (text.encode(),)
    return b"%d" % len(text), text[:_END_CHARS].encode(), text[-_END_CHARS:].encode()


def _digest(workspace_id: str, by: str, *parts: bytes) -> bytes:
    made = hashlib.blake2b(digest_size=16)
    for part in (workspace_id.encode(), by.encode(), *parts):
        made.update(b"%d:" % len(part))
        made.update(part)
    return made.digest()


def pull(bond: Bond, provider_id: str, weight: int) -> float:
    """The number that a conversation draws for an entry, from -1 to 0: the lowest has it."""
    drawn = int.from_bytes(hashlib.blake2b(provider_id.encode(), digest_size=8, key=bond.key).digest(), "big")
    return -float(((drawn + 1) / _SPAN) ** (1.0 / weight))


def pulls(bond: Bond, home: Home | None, weights: Mapping[str, int]) -> dict[str, float]:
    """The numbers for entries, of which `weights` are by their ids; whoever served the conversation last is first."""
    found = {provider_id: pull(bond, provider_id, weight) for provider_id, weight in weights.items()}
    if home is not None and home.provider_id in found:
        found[home.provider_id] = _FIRST
    return found


def eased(value: float, best: float, strategy: Strategy, *, is_home: bool) -> float:
    """What a strategy orders a candidate by: that of the best if it is not clearly worse, else its own."""
    margin = MARGINS[strategy]
    allowed = margin.far if is_home else margin.near
    return best if value <= (best * allowed if margin.is_ratio else best + allowed) else value


class Homes:
    """Who served which conversation last, in this process. Time is an argument, in seconds of any steady clock."""

    def __init__(self, max_homes: int = MAX_HOMES, stays_s: float = STAYS_S) -> None:
        self._max_homes = max_homes
        self._stays_s = stays_s
        self._homes: OrderedDict[bytes, tuple[float, Home]] = OrderedDict()

    def of(self, bond: Bond, now_s: float) -> Home | None:
        """Who served it last; None if that was too long ago."""
        found = self._homes.get(bond.key)
        return None if found is None or now_s - found[0] > self._stays_s else found[1]

    def keep(self, bond: Bond, home: Home, now_s: float) -> None:
        """Notes who has served it now; those noted longest ago are forgotten first."""
        self._homes[bond.key] = now_s, home
        self._homes.move_to_end(bond.key)
        if len(self._homes) > self._max_homes:
            self._homes.popitem(last=False)
