"""What a caller is told when no candidate is left: which filter took away which, under the reason that says most.

Pure. Resting upstreams come first, because waiting helps; then what the caller can change in the request, the length
before abilities; then the key. When nobody was even near, the model is unknown.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from server.errors import (
    ContextTooLong,
    ModelNotAllowed,
    ModelUnknown,
    NoHealthyRoute,
    ParamUnsupported,
    PerpetuoError,
    UpstreamRateLimited,
)
from server.routing.ask import AUTO, Ask
from server.routing.candidates import is_allowed, models_of, unknown_model
from server.routing.plan import Filter, Rejected
from server.routing.world import World

_MOST_NAMED: Final = 5
_ABILITIES: Final = {
    Filter.VISION: ("images", "messages"),
    Filter.AUDIO: ("sound", "messages"),
    Filter.TOOLS: ("tools", "tools"),
}
_NOT_NEAR: Final = frozenset({Filter.ENTRY, Filter.PROVIDER, Filter.CATALOGUE})


def nobody_left(ask: Ask, world: World, rejected: Sequence[Rejected]) -> PerpetuoError:
    """The error for a request that no candidate is left for."""
    near = [item for item in rejected if item.filter not in _NOT_NEAR]
    if not near:
        return unknown_model(ask.model or AUTO, _names(ask, world))
    filters = {item.filter for item in near}
    told = _told(near)
    details = {item.value: _who(near, item) for item in Filter if item in filters}
    if Filter.HEALTH in filters:
        return _all_rest(near, details)
    if Filter.CONTEXT in filters:
        message = f"The request is about {int(ask.prompt_tokens)} tokens long, and no candidate is left: {told}."
        return ContextTooLong(message, param="messages", details=details)
    for ability, (what, param) in {Filter.FORM: (ask.needs.what, ask.needs.param), **_ABILITIES}.items():
        if ability in filters:
            message = f"The request needs {what}, and no candidate is left: {told}."
            return ParamUnsupported(message, param=param, details=details)
    if Filter.KEY in filters:
        message = f"This key may not use the model `{(ask.model or AUTO)[:200]}`: {told}."
        hint = " GET /v1/models lists those that it may use."
        return ModelNotAllowed(message + hint, param="model", details={"model": ask.model[:200] or AUTO, **details})
    return ModelUnknown(f"No candidate is left: {told}.", param="model", details=details)


def nobody_awake(resting: Sequence[Rejected]) -> PerpetuoError:
    """The error for a request whose candidates all rest; there is at least one."""
    return _all_rest(resting, {Filter.HEALTH.value: _who(resting, Filter.HEALTH)})


def _all_rest(near: Sequence[Rejected], details: Mapping[str, str]) -> PerpetuoError:
    """When to come again: as soon as one of them may be asked. A limit is told as such where it is all there is."""
    resting = [item.resting for item in near if item.resting is not None]
    kind = UpstreamRateLimited if all(item.is_limit for item in resting) else NoHealthyRoute
    wait_s = min(item.askable_in_s for item in resting)
    return kind(f"No candidate is left: {_told(near)}.", retry_after_s=wait_s, details=details)


def _told(near: Sequence[Rejected]) -> str:
    """Who was taken away, by reason."""
    by_reason: dict[str, list[str]] = {}
    for item in near:
        by_reason.setdefault(item.reason, []).append(_name(item))
    return "; ".join(f"{_few(names)}: {reason}" for reason, names in by_reason.items())


def _who(near: Sequence[Rejected], meant: Filter) -> str:
    return _few([_name(item) for item in near if item.filter is meant])


def _few(names: Sequence[str]) -> str:
    once = list(dict.fromkeys(names))
    more = len(once) - _MOST_NAMED
    return ", ".join(once[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _name(item: Rejected) -> str:
    return f"{item.candidate.deployment.provider}/{item.candidate.model}"[:200]


def _names(ask: Ask, world: World) -> list[str]:
    """The names that could have been meant, of those that the key may use."""
    names = []
    for deployment in world.deployments:
        facts = world.facts_of(deployment.provider)
        for model in models_of(deployment, facts):
            if is_allowed(ask.allowed_models, deployment.provider, model):
                names.append(f"{deployment.provider}/{model}" if facts.serves_only_defaults else model)
    return names
