"""Which models the deployments of a workspace serve, and by which names they can be asked for.

Pure: the deployments and the registry's facts come as arguments.
"""

import difflib
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from server.chat.deployment import Deployment
from server.chat.principal import Principal
from server.errors import ModelUnknown

_CLOSEST = 3


class ProviderFacts(Struct, frozen=True):
    """What routing must know of a provider: its usual models, whether it serves only those, and its other forms."""

    default_models: tuple[str, ...] = ()
    serves_only_defaults: bool = False
    forms: frozenset[str] = frozenset()


FactsOf = Callable[[str], ProviderFacts]


class Listed(Struct, frozen=True):
    """A model that can be named: `name` is what to send as `model`, `model` what its provider calls it."""

    name: str
    provider: str
    model: str


def models_of(deployment: Deployment, facts: ProviderFacts) -> tuple[str, ...]:
    """The models that an entry is known to serve: its own list, else the usual ones of its provider."""
    return deployment.models or facts.default_models


def serves(deployment: Deployment, model: str, facts: ProviderFacts) -> bool:
    """Whether an entry can be asked for a model: one without a list can be asked for any."""
    if deployment.models or facts.serves_only_defaults:
        return model in models_of(deployment, facts)
    return True


def is_allowed(allowed: tuple[str, ...], provider: str, model: str) -> bool:
    """Whether a key's allow-list has a model, bare or with its provider; an empty list has all."""
    return not allowed or model in allowed or f"{provider}/{model}" in allowed


def listed_models(deployments: Iterable[Deployment], principal: Principal, facts_of: FactsOf) -> list[Listed]:
    """The models that the principal can name, by name, each once.

    A model of a built-in provider is listed with its provider (`demo/echo`), others by their bare id.
    """
    found: dict[str, Listed] = {}
    for deployment in deployments:
        facts = facts_of(deployment.provider)
        for model in models_of(deployment, facts):
            name = f"{deployment.provider}/{model}" if facts.serves_only_defaults else model
            if is_allowed(principal.allowed_models, deployment.provider, model):
                found.setdefault(name, Listed(name, deployment.provider, model))
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
