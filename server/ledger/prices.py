"""What a call costs: integer nano-dollars from tokens and published prices, exactly.

The prices are those that the genai-prices package publishes (nothing is ever fetched), under the operator's own rows.
Each model's prices are compiled once to integers over one power of ten, so that a cost is a few multiplications and one
division, rounded half to even at the very end. A model without a known price costs None, which is not zero.
"""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from typing import Final, Protocol

from msgspec import Struct

from server.chat.usage import Usage
from server.ledger.published_prices import Model, Prices, PublishedPrices, Tiered

EVERY_MODEL = "*"

_NANOUSD_PER_TOKEN = 1_000  # of a dollar per million tokens
_NANOUSD_PER_CALL = 1_000_000  # of a dollar per thousand calls
_MAX_CACHED_MODELS = 4096
_KEYS = {
    "input": "input_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "output": "output_mtok",
    "reasoning": "output_reasoning_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "audio_input": "input_audio_mtok",
    "audio_cache_read": "cache_audio_read_mtok",
    "audio_output": "output_audio_mtok",
}
"""The package's name of each bucket's price."""
_PER_CALL = "requests_kcount"
PRICE_NAMES: Final = (*_KEYS.values(), _PER_CALL)
"""All that is asked of the package, by its names."""
_PART_OF = {
    "audio_input": ("input",),
    "audio_cache_read": ("cache_read", "audio_input"),
    "cache_read": ("input",),
    "cache_write": ("input",),
    "cache_write_1h": ("cache_write",),
    "reasoning": ("output",),
    "audio_output": ("output",),
}
"""Whose price holds where a bucket has none, the nearest first; what another builds on stands before it."""


class PriceRow(Struct, frozen=True):
    """The operator's price of a model, in dollars per million tokens. A cache price of None is the input price."""

    input_usd: Decimal
    output_usd: Decimal
    cache_read_usd: Decimal | None = None
    cache_write_usd: Decimal | None = None


class _Rate(Struct, frozen=True):
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


class Rates(Struct, frozen=True):
    """A model's prices, `scale` units to the nano-dollar: of a call, and of a token in each bucket, None if unknown.

    `flat` are those of a token in and out where both are known and neither depends on how large the prompt is.
    """

    scale: int
    per_call: int
    input: _Rate | None
    cache_read: _Rate | None
    cache_write: _Rate | None
    output: _Rate | None
    reasoning: _Rate | None
    cache_write_1h: _Rate | None
    audio_input: _Rate | None
    audio_cache_read: _Rate | None
    audio_output: _Rate | None
    flat: tuple[int, int] | None = None

    def cost_nanousd(self, usage: Usage) -> int | None:
        """The cost, or None when tokens were used whose price is not known."""
        flat = self.flat
        # What else there is are parts of these.
        has_parts = (
            usage.cache_read_tokens
            or usage.cache_write_tokens
            or usage.reasoning_tokens
            or usage.audio_input_tokens
            or usage.audio_output_tokens
        )
        if flat is None or has_parts:
            return self._cost_of_parts(usage)
        total, scale = self.per_call + usage.input_tokens * flat[0] + usage.output_tokens * flat[1], self.scale
        return _half_even(total, scale) if total % scale else total // scale

    def _cost_of_parts(self, usage: Usage) -> int | None:
        prompt_tokens = usage.prompt_tokens
        total = self.per_call
        for tokens, rate in (
            (usage.input_tokens - usage.audio_input_tokens, self.input),
            (usage.cache_read_tokens - usage.audio_cache_read_tokens, self.cache_read),
            (usage.cache_write_tokens - usage.cache_write_1h_tokens, self.cache_write),
            (usage.output_tokens - usage.audio_output_tokens, self.output),
            (usage.reasoning_tokens, self.reasoning),
            (usage.cache_write_1h_tokens, self.cache_write_1h),
            (usage.audio_input_tokens, self.audio_input),
            (usage.audio_cache_read_tokens, self.audio_cache_read),
            (usage.audio_output_tokens, self.audio_output),
        ):
            if tokens:
                if rate is None:
                    return None
                total += tokens * (rate.at(prompt_tokens) if rate.tiers else rate.base)
        return _half_even(total, self.scale)


class _Constraint(Protocol):
    def active(self, request_timestamp: datetime) -> bool: ...


class _Priced(Struct, frozen=True):
    """A model's prices over time: the last of `conditional` that is active holds, the first when none is."""

    conditional: tuple[tuple[_Constraint | None, Rates | None], ...]

    def at(self, moment: datetime) -> Rates | None:
        for constraint, rates in reversed(self.conditional):
            if constraint is None or constraint.active(moment):
                return rates
        return self.conditional[0][1] if self.conditional else None


