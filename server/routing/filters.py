"""The hard filters: who may and can serve a request at all, and which filter took away whom.

Pure. A model that the catalogue does not know is not held back by its abilities: nothing is known of them. A request
that names its model gets the benefit of the doubt about its length, because the count of its tokens is an estimate that
leans to the high side; when the gateway chooses, the choice must fit.
"""

from collections.abc import Iterator, Sequence

from server.catalogue.catalogue import Model
from server.chat.deployment import Candidate, Deployment
from server.chat.model_facts import UNKNOWN_MODEL
from server.routing.ask import Ask
from server.routing.candidates import is_allowed, models_of, serves
from server.routing.plan import Filter, Option, Plan, Rejected, Resting
from server.routing.world import World

# An estimate of the prompt above the window by this factor certainly does not fit.
_CERTAINLY = 1.25


_MAX_PLANS = 256
_MAX_KEPT_CHARS = 200
_MAX_KEPT_STEPS = 1_000


def sift(ask: Ask, world: World) -> tuple[list[Option], list[Rejected]]:
    """Who passes every filter, in the order of the entries, and who does not. The same input gives the same output.

    Where all that are left rest, the one whose rest ends first passes if it may be asked all the same.
    """
    plan = plan_of(ask, world)
    rejected: list[Rejected] = list(plan.rejected)
    options = []
    for option, barred in plan.steps:
        bar = barred or _bar(ask, option, world)
        if bar is None:
            options.append(option)
        else:
            rejected.append(bar)
    if not options and (last := _last_resort(rejected)) is not None:
        rejected.remove(last)
        options = [option for option, _ in plan.steps if option.candidate is last.candidate]
    return options if ask.model else _known_first(options), rejected


def plan_of(ask: Ask, world: World) -> Plan:
    """What can be said of the candidates before the request's text and the moment are looked at. It is kept."""
    plans, key = world.plans, (ask.model, ask.allowed_models, ask.needs.form)
    plan = plans.get(key)
    if plan is None:
        plan = _plan(ask, world)
        if len(ask.model) <= _MAX_KEPT_CHARS and len(plan.steps) <= _MAX_KEPT_STEPS:
            if len(plans) >= _MAX_PLANS:  # callers can make up as many names as they like
                plans.clear()
            plans[key] = plan
    return plan


def _plan(ask: Ask, world: World) -> Plan:
    rejected: list[Rejected] = []
    possible = _naming(ask, world, rejected) if ask.model else _choosing(world)
    steps = tuple([(option, _bar_of_name(ask, option, world)) for option in possible])
    return Plan(steps, tuple(rejected), steps[0][0] if len(steps) == 1 and steps[0][1] is None else None)


def _naming(ask: Ask, world: World, rejected: list[Rejected]) -> list[Option]:
    """The entries that can be asked for the model that the request names."""
    model = ask.model
    provider, slash, rest = model.partition("/")
    is_prefixed = bool(slash) and any(deployment.provider == provider for deployment in world.deployments)
    possible: list[Option] = []
    for deployment in world.deployments:
        if is_prefixed and deployment.provider != provider:
            rejected.append(Rejected(Candidate(deployment, model), Filter.PROVIDER))
            continue
        candidate = Candidate(deployment, rest if is_prefixed else model)
        if serves(deployment, candidate.model, world.facts_of(deployment.provider)):
            possible.append(_option(deployment, candidate.model, world))
        else:
            rejected.append(Rejected(candidate, Filter.ENTRY))
    if len(possible) > 1:
        return _without_guesses(possible, world, rejected)
    return possible


def _option(deployment: Deployment, model: str, world: World, place: int = 0) -> Option:
    """The model of an entry, with what is known of it."""
    found = world.model_of(deployment.provider, model)
    return Option(Candidate(deployment, model, UNKNOWN_MODEL if found is None else found.facts), found, place)


