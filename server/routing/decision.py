"""The decision: who is asked for a request, in which order, who is not, and why. One function, of request and state.

Pure: the same `Ask` over the same `World` gives the same `Decision`. Requests are served by it, and explanations are
made of it, so that what is explained is what happens.
"""

from collections.abc import Sequence

from msgspec import Struct

from server.chat.deployment import Candidate
from server.errors import PerpetuoError
from server.routing.ask import Ask
from server.routing.filters import sift
from server.routing.load.choice import two_choices
from server.routing.nobody import nobody_left
from server.routing.plan import Filter, Option, Rejected
from server.routing.sticky import Stay, eased, pulls
from server.routing.strategies import RULES, Figures, Key, Scores, figures_of, scores_of, shortfall
from server.routing.world import World

MAX_CHOSEN = 6
"""How many candidates are tried at most when the gateway chooses the model."""

MAX_CHOSEN_OF_ENTRY = 3
"""How many models of one entry are among them at most."""


class Ranked(Struct, frozen=True):
    """A candidate in its place. `figures` and `scores` are there if the strategy or the caller needed them."""

    candidate: Candidate
    shortfall: int
    figures: Figures | None = None
    scores: Scores | None = None


class Decision(Struct, frozen=True):
    """The candidates, the first to be tried first; `error` is what the caller is told when there is none.

    `stay` tells of a conversation that has an entry of its own, if the decision was made in full.
    """

    ranked: tuple[Ranked, ...]
    rejected: tuple[Rejected, ...]
    error: PerpetuoError | None = None
    stay: Stay | None = None

    @property
    def candidates(self) -> list[Candidate]:
        """Who is asked, in that order; at least one. Raises the error when there is none."""
        if self.error is not None:
            raise self.error
        return [item.candidate for item in self.ranked]


def decide(ask: Ask, world: World, *, in_full: bool = False) -> Decision:
    """Who is asked for a request. `in_full` adds figures and scores that the strategy does not need; no more."""
    options, rejected = sift(ask, world)
    if not options:
        return Decision((), tuple(rejected), nobody_left(ask, world, rejected))
    ranked = _ranked(options, ask, world, in_full)
    if not ask.model:
        ranked = _cut(ranked, rejected)
    stay = _stay(ranked, rejected, ask, world) if in_full else None
    return Decision(tuple(ranked), tuple(rejected), stay=stay)


def _ranked(options: Sequence[Option], ask: Ask, world: World, in_full: bool) -> list[Ranked]:
    """The options in order."""
    is_plain = bool(ask.model) and ask.strategy == "default"
    if len(options) == 1 and not in_full:
        return [Ranked(options[0].candidate, shortfall(options[0], ask.quality_needed))]
    draws = _draws(options, ask, world)
    if is_plain and not in_full:
        keyed = [(_tie(option, draws), Ranked(option.candidate, 0)) for option in options]
    else:
        figures = [figures_of(option, ask, world) for option in options]
        scores = scores_of(figures, ask.weights)
        keyed = [
            (
                _tie(option, draws) if is_plain else _key(option, found, score, ask, draws),
                Ranked(option.candidate, shortfall(option, ask.quality_needed), found, score),
            )
            for option, found, score in zip(options, figures, scores, strict=True)
        ]
    if ask.bond is not None and ask.strategy != "default":
        keyed = _eased(keyed, ask, world)
    keyed.sort(key=lambda entry: entry[0])
    return _balanced(keyed, ask, world, 1 if is_plain else _place_of_draw(ask))


def _balanced(keyed: Sequence[tuple[Key, Ranked]], ask: Ask, world: World, draw_at: int) -> list[Ranked]:
    """The candidates in order, after the load was looked at of those that only the draw puts first.

    Those that take no more calls for now come last.
    `draw_at` is the draw's place in the keys: those are equal whose keys are the same before it.
    """
    best = keyed[0][0][:draw_at]
    equals = [item for key, item in keyed if key[:draw_at] == best]

    def load_of(item: Ranked) -> float:
        candidate = item.candidate
        return world.load_of(candidate.deployment.provider_id, candidate.model, ask.is_stream)

    # A conversation's own entry is asked however much it has to do, as long as it takes calls.
    first = equals if ask.bond is not None else two_choices(equals, _entry_of, _weight_of, load_of)
    order = [*first, *(item for _, item in keyed[len(equals) :])]
    order.sort(key=lambda item: world.is_full(item.candidate.deployment.provider_id, item.candidate.model))
    return order


