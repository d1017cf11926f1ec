"""Worlds to decide over: entries, a small catalogue, prices and measurements, written by hand or drawn at random."""

import random
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from server.catalogue.catalogue import Model
from server.chat.deployment import Deployment
from server.chat.policy import Weights
from server.routing.ask import Ask
from server.routing.candidates import ProviderFacts
from server.routing.complexity import Complexity
from server.routing.features import Needs
from server.routing.measured import Measured
from server.routing.world import World

TODAY = date(2026, 11, 22)


def model(name: str, provider: str = "openai", **change: Any) -> Model:
    """A model of a middling kind."""
    usual: dict[str, Any] = {
        "display_name": name,
        "context_window_tokens": 100_000,
        "max_output_tokens": 10_000,
        "inputs": ("text",),
        "tools": True,
        "reasoning": False,
        "speed_tier": 3,
        "quality_tier": 3,
    }
    return Model(id=name, provider=provider, **{**usual, **change})


MODELS = [
    model("best", quality_tier=5, speed_tier=2, inputs=("text", "image")),
    model("middle", quality_tier=4, speed_tier=3, inputs=("text", "image")),
    model("small", quality_tier=2, speed_tier=5, context_window_tokens=8_000, max_output_tokens=1_000),
    model("plain", quality_tier=3, tools=False),
    model("gone", quality_tier=5, retires_on=date(2026, 1, 1)),
    model("fast", "groq", quality_tier=3, speed_tier=5),
    model("big", "groq", quality_tier=4, speed_tier=4, context_window_tokens=2_000_000),
]
KNOWN = {(item.provider, item.id): item for item in MODELS}
PRICES = {"best": 20_000, "middle": 8_000, "small": 500, "plain": 3_000, "gone": 1, "fast": 1_000}
FACTS = {
    "openai": ProviderFacts(("best", "middle", "small", "plain", "gone")),
    "groq": ProviderFacts(("fast", "big")),
    "own": ProviderFacts(),
    "demo": ProviderFacts(("echo", "slow"), serves_only_defaults=True),
}


def facts_of(provider: str) -> ProviderFacts:
    return FACTS[provider]


def model_of(provider: str, name: str) -> Model | None:
    return KNOWN.get((provider, name))


def price_of(provider: str, name: str) -> int | None:
    return PRICES.get(name)


def entry(name: str, provider: str, priority: int = 1, weight: int = 1, models: tuple[str, ...] = ()) -> Deployment:
    return Deployment(name, "ws_1", provider, f"https://{name}.example/v1", "sk-secret", priority, weight, models)


def world(deployments: Sequence[Deployment], **change: Any) -> World:
    """A world of these entries over the catalogue above."""
    parts: dict[str, Any] = {
        "facts_of": facts_of,
        "model_of": model_of,
        "price_of": price_of,
        "draw": lambda: 0.5,
        **change,
    }
    return World(deployments, **parts)


def measured(**seen: Measured) -> Any:
    """What was seen by entry, whatever the model."""
    table: Mapping[str, Measured] = seen
    return lambda provider_id, name, is_stream: table.get(provider_id, Measured())


def ask(name: str = "", **change: Any) -> Ask:
    """A simple request for a model, or for any."""
    usual: dict[str, Any] = {
        "wants_best": False,
        "strategy": "default",
        "weights": Weights(),
        "complexity": Complexity.SIMPLE,
        "prompt_tokens": 20,
        "needs": Needs(),
        "is_stream": False,
        "allowed_models": (),
        "today": TODAY,
    }
    return Ask(model=name, **{**usual, **change})


def random_entries(rng: random.Random) -> list[Deployment]:
    """None to five entries of any provider."""
    found = []
    for number in range(rng.randint(0, 5)):
        provider = rng.choice(sorted(FACTS))
        names = [*FACTS[provider].default_models, "x-1"]
        models = tuple(rng.sample(names, rng.randint(1, len(names)))) if rng.random() < 0.4 else ()
        found.append(entry(f"prov_{number}", provider, rng.randint(1, 3), rng.randint(1, 9), models))
    return sorted(found, key=lambda item: item.priority)
