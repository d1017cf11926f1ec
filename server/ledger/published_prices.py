"""What providers charge, as the genai-prices package publishes it: which model a name means, and its prices by moment.

`prices.json` is what one version of the package says, as far as the gateway asks: `make prices` writes it. The package,
which takes ten times the memory, is read itself only where another version is installed; nothing is ever fetched. Names
are told apart as the package does it, and a test holds both against each other.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

FILE: Final = Path(__file__).with_name("prices.json")
_COMPACT_DATE: Final = re.compile(r"-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")


class Tiered(msgspec.Struct, array_like=True, frozen=True):
    """A price that depends on the prompt's size: `base`, or that of the highest tier whose tokens it exceeds."""

    base: Decimal
    tiers: tuple[tuple[int, Decimal], ...]


Prices: TypeAlias = dict[str, Decimal | Tiered]
"""Dollars by the package's names: of a million tokens (`..._mtok`), or of a thousand calls."""


class Equals(msgspec.Struct, array_like=True, frozen=True, tag="="):
    """A name that is this."""

    text: str

    def holds(self, name: str) -> bool:
        """Whether a name, in lower case, is meant."""
        return name == self.text


class Begins(msgspec.Struct, array_like=True, frozen=True, tag="^"):
    """A name that begins so."""

    text: str

    def holds(self, name: str) -> bool:
        """Whether a name, in lower case, is meant."""
        return name.startswith(self.text)


class Ends(msgspec.Struct, array_like=True, frozen=True, tag="$"):
    """A name that ends so."""

    text: str

    def holds(self, name: str) -> bool:
        """Whether a name, in lower case, is meant."""
        return name.endswith(self.text)


class Contains(msgspec.Struct, array_like=True, frozen=True, tag="*"):
    """A name in which this stands."""

    text: str

    def holds(self, name: str) -> bool:
        """Whether a name, in lower case, is meant."""
        return self.text in name


class Matches(msgspec.Struct, array_like=True, frozen=True, tag="~"):
    """A name that a regular expression finds something in."""

    expression: str

    def holds(self, name: str) -> bool:
        """Whether a name, in lower case, is meant."""
        return re.search(self.expression, name) is not None


class AnyOf(msgspec.Struct, array_like=True, frozen=True, tag="|"):
    """One of these."""

    rules: "tuple[Rule, ...]"

    def holds(self, name: str) -> bool:
        """Whether a name, in lower case, is meant."""
        return any(rule.holds(name) for rule in self.rules)


class AllOf(msgspec.Struct, array_like=True, frozen=True, tag="&"):
    """All of these."""

    rules: "tuple[Rule, ...]"

    def holds(self, name: str) -> bool:
        """Whether a name, in lower case, is meant."""
        return all(rule.holds(name) for rule in self.rules)


Rule: TypeAlias = Equals | Begins | Ends | Contains | Matches | AnyOf | AllOf


class Since(msgspec.Struct, array_like=True, frozen=True, tag="since"):
    """From a day on, in UTC."""

    day: date

    def active(self, moment: datetime) -> bool:
        """Whether it holds at a moment, which has a time zone."""
        return moment.astimezone(UTC).date() >= self.day


class Daily(msgspec.Struct, array_like=True, frozen=True, tag="daily"):
    """Between two times of every day, in UTC, over midnight where the second is earlier."""

    start: time
    end: time

    def active(self, moment: datetime) -> bool:
        """Whether it holds at a moment, which has a time zone."""
        now = moment.astimezone(UTC).timetz()
        if self.end < self.start:
            return now >= self.start or now < self.end
        return self.start <= now < self.end


When: TypeAlias = Since | Daily


class Conditional(msgspec.Struct, array_like=True, frozen=True):
    """Prices that hold at some time; None: always."""

    when: When | None
    prices: Prices


class Variant(msgspec.Struct, array_like=True, frozen=True):
    """Prices that differ for calls of some kind, as those of a tier."""

    of: dict[str, str]
    when: When | None
    prices: Prices

    def holds(self, moment: datetime, context: Mapping[str, str]) -> bool:
        """Whether a call of that kind pays them."""
        if self.when is not None and not self.when.active(moment):
            return False
        return all(context.get(name) == value for name, value in self.of.items())


class Model(msgspec.Struct, array_like=True, frozen=True):
    """A model's prices: the last of `prices` that is active holds, the first when none is."""

    id: str
    rule: Rule
    prices: tuple[Conditional, ...]
    variants: tuple[Variant, ...] = ()

    def prices_at(self, moment: datetime, context: Mapping[str, str]) -> Prices:
        """What a call of some kind pays; of several variants with a price for the same, the first counts."""
        active = (each for each in reversed(self.prices) if each.when is None or each.when.active(moment))
        prices = dict(next(active, self.prices[0]).prices)
        for variant in reversed(self.variants):
            if variant.holds(moment, context):
                prices |= variant.prices
        return prices


class Provider(msgspec.Struct, array_like=True, frozen=True):
    """A provider's models, in the order in which they are asked; then those of the providers `falls_back_to`."""

    falls_back_to: tuple[str, ...]
    models: tuple[Model, ...]

    def model(self, name: str) -> Model | None:
        """The first model that a name, in lower case, means."""
        return next((model for model in self.models if model.rule.holds(name)), None)


class Document(msgspec.Struct):
    """The file: what it was made of, its licence, and by provider what is read when somebody asks for that."""

    version: str
    notice: str
    providers: dict[str, msgspec.Raw]


class PublishedPrices:
    """Models by provider. A provider is read when it is asked for."""

    def __init__(self, providers: Mapping[str, msgspec.Raw | Provider]) -> None:
        self._raw = providers
        self._read: dict[str, Provider] = {}

    @classmethod
    def load(cls, file: Path = FILE) -> "PublishedPrices":
        """Those of the installed version of the package; from any thread."""
        document = msgspec.json.decode(file.read_bytes(), type=Document)
        if document.version == version("genai-prices"):
            return cls(document.providers)
        from server.ledger.price_package import installed_prices

        return cls(installed_prices())

    def model(self, provider: str, name: str) -> Model | None:
        """The model that a name means at a provider; None where there is none, or no such provider."""
        found = self._provider(provider)
        if found is None:
            return None
        name = name.lower()
        providers = [found, *filter(None, map(self._provider, found.falls_back_to))]
        return _first(providers, name) or _first(providers, _with_dashes(name))

    def _provider(self, name: str) -> Provider | None:
        if name not in self._read and name in self._raw:
            raw = self._raw[name]
            self._read[name] = raw if isinstance(raw, Provider) else msgspec.json.decode(raw, type=Provider)
        return self._read.get(name)


def _first(providers: Sequence[Provider], name: str) -> Model | None:
    return next((model for provider in providers if (model := provider.model(name)) is not None), None)


def _with_dashes(name: str) -> str:
    """A name whose date is written `20251211` with `2025-12-11`, as some gateways' names are not."""

    def dashed(found: re.Match[str]) -> str:
        year, month, day = found.groups()
        try:
            date(int(year), int(month), int(day))
        except ValueError:
            return found[0]
        return f"-{year}-{month}-{day}"

    return _COMPACT_DATE.sub(dashed, name)