class PriceBook:
    """Prices by provider and model.

    `overrides` hold for (provider, model), or for (provider, "*"), all its models. `aliases` give the name that
    genai-prices has for a provider where it is not ours; other names are taken literally, never guessed.
    They are read at the first look-up that needs them, which may take some 0.3 s: call `load` in a thread before.
    """

    def __init__(
        self,
        overrides: Mapping[tuple[str, str], PriceRow] | None = None,
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        self._overrides = {names: rates_of(row) for names, row in (overrides or {}).items()}
        self._aliases = dict(aliases or {})
        self._list: PublishedPrices | None = None
        self._load_lock = threading.Lock()
        self.cached: dict[tuple[str, str], Rates | _Priced | None] = {}
        """What was looked up, by provider and model; at most some thousands, and never another dictionary."""
        self.version = f"genai-prices/{version('genai-prices')}"

    def load(self) -> None:
        """Reads the published prices, once; from any thread."""
        self._loaded()

    def _loaded(self) -> PublishedPrices:
        with self._load_lock:
            if self._list is None:
                self._list = PublishedPrices.load()
            return self._list

    def cost_nanousd(self, provider: str, model: str, usage: Usage, at: datetime | None = None) -> int | None:
        """The cost of a call in nano-dollars, or None when a price is not known.

        `at` is when the call was made, for prices that depend on it; None is now. The tier that the answer named has
        its own price where one is published; the operator's rows hold for all tiers.
        """
        names = provider, model
        rates = None if usage.tier else self.cached.get(names)
        if rates is None:
            if usage.tier:
                rates = self._of_tier(provider, model, usage.tier, at)
            elif names not in self.cached:
                rates = self._rates(provider, model)
        if isinstance(rates, _Priced):
            rates = rates.at(at or datetime.now(UTC))
        return None if rates is None else rates.cost_nanousd(usage)

    def _rates(self, provider: str, model: str) -> Rates | _Priced | None:
        names = provider, model
        if names in self.cached:
            return self.cached[names]
        rates = self._override(provider, model) or self._published(provider, model)
        if len(self.cached) >= _MAX_CACHED_MODELS:
            self.cached.clear()
        self.cached[names] = rates
        return rates

    def _of_tier(self, provider: str, model: str, tier: str, at: datetime | None) -> Rates | _Priced | None:
        """The prices of a tier that is not the usual one; the package calls it a tier, a speed or a processing."""
        info = None if self._override(provider, model) else self._info(provider, model)
        if info is None or not info.variants:
            return self._rates(provider, model)
        context = {"service_tier": tier, "speed": tier, "processing": tier}
        return _compiled_prices(info.prices_at(at or datetime.now(UTC), context))

    def _override(self, provider: str, model: str) -> Rates | None:
        return self._overrides.get((provider, model)) or self._overrides.get((provider, EVERY_MODEL))

    def _published(self, provider: str, model: str) -> Rates | _Priced | None:
        info = self._info(provider, model)
        return None if info is None else _compiled(info)

    def _info(self, provider: str, model: str) -> Model | None:
        return self._loaded().model(self._aliases.get(provider, provider), model)


def _compiled(info: Model) -> Rates | _Priced | None:
    if len(info.prices) == 1 and info.prices[0].when is None:
        return _compiled_prices(info.prices[0].prices)
    return _Priced(tuple((price.when, _compiled_prices(price.prices)) for price in info.prices))


def _compiled_prices(prices: Prices) -> Rates | None:
    """The rates of tokens and calls; None for a model that is not sold by tokens."""
    if _KEYS["input"] not in prices and _KEYS["output"] not in prices:
        return None
    per_call = prices.get(_PER_CALL)
    rates = {name: prices.get(key) for name, key in _KEYS.items()}
    return _scaled_rates(per_call if isinstance(per_call, Decimal) else Decimal(0), rates)


def rates_of(row: PriceRow) -> Rates:
    """The rates of an operator's price."""
    priced = {
        "input": row.input_usd,
        "cache_read": row.cache_read_usd,
        "cache_write": row.cache_write_usd,
        "output": row.output_usd,
    }
    return _scaled_rates(Decimal(0), {name: priced.get(name) for name in _KEYS})


def _scaled_rates(per_call: Decimal, prices: Mapping[str, Decimal | Tiered | None]) -> Rates:
    """The rates of prices by bucket; a bucket without a price of its own has that of the bucket it is a part of."""
    digits = max(_digits(price) for price in (*prices.values(), per_call))
    rates = {name: _compiled_rate(price, digits) for name, price in prices.items()}
    for name, wholes in _PART_OF.items():
        rates[name] = next((rate for part in (name, *wholes) if (rate := rates[part])), None)
    paid_in, paid_out, flat = rates["input"], rates["output"], None
    if paid_in is not None and paid_out is not None and not (paid_in.tiers or paid_out.tiers):
        flat = paid_in.base, paid_out.base
    return Rates(10**digits, _scaled(per_call, digits) * _NANOUSD_PER_CALL, **rates, flat=flat)


def _compiled_rate(price: Decimal | Tiered | None, digits: int) -> _Rate | None:
    if price is None:
        return None
    if isinstance(price, Decimal):
        return _Rate(_scaled(price, digits) * _NANOUSD_PER_TOKEN)
    tiers = tuple((start, _scaled(higher, digits) * _NANOUSD_PER_TOKEN) for start, higher in price.tiers)
    return _Rate(_scaled(price.base, digits) * _NANOUSD_PER_TOKEN, tiers)


def _digits(price: Decimal | Tiered | None) -> int:
    """How many decimal places the price has at most."""
    if price is None:
        return 0
    if not isinstance(price, Decimal):
        return max(_digits(part) for part in (price.base, *(higher for _, higher in price.tiers)))
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