def _without_guesses(possible: Sequence[Option], world: World, rejected: list[Rejected]) -> list[Option]:
    """Leaves out entries that would be asked on the off-chance, where another is known to serve the model."""
    if not any(option.facts or option.candidate.deployment.models for option in possible):
        return list(possible)
    kept = []
    for option in possible:
        deployment = option.candidate.deployment
        is_guess = (
            option.facts is None
            and not deployment.models
            and any(world.model_of(deployment.provider, name) for name in _usual(deployment, world))
        )
        if is_guess:
            rejected.append(Rejected(option.candidate, Filter.CATALOGUE))
        else:
            kept.append(option)
    return kept


def _usual(deployment: Deployment, world: World) -> tuple[str, ...]:
    return models_of(deployment, world.facts_of(deployment.provider))


def _choosing(world: World) -> Iterator[Option]:
    """Every model that an entry is known to serve."""
    for deployment in world.deployments:
        for place, model in enumerate(_usual(deployment, world)):
            yield _option(deployment, model, world, place)


def _known_first(options: Sequence[Option]) -> list[Option]:
    """Of each entry the models that the catalogue knows; where it knows none, the first."""
    known = {option.candidate.deployment.provider_id for option in options if option.facts is not None}
    kept, seen = [], set()
    for option in options:
        entry = option.candidate.deployment.provider_id
        if option.facts is not None or (entry not in known and entry not in seen):
            kept.append(option)
        seen.add(entry)
    return kept


def _bar_of_name(ask: Ask, option: Option, world: World) -> Rejected | None:
    """The first filter that the candidate does not pass whatever the request says."""
    candidate = option.candidate
    if not is_allowed(ask.allowed_models, candidate.deployment.provider, candidate.model):
        return Rejected(candidate, Filter.KEY)
    form = ask.needs.form
    if form and form not in world.facts_of(candidate.deployment.provider).forms:
        return Rejected(candidate, Filter.FORM, form)
    return None


def _bar(ask: Ask, option: Option, world: World) -> Rejected | None:
    """The first of the other filters that the candidate does not pass."""
    candidate = option.candidate
    if option.facts is not None:
        found = _inability(ask, option.facts)
        if found is not None:
            return Rejected(candidate, *found)
    resting = world.rests_for(candidate)
    return None if resting is None else rejected_as_resting(candidate, resting)


def rejected_as_resting(candidate: Candidate, resting: Resting) -> Rejected:
    """A candidate that is left alone for a while."""
    return Rejected(candidate, Filter.HEALTH, f"{resting.rests_s:.1f} s because {resting.cause}", resting)


def _last_resort(rejected: Sequence[Rejected]) -> Rejected | None:
    """The one that may be asked although it rests, of those whose rest ends first."""
    found: Rejected | None = None
    shortest_s = 0.0
    for item in rejected:
        resting = item.resting
        if resting is None or resting.askable_in_s > 0.0:
            continue
        if found is None or resting.rests_s < shortest_s:
            found, shortest_s = item, resting.rests_s
    return found


def is_able(ask: Ask, option: Option) -> bool:
    """Whether a candidate can do what the request needs, as far as that is known."""
    return option.facts is None or _inability(ask, option.facts) is None


def _inability(ask: Ask, facts: Model) -> tuple[Filter, str] | None:
    """What the model cannot do that the request needs."""
    needs = ask.needs
    if not ask.model and facts.is_retired(ask.today):
        return Filter.RETIRED, str(facts.retires_on)
    if not _fits(ask, facts):
        return Filter.CONTEXT, str(facts.context_window_tokens)
    if needs.images and not facts.takes_images:
        return Filter.VISION, ""
    if needs.audio and not facts.takes_audio and not ask.model:
        return Filter.AUDIO, ""
    if needs.tools and not facts.tools:
        return Filter.TOOLS, ""
    return None


def _fits(ask: Ask, facts: Model) -> bool:
    if ask.most_tokens + ask.needs.output_tokens <= facts.context_window_tokens:
        return bool(ask.model) or ask.needs.output_tokens <= facts.max_output_tokens
    if ask.model:
        return ask.prompt_tokens <= _CERTAINLY * facts.context_window_tokens
    output_tokens = ask.needs.output_tokens
    if output_tokens > facts.max_output_tokens:
        return False
    return ask.prompt_tokens <= facts.context_window_tokens - output_tokens
