"""The health of upstreams: what each kind of failure means for whom, and who may be asked now. Pure state.

Which failure speaks against what stands in `rules`: against the endpoint of an entry (all its models), against one of
its models, against its credential. Time is an argument everywhere, in seconds of one steady clock. Nothing is
remembered of an entry whose address or credential has changed.
"""

from collections.abc import Callable
from typing import Final

from server.chat.deployment import Candidate
from server.routing.failure import FailureClass
from server.routing.health.breaker import USUAL_RULES, BreakerRules, State
from server.routing.health.budget import FLEET_FLOOR_PER_S, Budget, Refusal, called, take
from server.routing.health.records import EntryRecord, ModelRecord, Records
from server.routing.health.rest import Rest, rest_after
from server.routing.health.visit import Visit, visit
from server.routing.plan import Resting
from server.routing.rules import RULES
from server.routing.rules import Health as Effect

SHORT_REST_S: Final = 1.0
"""Who has waited and asks the same once more does not mind a rest that ends within this time."""

_FAILED: Final = "its calls failed"

Told = Callable[[str, str, Rest], None]
"""Takes the id of an entry, one of its models or nothing for its credential, and a rest that others should know of."""


def tell_nobody(entry_id: str, model: str, rest: Rest) -> None:
    """There are no others."""


