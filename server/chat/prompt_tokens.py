"""The estimate of a prompt's tokens, made when its value is asked for: most questions only need to know its bounds.

What asks whether it is above or below something is answered from the length of the body where that is enough. The value
itself is that of `server.chat.estimate`, whenever it is made. Pure; it belongs to one request, which it keeps alive.
"""

import math
from typing import Final, TypeAlias

from msgspec import Struct

from server.chat.estimate import estimate_tokens
from server.chat.request import ChatRequest

MOST_PER_BYTE: Final = 0.75
"""Nothing is estimated higher than marks of punctuation, and what frames a text in JSON not higher than its bytes."""
_LEAST_TEXT_CHARS: Final = 5
"""Nothing but spaces is estimated lower than letters of one long word: a token for so many."""
_WORTH_IT: Final = 1.3
"""A text is looked at for the least that it must be if it is so many times longer than what would do without spaces."""

_LONG_BYTES: Final = 16_384
"""Counting the tokens of a longer request costs more than anything else that is done with it."""


class PromptTokens(Struct, eq=False, gc=False):
    """A number of tokens that can be compared with other numbers; `int` gives its value, at least 1.

    `value` is what was counted of the very same request before, None if it was not; `least` what it is known to be at
    least.
    """

    request: ChatRequest
    value: int | None = None
    least: float = 0.0

    @property
    def counted(self) -> int | None:
        """The value if it was needed already."""
        return self.value

    @property
    def is_long(self) -> bool:
        """Whether counting would be dear, and was not needed yet."""
        return self.value is None and len(self.request.body) > _LONG_BYTES

    @property
    def most(self) -> float:
        """What the value is at most, as far as that can be told at once."""
        if self.value is None and self.request.is_plain:
            return len(self.request.body) * MOST_PER_BYTE
        return int(self)

    def __int__(self) -> int:
        value = self.value
        if value is None:
            value = self.value = estimate_tokens(self.request)
        return value

    def __ge__(self, other: float) -> bool:
        if self.value is None and self.request.is_plain:
            if other > len(self.request.body) * MOST_PER_BYTE:
                return False
            if other <= self.least:
                return True
            if self._is_surely(other):
                self.least = other
                return True
        return int(self) >= other

    def __lt__(self, other: float) -> bool:
        if self.value is None and self.request.is_plain and other > len(self.request.body) * MOST_PER_BYTE:
            return True
        return not self >= other

    def __gt__(self, other: float) -> bool:
        return self >= math.floor(other) + 1

    def __le__(self, other: float) -> bool:
        return not self > other

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int | PromptTokens) and int(self) == int(other)

    def __hash__(self) -> int:
        return hash(int(self))

    def __repr__(self) -> str:
        return f"PromptTokens({self.value})"

    def _is_surely(self, tokens: float) -> bool:
        """Whether the texts have so many characters beside spaces that they must come to so many tokens."""
        needed = _LEAST_TEXT_CHARS * (tokens + 1)
        longest = int(_WORTH_IT * needed)
        if len(self.request.body) < longest:
            return False
        for message in self.request.view.messages:
            text = message.content
            if isinstance(text, str):
                taken = min(len(text), longest)
                needed -= taken - text.count(" ", 0, taken)
                if needed <= 0:
                    return True
        return False


Tokens: TypeAlias = int | PromptTokens
"""A number of tokens, counted or not."""


def is_long(tokens: Tokens) -> bool:
    """Whether counting them would be dear."""
    return not isinstance(tokens, int) and tokens.is_long


def most_of(tokens: Tokens) -> float:
    """What a number is at most."""
    return tokens if isinstance(tokens, int) else tokens.most
