"""What is kept of one provider entry and of its models: breakers, rests and a budget. State only, in bounds."""

from collections import OrderedDict
from typing import Final

from server.chat.deployment import Candidate, Deployment
from server.routing.health.breaker import USUAL_RULES, Breaker, BreakerRules
from server.routing.health.budget import FLOOR_PER_S, Budget
from server.routing.health.rest import Rest

MAX_ENTRIES: Final = 10_000
MAX_MODELS: Final = 64
"""Of one entry. Callers may name what models they like; those named longest ago go first."""


class ModelRecord:
    """One model of an entry. `limits` is how often it was limited in a row.

    `is_trusted`: nothing is held against it or its entry, and no failure was seen since the last answer. Of answers
    until `counted_until_s` only their number is noted then, for the slots of both windows that last as long.
    """

    __slots__ = ("answers", "breaker", "counted_until_s", "is_trusted", "limits", "name", "rest", "slots")

    def __init__(self, name: str, rules: BreakerRules = USUAL_RULES) -> None:
        self.name = name
        self.breaker = Breaker(rules)
        self.rest: Rest | None = None
        self.limits = 0
        self.is_trusted = False
        self.answers = 0
        self.counted_until_s = 0.0
        self.slots: tuple[list[int], ...] = ()

    @property
    def is_well(self) -> bool:
        """Whether nothing is held against it."""
        return self.rest is None and self.breaker.is_closed

    def count_in(self) -> None:
        """Has the windows know of the answers that were noted."""
        for slot in self.slots:
            slot[1] += self.answers
        self.answers = 0


class EntryRecord:
    """One provider entry as it is now: with another address or credential it is another one.

    One that others have told of is that of whoever is asked first. `had_reset`: a connection has ended without an
    answer since the last one that did not. `asked_s` is when a call went out last. `deployment` is the entry as it was
    looked for last, `last` the model that was. `trusted` are those of its models that are.
    """

    __slots__ = (
        "_rules",
        "asked_s",
        "breaker",
        "budget",
        "deployment",
        "had_reset",
        "last",
        "models",
        "provider",
        "rest",
        "trusted",
    )

    def __init__(self, deployment: Deployment | None, now_s: float, rules: BreakerRules = USUAL_RULES) -> None:
        self.deployment: Deployment | None = None
        self.provider = ""
        if deployment is not None:
            self._adopt(deployment)
        self._rules = rules
        self.breaker = Breaker(rules)
        self.budget = Budget(FLOOR_PER_S, now_s)
        self.rest: Rest | None = None
        self.models: OrderedDict[str, ModelRecord] = OrderedDict()
        self.last: ModelRecord | None = None
        self.had_reset = False
        self.asked_s = now_s
        self.trusted: list[ModelRecord] = []

    def is_of(self, deployment: Deployment) -> bool:
        """Whether it is about the entry as it is now."""
        known = self.deployment or deployment
        is_same = known.base_url == deployment.base_url and known.api_key == deployment.api_key
        if is_same:
            self._adopt(deployment)
        return is_same

    @property
    def is_well(self) -> bool:
        """Whether nothing is held against all of it."""
        return self.rest is None and self.breaker.is_closed

    def _adopt(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.provider = deployment.provider

    def trust(self, model: ModelRecord) -> None:
        """A model was answered by; it is trusted if nothing is held against it or the entry."""
        if not (self.is_well and model.is_well) or self.models.get(model.name) is not model:
            return
        if not model.is_trusted:
            model.is_trusted = True
            self.trusted.append(model)
        ours, its = self.breaker.window, model.breaker.window
        model.slots = ours.last, its.last
        model.counted_until_s = min(ours.last_ends_s, its.last_ends_s)

    def doubt(self) -> None:
        """Something is about to be held against the entry, or against one of its models."""
        for model in self.trusted:
            model.count_in()
            model.is_trusted = False
        self.trusted.clear()

    def model(self, name: str) -> ModelRecord:
        """What is kept of a model, made if there is nothing."""
        found = self.models.get(name)
        if found is None:
            if len(self.models) >= MAX_MODELS:
                self.doubt()
                self.models.popitem(last=False)
            found = self.models[name] = ModelRecord(name, self._rules)
        else:
            self.models.move_to_end(name)
        self.last = found
        return found


class Records:
    """The entries, at most `max_entries`; those asked longest ago go first. `rules` are those of all breakers.

    `asked` is the candidate that was asked last with its records, as long as these are the ones that are kept.
    """

    def __init__(self, max_entries: int = MAX_ENTRIES, rules: BreakerRules = USUAL_RULES) -> None:
        self._max_entries = max_entries
        self._rules = rules
        self.entries: OrderedDict[str, EntryRecord] = OrderedDict()
        self.asked: tuple[Candidate, EntryRecord, ModelRecord] | None = None

    def __len__(self) -> int:
        return len(self.entries)

    def find(self, deployment: Deployment) -> EntryRecord | None:
        """What is kept of an entry as it is now, None if nothing."""
        found = self.entries.get(deployment.provider_id)
        return found if found is not None and found.is_of(deployment) else None

    def get(self, deployment: Deployment, now_s: float) -> EntryRecord:
        """What is kept of an entry, made if there is nothing; it counts as just asked."""
        entry_id = deployment.provider_id
        found = self.entries.get(entry_id)
        if found is None or not (found.deployment is deployment or found.is_of(deployment)):
            found = self._add(entry_id, EntryRecord(deployment, now_s, self._rules))
        if len(self.entries) > 1:
            self.entries.move_to_end(entry_id)
        return found

    def of(self, candidate: Candidate, now_s: float) -> tuple[EntryRecord, ModelRecord]:
        """What is kept of a candidate and of its entry, made if there is nothing; it counts as just asked."""
        entry = self.get(candidate.deployment, now_s)
        model = entry.last
        if model is None or model.name != candidate.model:
            model = entry.model(candidate.model)
        self.asked = candidate, entry, model
        return entry, model

    def by_id(self, entry_id: str, now_s: float) -> EntryRecord:
        """What is kept of an entry that others tell of, made if there is nothing."""
        return self.entries.get(entry_id) or self._add(entry_id, EntryRecord(None, now_s, self._rules))

    def _add(self, entry_id: str, record: EntryRecord) -> EntryRecord:
        if len(self.entries) >= self._max_entries:
            self.entries.popitem(last=False)
        self.entries[entry_id] = record
        self.asked = None
        return record

    def all(self) -> tuple[EntryRecord, ...]:
        """All of them, for figures."""
        return tuple(self.entries.values())