class Health:
    """The health of all upstreams of this process. Belongs to one event loop."""

    def __init__(
        self, tell: Told = tell_nobody, records: Records | None = None, rules: BreakerRules = USUAL_RULES
    ) -> None:
        """`rules` are those of all breakers, unless the `records` come with their own."""
        self._tell = tell
        self._records = Records(rules=rules) if records is None else records
        self._fleet = Budget(FLEET_FLOOR_PER_S, 0.0)
        self.repeats = 0
        """How often the same was asked once more."""
        self.refused_repeats: dict[Refusal, int] = dict.fromkeys(Refusal, 0)
        self.openings: dict[str, int] = {}
        """How often breakers opened, by provider."""
        self.rests: dict[FailureClass, int] = {}
        """How many rests began, by what they came after."""
        self.held_back = 0
        """Calls that were about to be made when their upstream turned out to rest."""

    def resting(self, candidate: Candidate, now_s: float) -> Resting | None:
        """Why and for how long a candidate is not asked, None if it may be."""
        asked = self._records.asked
        if asked is not None and asked[0] is candidate and asked[2].is_trusted:
            return None  # as nearly always
        found = self._records.find(candidate.deployment)
        return None if found is None else _resting(found, found.models.get(candidate.model), now_s)

    def enter(
        self, candidate: Candidate, now_s: float, *, is_repeated: bool = False, is_last: bool = False
    ) -> Visit | None:
        """A call to a candidate, None if it must not be made.

        `is_repeated`: the same was asked just before, and the wait that it told is over. `is_last`: there is nobody
        else to ask, and nobody was asked before.
        """
        asked = self._records.asked
        if asked is not None and asked[0] is candidate and asked[1].last is asked[2]:
            _, entry, model = asked
        else:
            entry, model = self._records.of(candidate, now_s)
        is_trusted = model.is_trusted
        if not is_trusted:
            resting = _resting(entry, model, now_s)
            is_short = is_repeated and resting is not None and resting.is_limit and resting.rests_s <= SHORT_REST_S
            if resting is not None and not (is_short or (is_last and resting.askable_in_s <= 0.0)):
                self.held_back += 1
                return None
        entry.asked_s = now_s
        if not is_repeated:
            budget, fleet = entry.budget, self._fleet
            if budget.saved < budget.most or fleet.saved < fleet.most:
                called(budget, fleet)
        if is_trusted:
            return Visit(self, candidate.deployment.provider_id, entry, model, now_s)
        return visit(self, candidate.deployment.provider_id, entry, model, now_s)

    def may_repeat(self, candidate: Candidate, now_s: float) -> bool:
        """Whether the budgets have room for asking the same once more; asking takes it."""
        entry = self._records.get(candidate.deployment, now_s)
        refusal = take(entry.budget, self._fleet, now_s)
        if refusal is None:
            self.repeats += 1
            return True
        self.refused_repeats[refusal] += 1
        return False

    def visited(self, visit: Visit, now_s: float) -> None:
        """See `Judge.visited`. It ends the rests that had begun before the visit."""
        entry, model = visit.entry, visit.model
        model.count_in()
        entry.had_reset = False
        model.limits = 0
        of_entry, of_model = entry.breaker, model.breaker
        of_entry.succeeded(now_s, visit.endpoint_probe)
        of_model.succeeded(now_s, visit.model_probe)
        if entry.rest is None and model.rest is None:
            entry.trust(model)
            return
        for record, name in ((entry, ""), (model, model.name)):
            rest = record.rest
            if rest is not None and rest.since_s <= visit.began_s:
                record.rest = None
                if rest.left_s(now_s) > 0.0:
                    self._tell(visit.entry_id, name, Rest(rest.kind, now_s, now_s))

    def missed(self, visit: Visit, kind: FailureClass, told_s: float | None, now_s: float) -> None:
        """See `Judge.missed`."""
        effect, entry, model = RULES[kind].health, visit.entry, visit.model
        if effect is Effect.NEUTRAL:
            return
        entry.doubt()
        before = entry.breaker.openings + model.breaker.openings
        if effect is Effect.ENDPOINT or (effect is Effect.AGAIN and (entry.had_reset or visit.endpoint_probe)):
            entry.breaker.failed(now_s, visit.endpoint_probe)
        elif effect is Effect.AGAIN:
            entry.had_reset = True
        else:
            entry.had_reset = False
            entry.breaker.succeeded(now_s, visit.endpoint_probe)
            self._missed_beyond(visit, kind, told_s, now_s)
        opened = entry.breaker.openings + model.breaker.openings - before
        if opened:
            self.openings[entry.provider] = self.openings.get(entry.provider, 0) + opened

    def broke(self, candidate: Candidate, now_s: float) -> None:
        """A stream broke after its first content."""
        entry = self._records.find(candidate.deployment)
        model = None if entry is None else entry.models.get(candidate.model)
        if entry is None or model is None:
            return
        entry.doubt()
        before = model.breaker.openings
        model.breaker.broke(now_s)
        if model.breaker.openings > before:
            self.openings[entry.provider] = self.openings.get(entry.provider, 0) + 1

    def heard(self, entry_id: str, model: str, rest: Rest) -> None:
        """Another process tells of a rest as `Told` does; one that has ended ends here too."""
        entry = self._records.by_id(entry_id, rest.since_s)
        entry.doubt()
        record = entry.model(model) if model else entry
        if rest.until_s <= rest.since_s:
            record.rest = None
        elif record.rest is None or record.rest.until_s < rest.until_s:
            record.rest = rest

    def breakers(self, now_s: float) -> dict[tuple[str, str], int]:
        """How many breakers are not closed, by what they are of and their state."""
        counts = {(of, state.value): 0 for of in ("endpoint", "model") for state in (State.OPEN, State.HALF_OPEN)}
        for entry in self._records.all():
            found = [("endpoint", entry.breaker), *(("model", model.breaker) for model in entry.models.values())]
            for of, breaker in found:
                if (state := breaker.state(now_s)) is not State.CLOSED:
                    counts[of, state.value] += 1
        return counts

    def resting_now(self, now_s: float) -> dict[str, int]:
        """How many credentials rest, and how many models."""
        counts = {"credential": 0, "model": 0}
        for entry in self._records.all():
            counts["credential"] += _is_on(entry.rest, now_s)
            counts["model"] += sum(_is_on(model.rest, now_s) for model in entry.models.values())
        return counts

    def _missed_beyond(self, visit: Visit, kind: FailureClass, told_s: float | None, now_s: float) -> None:
        """A failure of an upstream that was reached."""
        effect, model = RULES[kind].health, visit.model
        if effect is Effect.DEPLOYMENT:
            model.breaker.failed(now_s, visit.model_probe)
        elif effect is Effect.SHAKY:
            model.breaker.broke(now_s)
        else:
            self._rest(visit, kind, told_s, now_s)

    def _rest(self, visit: Visit, kind: FailureClass, told_s: float | None, now_s: float) -> None:
        """Lets the credential or the model rest, and tells others unless it is soon over."""
        model = visit.model
        is_of_all = RULES[kind].health is Effect.CREDENTIAL
        record = visit.entry if is_of_all else model
        earlier = record.rest
        if kind is FailureClass.LIMITED and (earlier is None or visit.began_s > earlier.since_s):
            # Of calls that were under way together only one says that it happened again.
            model.limits += 1
        rest = rest_after(kind, told_s, max(model.limits, 1), now_s)
        if earlier is not None and earlier.until_s >= rest.until_s:
            return
        record.rest = rest
        self.rests[kind] = self.rests.get(kind, 0) + 1
        known_s = now_s if earlier is None else max(now_s, earlier.until_s)
        if rest.until_s - known_s >= SHORT_REST_S:
            self._tell(visit.entry_id, "" if is_of_all else model.name, rest)


def _is_on(rest: Rest | None, now_s: float) -> bool:
    return rest is not None and rest.left_s(now_s) > 0.0


def _resting(entry: EntryRecord, model: ModelRecord | None, now_s: float) -> Resting | None:
    """What holds a candidate back the longest."""
    if entry.is_well and (model is None or model.is_well):
        return None
    rests: list[tuple[float, float, str, bool]] = []
    for breaker in (entry.breaker,) if model is None else (entry.breaker, model.breaker):
        if (wait_s := breaker.wait_s(now_s)) > 0.0:
            rests.append((wait_s, wait_s, _FAILED, False))
    for rest in (entry.rest,) if model is None else (entry.rest, model.rest):
        if rest is not None and (left_s := rest.left_s(now_s)) > 0.0:
            is_limit = rest.kind is FailureClass.LIMITED
            rests.append((left_s, rest.askable_in_s(now_s, entry.asked_s), rest.kind.value, is_limit))
    if not rests:
        return None
    longest = max(rests)
    return Resting(longest[0], max(item[1] for item in rests), longest[2], all(item[3] for item in rests))
