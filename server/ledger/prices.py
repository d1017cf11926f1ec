"""What a call costs: integer nano-dollars from tokens and published prices, exactly.

The prices are the snapshot inside the genai-prices package (nothing is ever fetched), under the operator's own rows.
Each model's prices are compiled once to integers over one power of ten, so that a cost is a few multiplications and one
division, rounded half to even at the very end. A model without a known price costs None, which is not zero.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from typing import TYPE_CHECKING, Protocol

from server.chat.usage import Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider, TieredPrices

EVERY_MODEL = "*"

_NANOUSD_PER_TOKEN = 1_000  # of a dollar per million tokens
_NANOUSD_PER_CALL = 1_000_000  # of a dollar per thousand calls
_MAX_CACHED_MODELS = 4096


@dataclass(frozen=True, slots=True)
class PriceRow:
    """The operator's price of a model, in dollars per million tokens. A cache price of None is the input price."""

    input_usd: Decimal
    output_usd: Decimal
    cache_read_usd: Decimal | None = None
    cache_write_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class _Rate:
    """A price per token in units of the model's scale. `tiers` are pairs of a prompt size and the price above it."""

    base: int
    tiers: tuple[tuple[int, int], ...] = ()

    def at(self, prompt_tokens: int) -> int:
        """The price of each token when the prompt is that large: the highest tier that it exceeds holds for all."""
        price = self.base
        for start_tokens, higher in self.tiers:
            if prompt_tokens > start_tokens:
                price = higher
        return price


@dataclass(frozen=True, slots=True)
class _Rates:
    """A model's prices, `scale` units to the nano-dollar: of a call, and of a token in each bucket, None if unknown."""

    scale: int
    per_call: int
    input: _Rate | None
    cache_read: _Rate | None
    cache_write: _Rate | None
    output: _Rate | None
    reasoning: _Rate | None

    def cost_nanousd(self, usage: Usage) -> int | None:
        """The cost, or None when tokens were used whose price is not known."""
        prompt_tokens = usage.prompt_tokens
        total = self.per_call
        for tokens, rate in (
            (usage.input_tokens, self.input),
            (usage.cache_read_tokens, self.cache_read),
            (usage.cache_write_tokens, self.cache_write),
            (usage.output_tokens, self.output),
            (usage.reasoning_tokens, self.reasoning),
        ):
            if tokens:
                if rate is None:
                    return None
                total += tokens * (rate.at(prompt_tokens) if rate.tiers else rate.base)
        return _half_even(total, self.scale)


class _Constraint(Protocol):
    def active(self, request_timestamp: datetime) -> bool: ...


@dataclass(frozen=True, slots=True)
class _Priced:
    """A model's prices over time: the last of `conditional` that is active holds, the first when none is."""

    conditional: tuple[tuple[_Constraint | None, _Rates | None], ...]

    def at(self, moment: datetime) -> _Rates | None:
        for constraint, rates in reversed(self.conditional):
            if constraint is None or constraint.active(moment):
                return rates
        return self.conditional[0][1] if self.conditional else None


