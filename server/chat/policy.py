"""What a workspace decides for its requests: how they are routed, and what the cache may keep."""

from dataclasses import dataclass

from server.chat.view import CachePolicy, Strategy


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each counts in `balanced`: 0 or more, and not all 0. Only their proportions matter."""

    cost: float = 0.40
    quality: float = 0.35
    speed: float = 0.25


@dataclass(frozen=True, slots=True)
class RoutingPolicy:
    """How a workspace wants its requests to be routed, and which answers it lets the cache keep."""

    strategy: Strategy = "default"
    weights: Weights = Weights()
    cache: CachePolicy = "default"
