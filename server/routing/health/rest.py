"""For how long a credential, or a model of an entry, is left alone after its provider said no. Pure.

Nobody is asked earlier than a provider told. What only a person can put right (a key, an account without credit) rests
for minutes, but is looked at now and then if there is nobody else to ask. A model that an entry does not serve rests
behind those that do; alone, it is asked, so that the caller hears the truth from the provider.
"""

from typing import Final

from msgspec import Struct

from server.routing.failure import FailureClass

LONG_S: Final = 300.0
"""Of what a person must put right, and of models that are not served."""

LOOK_AGAIN_S: Final = 5.0
"""How often a credential that rests for long is tried if nobody else is left."""

FIRST_LIMIT_S: Final = 1.0
"""After a limit without a word about its end; twice as long after each further one in a row.

Whoever tells a shorter time again and again is taken at this word from the third on.
"""

LONGEST_LIMIT_S: Final = 60.0

_MOST_DOUBLINGS: Final = 6
_BELIEVED: Final = 2


class Rest(Struct, frozen=True):
    """One rest. `since_s` and `until_s` are of the clock of its health."""

    kind: FailureClass
    since_s: float
    until_s: float

    def left_s(self, now_s: float) -> float:
        """Seconds until its end, 0 after it."""
        return max(self.until_s - now_s, 0.0)

    def askable_in_s(self, now_s: float, asked_s: float) -> float:
        """Seconds until it may be broken by who has nobody else to ask; `asked_s` is when a call went out last."""
        left_s = self.left_s(now_s)
        if self.kind is FailureClass.LIMITED:
            return left_s
        if self.kind in _OF_MODELS:
            return 0.0
        return min(left_s, max(asked_s + LOOK_AGAIN_S - now_s, 0.0))


_OF_MODELS: Final = frozenset({FailureClass.FORBIDDEN, FailureClass.NO_MODEL})


def rest_after(kind: FailureClass, told_s: float | None, limits_in_a_row: int, now_s: float) -> Rest:
    """The rest that a failure leads to. `told_s` is what the provider said, `limits_in_a_row` counts this one too."""
    if kind is not FailureClass.LIMITED:
        return Rest(kind, now_s, now_s + LONG_S)
    if told_s is None:
        rest_s = _doubled_s(limits_in_a_row)
    else:
        rest_s = max(told_s, _doubled_s(limits_in_a_row - _BELIEVED) if limits_in_a_row > _BELIEVED else 0.0)
    return Rest(kind, now_s, now_s + min(rest_s, LONGEST_LIMIT_S))


def _doubled_s(times: int) -> float:
    return FIRST_LIMIT_S * 2.0 ** (min(times, _MOST_DOUBLINGS + 1) - 1)