class PriceBook:
    """Prices by provider and model.

    `overrides` hold for (provider, model), or for (provider, "*"), all its models. `aliases` give the name that
    genai-prices has for a provider where it is not ours; other names are taken literally, never guessed.
    The snapshot is read at the first look-up that needs it, which takes some 0.3 s: call `load` in a thread before.
    """

    def __init__(
        self,
        overrides: Mapping[tuple[str, str], PriceRow] | None = None,
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        self._overrides = {names: _compiled_row(row) for names, row in (overrides or {}).items()}
        self._aliases = dict(aliases or {})
        self._providers: dict[str, Provider] = {}
        self._load_lock = threading.Lock()
        self._cached: dict[tuple[str, str], _Rates | _Priced | None] = {}
        self.version = f"genai-prices/{version('genai-prices')}"

    def load(self) -> None:
        """Reads the snapshot, once; from any thread."""
        with self._load_lock:
            if not self._providers:
                from genai_prices.data import providers

                self._providers = {provider.id: provider for provider in providers}

    def cost_nanousd(self, provider: str, model: str, usage: Usage, at: datetime | None = None) -> int | None:
        """The cost of a call in nano-dollars, or None when a price is not known.

        `at` is when the call was made, for prices that depend on it; None is now.
        """
        rates = self._rates(provider, model)
        if isinstance(rates, _Priced):
            rates = rates.at(at or datetime.now(UTC))
        return None if rates is None else rates.cost_nanousd(usage)

    def _rates(self, provider: str, model: str) -> _Rates | _Priced | None:
        names = provider, model
        if names in self._cached:
            return self._cached[names]
        rates = self._overrides.get(names) or self._overrides.get((provider, EVERY_MODEL)) or self._published(*names)
        if len(self._cached) >= _MAX_CACHED_MODELS:
            self._cached.clear()
        self._cached[names] = rates
        return rates

    def _published(self, provider: str, model: str) -> _Rates | _Priced | None:
        self.load()
        found = self._providers.get(self._aliases.get(provider, provider))
        info = None if found is None else found.find_model(model, all_providers=list(self._providers.values()))
        return None if info is None else _compiled(info)


def _compiled(info: "ModelInfo") -> _Rates | _Priced | None:
    if not isinstance(info.prices, list):
        return _compiled_prices(info.prices)
    return _Priced(tuple((price.constraint, _compiled_prices(price.prices)) for price in info.prices))


def _compiled_prices(prices: "ModelPrice") -> _Rates | None:
    """The rates of tokens and calls; None for a model that is not sold by tokens."""
    if prices.input_mtok is None and prices.output_mtok is None:
        return None
    priced = [prices.input_mtok, prices.cache_read_mtok, prices.cache_write_mtok]
    priced += [prices.output_mtok, prices.output_reasoning_mtok]
    per_call = prices.requests_kcount if isinstance(prices.requests_kcount, Decimal) else Decimal(0)
    digits = max(_digits(price) for price in (*priced, per_call))
    rates = [_compiled_rate(price, digits) for price in priced]
    return _Rates(
        scale=10**digits,
        per_call=_scaled(per_call, digits) * _NANOUSD_PER_CALL,
        input=rates[0],
        cache_read=rates[1] or rates[0],
        cache_write=rates[2] or rates[0],
        output=rates[3],
        reasoning=rates[4] or rates[3],
    )


def _compiled_row(row: PriceRow) -> _Rates:
    prices = (row.input_usd, row.cache_read_usd, row.cache_write_usd, row.output_usd)
    digits = max(_digits(price) for price in prices)
    rates = [_compiled_rate(price, digits) for price in prices]
    return _Rates(10**digits, 0, rates[0], rates[1] or rates[0], rates[2] or rates[0], rates[3], rates[3])


def _compiled_rate(price: "Decimal | TieredPrices | None", digits: int) -> _Rate | None:
    if price is None:
        return None
    if isinstance(price, Decimal):
        return _Rate(_scaled(price, digits) * _NANOUSD_PER_TOKEN)
    tiers = tuple((tier.start, _scaled(tier.price, digits) * _NANOUSD_PER_TOKEN) for tier in price.tiers)
    return _Rate(_scaled(price.base, digits) * _NANOUSD_PER_TOKEN, tiers)


def _digits(price: "Decimal | TieredPrices | None") -> int:
    """How many decimal places the price has at most."""
    if price is None:
        return 0
    if not isinstance(price, Decimal):
        return max(_digits(part) for part in (price.base, *(tier.price for tier in price.tiers)))
    exponent = price.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _scaled(price: Decimal, digits: int) -> int:
    """The price times ten to the power of `digits`, which is whole."""
    numerator, denominator = price.as_integer_ratio()
    scale: int = 10**digits
    return numerator * scale // denominator


def _half_even(numerator: int, denominator: int) -> int:
    """The quotient of two integers, of which neither is negative, rounded half to even."""
    quotient, rest = divmod(numerator, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and quotient % 2):
        return quotient + 1
    return quotient
