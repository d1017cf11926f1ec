"""The order of candidates: what each strategy looks at, and the scores behind it.

Pure. Every strategy ends in the entries' priorities and, within one priority, a draw by weight, so that equals share
the load. Where nothing was measured a low error rate is expected and a latency that goes with the model's speed tier;
each measured call outweighs that expectation a little more.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from server.chat.policy import Weights
from server.routing.ask import Ask
from server.routing.plan import Option
from server.routing.world import World

UNKNOWN_TIER: Final = 3
"""The speed and quality tier of a model that the catalogue does not know."""

_LATENCY_BY_SPEED_TIER_MS: Final = {1: 6000.0, 2: 3000.0, 3: 1600.0, 4: 900.0, 5: 500.0}
_EXPECTED_ERROR_RATE: Final = 0.01
_EXPECTATION_CALLS: Final = 2.0
_HIGHEST_TIER: Final = 5


class Figures(Struct, frozen=True):
    """What is known and expected of one candidate.

    `price_nanousd` is of a usual mix of tokens, None when it is not known. `measured_calls` is a decayed count.
    """

    price_nanousd: int | None
    latency_ms: int
    error_rate: float
    quality_tier: int
    measured_calls: float


class Scores(Struct, frozen=True):
    """0 (the worst of the candidates) to 1; `balanced` weighs cost, quality and speed."""

    cost: float
    quality: float
    speed: float
    reliability: float
    balanced: float


Key = tuple[float, ...]


def figures_of(option: Option, ask: Ask, world: World) -> Figures:
    """What is known of a candidate."""
    candidate, facts = option.candidate, option.facts
    deployment = candidate.deployment
    measured = world.measured_of(deployment.provider_id, candidate.model, ask.is_stream)
    usual_ms = _LATENCY_BY_SPEED_TIER_MS[facts.speed_tier if facts else UNKNOWN_TIER]
    latency_ms = (usual_ms + measured.latency_ms * measured.answers) / (1.0 + measured.answers)
    failures = _EXPECTED_ERROR_RATE * _EXPECTATION_CALLS + measured.error_rate * measured.calls
    return Figures(
        world.price_of(deployment.provider, candidate.model),
        round(latency_ms),
        round(failures / (_EXPECTATION_CALLS + measured.calls), 2),
        facts.quality_tier if facts else UNKNOWN_TIER,
        measured.calls,
    )


def scores_of(figures: Sequence[Figures], weights: Weights) -> list[Scores]:
    """The scores of candidates among each other. Prices and latencies count by their ratios, not their differences."""
    cost = _closeness([item.price_nanousd for item in figures])
    speed = _closeness([item.latency_ms for item in figures])
    whole = weights.cost + weights.quality + weights.speed
    found = []
    for item, cost_score, speed_score in zip(figures, cost, speed, strict=True):
        quality = (item.quality_tier - 1) / (_HIGHEST_TIER - 1)
        weighed = weights.cost * cost_score + weights.quality * quality + weights.speed * speed_score
        found.append(Scores(cost_score, quality, speed_score, 1.0 - item.error_rate, weighed / whole))
    return found


def shortfall(option: Option, needed: int | None) -> int:
    """How many quality tiers a candidate is below what is needed."""
    if needed is None:
        return 0
    return max(0, needed - (option.facts.quality_tier if option.facts else UNKNOWN_TIER))


def _closeness(values: Sequence[int | None]) -> list[float]:
    """1 for the lowest value, 0 for the highest and for what is not known; on a logarithmic scale."""
    known = [math.log1p(value) for value in values if value is not None]
    if not known:
        return [0.0] * len(values)
    low, high = min(known), max(known)
    width = high - low
    return [0.0 if value is None else 1.0 if width == 0.0 else (high - math.log1p(value)) / width for value in values]


def _price(figures: Figures, scores: Scores) -> float:
    return math.inf if figures.price_nanousd is None else figures.price_nanousd


RULES: Final[dict[str, Callable[[Figures, Scores], float]]] = {
    "default": _price,
    "cheapest": _price,
    "fastest": lambda figures, scores: figures.latency_ms,
    "reliable": lambda figures, scores: figures.error_rate,
    "balanced": lambda figures, scores: -scores.balanced,
}
"""What a strategy orders by, the lowest first. `default` orders only the models within one entry by it."""
