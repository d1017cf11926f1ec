"""Which deployments may serve a request, in the order in which they are tried.

Pure: the deployments, the registry's facts and the randomness come as arguments. Priority 1 comes first; entries of one
priority are drawn by weight.
"""

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from server.chat.deployment import Candidate, Deployment
from server.chat.principal import Principal
from server.errors import ModelNotAllowed, ModelUnknown

AUTO = "auto"
_CLOSEST = 3


@dataclass(frozen=True, slots=True)
class ProviderFacts:
    """What routing must know of a provider: its usual models, and whether it serves only those."""

    default_models: tuple[str, ...] = ()
    serves_only_defaults: bool = False


FactsOf = Callable[[str], ProviderFacts]


@dataclass(frozen=True, slots=True)
class Listed:
    """A model that can be named: `name` is what to send as `model`."""

    name: str
    provider: str


def _models_of(deployment: Deployment, facts: ProviderFacts) -> tuple[str, ...]:
    return deployment.models or facts.default_models


def _serves(deployment: Deployment, model: str, facts: ProviderFacts) -> bool:
    if deployment.models or facts.serves_only_defaults:
        return model in _models_of(deployment, facts)
    return True


def _is_allowed(principal: Principal, provider: str, model: str) -> bool:
    allowed = principal.allowed_models
    return not allowed or model in allowed or f"{provider}/{model}" in allowed


def is_auto(model: str | None) -> bool:
    """Whether the request leaves the choice of the model to the gateway."""
    return not model or model == AUTO or model.startswith("auto:")


def listed_models(deployments: Iterable[Deployment], principal: Principal, facts_of: FactsOf) -> list[Listed]:
    """The models that the principal can name, by name, each once.

    A model of a built-in provider is listed with its provider (`demo/echo`), others by their bare id.
    """
    found: dict[str, Listed] = {}
    for deployment in deployments:
        facts = facts_of(deployment.provider)
        for model in _models_of(deployment, facts):
            name = f"{deployment.provider}/{model}" if facts.serves_only_defaults else model
            if _is_allowed(principal, deployment.provider, model):
                found.setdefault(name, Listed(name, deployment.provider))
    return sorted(found.values(), key=lambda listed: listed.name)


def closest_names(model: str, names: Iterable[str]) -> list[str]:
    """Up to three names that look like `model`, the nearest first; both forms of a name count."""
    pool = list(names)
    bare = {name.rpartition("/")[2]: name for name in pool}
    near = difflib.get_close_matches(model, pool, n=_CLOSEST, cutoff=0.4)
    near += [bare[name] for name in difflib.get_close_matches(model.rpartition("/")[2], bare, n=_CLOSEST, cutoff=0.5)]
    return list(dict.fromkeys(near))[:_CLOSEST]


def unknown_model(model: str, names: Sequence[str]) -> ModelUnknown:
    """The error for a model that no provider entry serves, with the closest names."""
    near = closest_names(model, names)
    if near:
        hint = "Did you mean " + ", ".join(f"`{name}`" for name in near) + "?"
    elif names:
        hint = "GET /v1/models lists the models that this key may use."
    else:
        hint = "The workspace has no provider entry that serves a known model; add one with POST /api/keys/providers."
    return ModelUnknown(
        f"The model `{model[:200]}` is not served by any provider of this workspace. {hint}",
        param="model",
        details={"model": model[:200], "closest": ", ".join(near)},
    )


def _matching(model: str, deployments: Sequence[Deployment], facts_of: FactsOf) -> list[Candidate]:
    provider, slash, rest = model.partition("/")
    if slash and any(deployment.provider == provider for deployment in deployments):
        named = [deployment for deployment in deployments if deployment.provider == provider]
        return [Candidate(item, rest) for item in named if _serves(item, rest, facts_of(provider))]
    return [Candidate(item, model) for item in deployments if _serves(item, model, facts_of(item.provider))]


def _automatic(deployments: Sequence[Deployment], principal: Principal, facts_of: FactsOf) -> list[Candidate]:
    found = []
    for deployment in deployments:
        for model in _models_of(deployment, facts_of(deployment.provider)):
            if _is_allowed(principal, deployment.provider, model):
                found.append(Candidate(deployment, model))
                break
    return found


def ordered(candidates: Sequence[Candidate], draw: Callable[[], float]) -> list[Candidate]:
    """By priority; within one priority drawn by weight. `draw` gives a number from 0 (exclusive) to 1."""
    if len(candidates) < 2:
        return list(candidates)
    keyed = [(item.deployment.priority, -(draw() ** (1.0 / item.deployment.weight)), item) for item in candidates]
    return [item for _, _, item in sorted(keyed, key=lambda entry: entry[:2])]


def choose(
    model: str | None,
    deployments: Sequence[Deployment],
    principal: Principal,
    facts_of: FactsOf,
    draw: Callable[[], float],
) -> list[Candidate]:
    """The candidates for a request, at least one, the first to be tried first.

    Raises ModelUnknown with the closest names, or ModelNotAllowed when the key's allow-list is what stands in the way.
    """
    if is_auto(model):
        found = _automatic(deployments, principal, facts_of)
        if not found:
            raise unknown_model(model or AUTO, [])
        return ordered(found, draw)
    asked = model or AUTO
    matching = _matching(asked, deployments, facts_of)
    if not matching:
        raise unknown_model(asked, [item.name for item in listed_models(deployments, principal, facts_of)])
    allowed = [item for item in matching if _is_allowed(principal, item.deployment.provider, item.model)]
    if not allowed:
        raise ModelNotAllowed(
            f"This key may not use the model `{asked[:200]}`. GET /v1/models lists those that it may use.",
            param="model",
            details={"model": asked[:200]},
        )
    return ordered(allowed, draw)
