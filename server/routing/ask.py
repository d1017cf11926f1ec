"""What routing must know of one request: what it names, what it needs, and how it wants the choice to be made.

Pure. Whoever reads the request builds an `Ask`; the decision is a function of it and of a `World`.
"""

import math
from datetime import date
from typing import Final

from msgspec import Struct

from server.chat.policy import Weights
from server.chat.prompt_tokens import Tokens
from server.chat.view import Strategy
from server.errors import RequestInvalid
from server.routing.complexity import Complexity
from server.routing.features import Needs
from server.routing.sticky import Bond

AUTO: Final = "auto"
_BEST: Final = "auto:best"
_NAMED_STRATEGIES: Final[dict[str, Strategy]] = {"auto:fast": "fastest", "auto:cheap": "cheapest"}

QUALITY_NEEDED: Final = {
    Complexity.SIMPLE: 2,
    Complexity.MODERATE: 3,
    Complexity.COMPLEX: 4,
    Complexity.EXPERT: 5,
}
"""The quality tier that a model should have for a conversation of each class, if the gateway chooses it."""

_HIGHEST_TIER: Final = 5


class Ask(Struct, frozen=True, gc=False):
    """A request, as routing sees it.

    `model` is the model that it names, empty when the gateway is to choose; `wants_best` then asks for the highest
    quality tier. `prompt_tokens` is an estimate, `max_output_tokens` 0 when the request does not bound the answer.
    `allowed_models` is the key's allow-list, empty for all. `today` is the UTC day, looked at only when the
    gateway is to choose. `bond` is what the conversation is
    known by; None for one that may go anywhere. `most_tokens` is what `prompt_tokens` are at most, as far as that was
    found out on the way.
    """

    model: str
    wants_best: bool
    strategy: Strategy
    weights: Weights
    complexity: Complexity
    prompt_tokens: Tokens
    needs: Needs
    is_stream: bool
    allowed_models: tuple[str, ...]
    today: date
    bond: Bond | None = None
    most_tokens: float = math.inf

    @property
    def quality_needed(self) -> int | None:
        """The quality tier that a model should have, None when the request names its model."""
        if self.model:
            return None
        return _HIGHEST_TIER if self.wants_best else QUALITY_NEEDED[self.complexity]


class Weighed(Struct, frozen=True, gc=False):
    """What is found out about every request: of it an `Ask` is made where there is a choice to make."""

    model: str
    strategy: Strategy
    complexity: Complexity
    prompt_tokens: Tokens
    most_tokens: float
    wants_best: bool = False
    bond: Bond | None = None


UNREAD: Final = Weighed("", "default", Complexity.SIMPLE, 0, 0.0)
"""Of a request that was not read."""


class Wish(Struct, frozen=True):
    """What the `model` member and the knobs say together."""

    model: str
    wants_best: bool
    strategy: Strategy


def wish_of(model: str | None, knob: Strategy | None, policy: Strategy) -> Wish:
    """Who chooses the model, and how: the knob counts before `auto:…`, and that before the workspace's policy.

    Raises RequestInvalid for an `auto:…` that is none of the known ones.
    """
    if model and model != AUTO and not model.startswith("auto:"):
        return Wish(model, False, knob or policy)
    if not model or model in (AUTO, _BEST):
        return Wish("", model == _BEST, knob or policy)
    if model not in _NAMED_STRATEGIES:
        allowed = ", ".join((AUTO, *_NAMED_STRATEGIES, _BEST))
        raise RequestInvalid(f"'model' must be a model or one of {allowed}, but is {model[:40]!r}.", param="model")
    return Wish("", False, knob or _NAMED_STRATEGIES[model])
