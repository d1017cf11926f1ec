"""The candidates of a request before its text and the moment are looked at: what follows from names and keys alone.

A plan is made of a workspace's entries and of what the catalogue knows, and holds for as long as these do. Whatever is
another from one request or moment to the next is judged afresh over it, see `server.routing.filters`.
"""

from enum import Enum
from typing import TypeAlias

from msgspec import Struct

from server.catalogue.catalogue import Model
from server.chat.deployment import Candidate


class Resting(Struct, frozen=True):
    """A candidate that is left alone for a while.

    `rests_s` is for how long, in seconds, `askable_in_s` when it may be asked if nobody else can be, not later than
    that; 0 for now. `cause` is why, in words. `is_limit`: only because its provider limits the account.
    """

    rests_s: float
    askable_in_s: float
    cause: str
    is_limit: bool = False


class Filter(Enum):
    """What takes a candidate away."""

    KEY = "key"
    ENTRY = "entry"
    PROVIDER = "provider"
    CATALOGUE = "catalogue"
    CONTEXT = "context"
    VISION = "vision"
    AUDIO = "audio"
    TOOLS = "tools"
    FORM = "form"
    RETIRED = "retired"
    HEALTH = "health"
    SURPLUS = "surplus"


_REASONS = {
    Filter.KEY: "the key's allow-list does not have it",
    Filter.ENTRY: "the provider entry does not serve it",
    Filter.PROVIDER: "the request names another provider",
    Filter.CATALOGUE: "its provider is not known to serve it, and another entry's is",
    Filter.CONTEXT: "prompt and answer do not fit its {} tokens",
    Filter.VISION: "it does not take images",
    Filter.AUDIO: "it does not take sound",
    Filter.TOOLS: "it does not call tools",
    Filter.FORM: "its provider does not serve {}",
    Filter.RETIRED: "it is no longer served since {}",
    Filter.HEALTH: "it rests for {}",
    Filter.SURPLUS: "enough better ones are tried first",
}


class Rejected(Struct, frozen=True):
    """A candidate that a filter took away. `detail` is the figure in its reason, `resting` how it rests, if it does."""

    candidate: Candidate
    filter: Filter
    detail: str = ""
    resting: Resting | None = None

    @property
    def reason(self) -> str:
        """Why, in words."""
        return _REASONS[self.filter].format(self.detail)


class Option(Struct, frozen=True):
    """A candidate that passed. `place` is its place in the entry's own list of models."""

    candidate: Candidate
    facts: Model | None
    place: int = 0


class Plan(Struct, frozen=True):
    """The candidates in the order of the entries, each with what takes it away in any case, and who is none at all.

    `alone` is the only candidate, if there is but one and nothing takes it away in any case.
    """

    steps: tuple[tuple[Option, Rejected | None], ...]
    rejected: tuple[Rejected, ...]
    alone: Option | None = None


Plans: TypeAlias = dict[tuple[str, tuple[str, ...], str], Plan]
"""By the model that is named, the key's allow-list and the form that is needed."""
