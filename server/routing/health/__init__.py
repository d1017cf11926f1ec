"""The health of upstreams: who is left alone for a while, and how often the same may be asked again."""

from server.routing.health.breaker import BreakerRules
from server.routing.health.health import Health
from server.routing.health.sharing import SharedRests
from server.routing.health.visit import Visit

__all__ = ["BreakerRules", "Health", "SharedRests", "Visit"]
