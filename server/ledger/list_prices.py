"""Prices as people compare them: dollars per million tokens, and one figure for a usual mix of tokens.

Read off a price book by asking it what some tokens cost, so that there is one source of prices. Prompts of ordinary
length are meant: some models cost more above 200,000 tokens.
"""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from server.chat.usage import Usage

BLEND_TOKENS: Final = 4000
"""What `blended_nanousd` is the price of: three tokens of the prompt to one of the answer."""

_THOUSAND: Final = 1000
_NANOUSD_OF_THOUSAND_PER_USD_OF_MILLION: Final = 1_000_000
_MIX: Final = Usage(input_tokens=3000, output_tokens=1000)

Cost = Callable[[str, str, Usage], int | None]
"""Provider, model and usage to nano-dollars; None when a price is not known."""


class ListPrice(Struct, frozen=True):
    """Dollars per million tokens; None where it is not known."""

    input_usd: float | None
    output_usd: float | None
    cached_input_usd: float | None


def list_price(cost: Cost, provider: str, model: str) -> ListPrice:
    """The list price of a model. What a call costs beside its tokens is not part of it."""
    per_call = cost(provider, model, Usage()) or 0

    def of(usage: Usage) -> float | None:
        nanousd = cost(provider, model, usage)
        return None if nanousd is None else (nanousd - per_call) / _NANOUSD_OF_THOUSAND_PER_USD_OF_MILLION

    return ListPrice(
        of(Usage(input_tokens=_THOUSAND)), of(Usage(output_tokens=_THOUSAND)), of(Usage(cache_read_tokens=_THOUSAND))
    )


def blended_nanousd(cost: Cost, provider: str, model: str) -> int | None:
    """What `BLEND_TOKENS` tokens of a usual call cost in nano-dollars; None when it is not known."""
    return cost(provider, model, _MIX)


def blended_usd_per_1m(nanousd: int | None) -> float | None:
    """The same in dollars per million tokens."""
    return None if nanousd is None else nanousd / (BLEND_TOKENS * 1000)