def _entry_of(item: Ranked) -> str:
    return item.candidate.deployment.provider_id


def _weight_of(item: Ranked) -> int:
    return item.candidate.deployment.weight


def _draws(options: Sequence[Option], ask: Ask, world: World) -> dict[str, float]:
    """A number for each entry, the lower the sooner; those with more weight tend to lower ones."""
    deployments = [option.candidate.deployment for option in options]
    weights = {deployment.provider_id: deployment.weight for deployment in deployments}
    if ask.bond is not None:
        return pulls(ask.bond, world.home_of(ask.bond), weights)
    return {provider_id: -(world.draw() ** (1.0 / weight)) for provider_id, weight in weights.items()}


def _eased(keyed: Sequence[tuple[Key, Ranked]], ask: Ask, world: World) -> list[tuple[Key, Ranked]]:
    """The same, with those made equal to the best that are not clearly worse than it."""
    assert ask.bond is not None
    home = world.home_of(ask.bond)
    (short, best, *_), _ = min(keyed, key=lambda entry: entry[0])
    found: list[tuple[Key, Ranked]] = []
    for key, item in keyed:
        is_home = home == (item.candidate.deployment.provider_id, item.candidate.model)
        rule = eased(key[1], best, ask.strategy, is_home=is_home) if key[0] == short else key[1]
        found.append(((key[0], rule, *key[2:]), item))
    return found


def _tie(option: Option, draws: dict[str, float]) -> Key:
    deployment = option.candidate.deployment
    return deployment.priority, draws[deployment.provider_id], option.place


def _key(option: Option, figures: Figures, scores: Scores, ask: Ask, draws: dict[str, float]) -> Key:
    """What the candidates are sorted by. In `default` the entries' order comes before how well a model fits."""
    priority, draw, place = _tie(option, draws)
    short = shortfall(option, ask.quality_needed)
    rule = RULES[ask.strategy](figures, scores)
    if ask.strategy == "default" and not ask.wants_best:
        return priority, draw, short, rule, place
    if ask.strategy == "default":
        return short, priority, draw, rule, place
    return short, rule, priority, draw, place


def _place_of_draw(ask: Ask) -> int:
    """Where the draw stands in what `_key` gives."""
    if ask.strategy == "default":
        return 2 if ask.wants_best else 1
    return 3


def _cut(ranked: Sequence[Ranked], rejected: list[Rejected]) -> list[Ranked]:
    """The best, few of each entry."""
    kept: list[Ranked] = []
    of_entry: dict[str, int] = {}
    for item in ranked:
        entry = item.candidate.deployment.provider_id
        of_entry[entry] = of_entry.get(entry, 0) + 1
        if len(kept) < MAX_CHOSEN and of_entry[entry] <= MAX_CHOSEN_OF_ENTRY:
            kept.append(item)
        else:
            rejected.append(Rejected(item.candidate, Filter.SURPLUS))
    return kept


def _stay(ranked: Sequence[Ranked], rejected: Sequence[Rejected], ask: Ask, world: World) -> Stay | None:
    """Whose the request's conversation is, and why."""
    if ask.bond is None:
        return None
    home, first = world.home_of(ask.bond), ranked[0].candidate
    own = first.deployment.provider_id
    if home is None:
        return Stay(ask.bond.by, own, "the first of its equals by the hash of the conversation")
    if home.provider_id == own:
        return Stay(ask.bond.by, own, "it served the conversation last")
    out = next((item for item in rejected if item.candidate.deployment.provider_id == home.provider_id), None)
    is_left = any(item.candidate.deployment.provider_id == home.provider_id for item in ranked)
    if not is_left:
        why = "is gone" if out is None else f"is left out ({out.filter.value}: {out.reason})"
    elif world.is_full(home.provider_id, home.model):
        why = "takes no more calls for now"
    else:
        why = "comes after it now, by priority or because it is clearly worse"
    return Stay(ask.bond.by, own, f"{home.provider_id}, which served the conversation last, {why}")
