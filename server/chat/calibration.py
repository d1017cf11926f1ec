"""What the estimator of tokens learns from usage that providers report.

For each family of models (a provider's model without the date of its snapshot) and each kind of text there is one
ratio of reported to estimated tokens, a mean in which later calls weigh more than earlier ones. It corrects estimates
where no usage is reported; what is estimated stays marked as such. Bounded: families that were not seen for long give
way. Pure but for what it has seen; it must not be asked from several threads.
"""

import re
from collections import OrderedDict
from enum import Enum
from functools import lru_cache
from typing import Final

MAX_FAMILIES: Final = 1024
"""Families and kinds that are remembered."""
LEAST_WEIGHT: Final = 0.05
"""What the latest call weighs at least; the first ones weigh alike."""
LEARNT_CALLS: Final = 24
"""After so many calls of a family, which weighed more than later ones, only every 32nd that would cost something to
count is learnt from, and of those that would cost much every 64th."""
BOUNDS: Final = (0.1, 10.0)
"""No single call says that the estimator is further off than this."""

_ONE_OF: Final = 32
_ONE_OF_LONG: Final = 64
_SNAPSHOT: Final = re.compile(r"[-@](?:20\d\d-\d\d-\d\d|20\d{6})\Z")


class Kind(Enum):
    """What was estimated, since each is estimated in its own way."""

    __hash__ = object.__hash__  # in C: it is a key for every event or request

    PROMPT = "prompt"
    ANSWER = "answer"
    STREAM = "stream"


class Calibration:
    """Ratios of reported to estimated tokens."""

    def __init__(self, max_families: int = MAX_FAMILIES) -> None:
        self._max_families = max_families
        self._ratios: OrderedDict[tuple[str, str, Kind], tuple[float, int]] = OrderedDict()

    def learn(self, provider: str, model: str, kind: Kind, estimated_tokens: int, reported_tokens: int) -> None:
        """Takes a call into account of which both counts are known; counts of nothing teach nothing."""
        if estimated_tokens <= 0 or reported_tokens <= 0:
            return
        least, most = BOUNDS
        seen = min(max(reported_tokens / estimated_tokens, least), most)
        key = provider, family_of(model), kind
        ratio, count = self._ratios.get(key, (1.0, 0))
        weight = max(1 / (count + 1), LEAST_WEIGHT)
        self._ratios[key] = ratio + weight * (seen - ratio), count + 1
        self._ratios.move_to_end(key)
        if len(self._ratios) > self._max_families:
            self._ratios.popitem(last=False)

    def is_due(self, provider: str, model: str, kind: Kind, *, is_long: bool = False) -> bool:
        """Whether the next call should be learnt from, for those to whom counting costs something; asked once a call.

        The first calls all are, and of later ones every 32nd; every 64th where `is_long`: counting costs much.
        """
        key = provider, family_of(model), kind
        ratio, count = self._ratios.get(key, (1.0, 0))
        if count < LEARNT_CALLS or count % (_ONE_OF_LONG if is_long else _ONE_OF) == 0:
            return True
        self._ratios[key] = ratio, count + 1
        return False

    def ratio(self, provider: str, model: str, kind: Kind) -> float:
        """Reported tokens for each estimated one; 1 where nothing was learnt."""
        return self._ratios.get((provider, family_of(model), kind), (1.0, 0))[0]

    def corrected(self, provider: str, model: str, kind: Kind, estimated_tokens: int) -> int:
        """An estimate by what was learnt; something stays something."""
        if estimated_tokens <= 0:
            return 0
        return max(1, round(estimated_tokens * self.ratio(provider, model, kind)))


@lru_cache(maxsize=MAX_FAMILIES)
def family_of(model: str) -> str:
    """A model's name without the date of its snapshot."""
    snapshot = _SNAPSHOT.search(model)
    return model[: snapshot.start()] if snapshot else model
