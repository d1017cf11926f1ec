"""What a workspace decides for its requests: how they are routed, what the cache may keep, and what the logs."""

from msgspec import Struct

from server.chat.content import ContentPolicy
from server.chat.view import CachePolicy, Strategy, StreamMode


class Weights(Struct, frozen=True):
    """How much each counts in `balanced`: 0 or more, and not all 0. Only their proportions matter."""

    cost: float = 0.40
    quality: float = 0.35
    speed: float = 0.25


class RoutingPolicy(Struct, frozen=True):
    """How a workspace wants its requests to be routed, which answers the cache may keep, and what may be recorded.

    `hedges`: a second candidate may be asked beside a slow one. `timeout_s` is how long a request may take whose caller
    does not say, in seconds; None leaves it to the gateway. `stream_mode` is how streams go out.
    """

    strategy: Strategy = "default"
    weights: Weights = Weights()
    cache: CachePolicy = "default"
    content: ContentPolicy = "metadata"
    hedges: bool = False
    timeout_s: float | None = None
    stream_mode: StreamMode = "direct"
