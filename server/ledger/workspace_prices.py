"""The prices that hold in one workspace: its own, and below them those of the price book.

Names are taken literally: a price of `gpt-4o` is not one of `gpt-4o-2024-08-06`. `*` stands for every model of a
provider. Each price tells where it comes from, so that what was booked can be explained later.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from server.chat.usage import Usage
from server.ledger.list_prices import blended_nanousd
from server.ledger.prices import EVERY_MODEL, PriceBook, PriceRow, Rates, rates_of
from server.storage.prices import PriceLine

_MAX_BLENDED: Final = 4096
_NOT_LOOKED_UP: Final = object()


class WorkspacePrices:
    """The prices of a workspace whose own are `lines`, in the version that it has given them."""

    def __init__(self, published: PriceBook, lines: Sequence[PriceLine] = (), version: int = 0) -> None:
        self._published = published
        self._cached = published.cached
        self._own: dict[tuple[str, str], Rates] = {(line.provider, line.model): rates_of(_row(line)) for line in lines}
        self._version = f"workspace/{version}"
        self._blended: dict[tuple[str, str], int | None] = {}

    def cost_nanousd(self, provider: str, model: str, usage: Usage) -> int | None:
        """The cost of a call in nano-dollars, or None when the price is not known."""
        if not self._own:
            # As the price book does itself nearly always.
            rates = _NOT_LOOKED_UP if usage.tier else self._cached.get((provider, model), _NOT_LOOKED_UP)
            if type(rates) is Rates:
                return rates.cost_nanousd(usage)
            if rates is None:
                return None
            return self._published.cost_nanousd(provider, model, usage)
        own = self._own_rates(provider, model)
        return self._published.cost_nanousd(provider, model, usage) if own is None else own.cost_nanousd(usage)

    def version_of(self, provider: str, model: str) -> str:
        """Where the price of a model comes from: `workspace/VERSION`, or the source of the published prices."""
        if not self._own or self._own_rates(provider, model) is None:
            return self._published.version
        return self._version

    def blended_nanousd(self, provider: str, model: str) -> int | None:
        """What a usual mix of tokens costs, remembered; see `server.ledger.list_prices`."""
        names = provider, model
        if names not in self._blended:
            if len(self._blended) >= _MAX_BLENDED:
                self._blended.clear()
            self._blended[names] = blended_nanousd(self.cost_nanousd, provider, model)
        return self._blended[names]

    def _own_rates(self, provider: str, model: str) -> Rates | None:
        if not self._own:
            return None
        return self._own.get((provider, model)) or self._own.get((provider, EVERY_MODEL))


def _row(line: PriceLine) -> PriceRow:
    return PriceRow(
        _usd(line.input_nanousd),
        _usd(line.output_nanousd),
        None if line.cache_read_nanousd is None else _usd(line.cache_read_nanousd),
        None if line.cache_write_nanousd is None else _usd(line.cache_write_nanousd),
    )


def _usd(nanousd: int) -> Decimal:
    return Decimal(nanousd).scaleb(-9)
