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

from server.chat.prompt_tokens import Tokens, is_long
from server.chat.usage import Usage

MAX_FAMILIES: Final = 1024
"""Families and kinds that are remembered."""
LEAST_WEIGHT: Final = 0.05
"""What the latest call weighs at least; the first ones weigh alike."""
LEARNT_CALLS: Final = 24
"""So many calls of a family are all learnt from, and weigh more than later ones."""
LEAST_GAP: Final = 32
"""Of later calls every 32nd is learnt from that would cost something to count, or every 64th if it would cost much."""
MOST_GAP: Final = 512
"""The gap doubles up to this with each call that says what was known already."""
BOUNDS: Final = (0.1, 10.0)
"""No single call says that the estimator is further off than this."""

_NEWS: Final = 0.1
"""A call says something new if it is further than this part from the ratio that was known."""
_SNAPSHOT: Final = re.compile(r"[-@](?:20\d\d-\d\d-\d\d|20\d{6})\Z")


class Kind(Enum):
    """What was estimated, since each is estimated in its own way."""

    __hash__ = object.__hash__  # in C: it is a key for every event or request

    PROMPT = "prompt"
    ANSWER = "answer"
    STREAM = "stream"


class _Ratio:
    """What was learnt of a family and a kind of text, and when to learn more. Written for every call."""

    __slots__ = ("calls", "gap", "is_put_off", "left", "value")

    def __init__(self) -> None:
        self.value = 1.0
        self.calls = 0
        # How many calls pass from one that is learnt from to the next, and how many of them are left.
        self.gap = LEAST_GAP
        self.left = 0
        self.is_put_off = False


class Calibration:
    """Ratios of reported to estimated tokens."""

    def __init__(self, max_families: int = MAX_FAMILIES) -> None:
        self._max_families = max_families
        self._ratios: OrderedDict[tuple[str, str, Kind], _Ratio] = OrderedDict()

    def learn(self, provider: str, model: str, kind: Kind, estimated_tokens: int, reported_tokens: int) -> bool:
        """Takes a call into account of which both counts are known; counts of nothing teach nothing.

        Whether it says something new.
        """
        if estimated_tokens <= 0 or reported_tokens <= 0:
            return False
        least, most = BOUNDS
        seen = min(max(reported_tokens / estimated_tokens, least), most)
        key = provider, family_of(model), kind
        ratio = self._ratios.get(key)
        if ratio is None:
            ratio = self._ratios[key] = _Ratio()
        before = ratio.value
        ratio.calls += 1
        ratio.value += max(1 / ratio.calls, LEAST_WEIGHT) * (seen - before)
        self._ratios.move_to_end(key)
        if len(self._ratios) > self._max_families:
            self._ratios.popitem(last=False)
        return abs(seen - before) > _NEWS * before

    def learn_call(
        self, provider: str, model: str, kind: Kind, estimated_tokens: tuple[int, int], reported: Usage
    ) -> None:
        """The same of a prompt and of what was answered, after which some calls need not be learnt from.

        `kind` is that of the answer, `estimated_tokens` are those of the prompt and of the answer.
        """
        says_more = self.learn(provider, model, Kind.PROMPT, estimated_tokens[0], reported.prompt_tokens)
        is_new = self.learn(provider, model, kind, estimated_tokens[1], reported.completion_tokens)
        ratio = self._ratios.get((provider, family_of(model), kind))
        if ratio is None or ratio.calls < LEARNT_CALLS:
            return
        ratio.gap = LEAST_GAP if is_new or says_more else min(2 * ratio.gap, MOST_GAP)
        ratio.left, ratio.is_put_off = ratio.gap - 1, False

    def is_due(self, provider: str, model: str, kind: Kind, prompt_tokens: Tokens = 0) -> bool:
        """Whether the next call should be learnt from, for those to whom counting costs something; asked once a call.

        The first calls all are, later ones seldom; half as many of those whose prompt costs much to count.
        """
        ratio = self._ratios.get((provider, family_of(model), kind))
        if ratio is None:
            return True
        if ratio.left:
            ratio.left -= 1
            return False
        if ratio.calls < LEARNT_CALLS or ratio.is_put_off or not is_long(prompt_tokens):
            return True
        ratio.left, ratio.is_put_off = ratio.gap - 1, True
        return False

    def ratio(self, provider: str, model: str, kind: Kind) -> float:
        """Reported tokens for each estimated one; 1 where nothing was learnt."""
        ratio = self._ratios.get((provider, family_of(model), kind))
        return 1.0 if ratio is None else ratio.value

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
