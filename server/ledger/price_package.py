"""Reads the genai-prices package into what the gateway asks of it; as a program, writes that down: `make prices`.

Importing this imports the package and pydantic with it, which take ten times the memory of what is asked of them.
"""

import sys
from datetime import UTC
from importlib.metadata import files, version
from pathlib import Path
from typing import Final

import msgspec
from genai_prices import types
from genai_prices.data import providers

from server.ledger.prices import PRICE_NAMES
from server.ledger.published_prices import (
    FILE,
    AllOf,
    AnyOf,
    Begins,
    Conditional,
    Contains,
    Daily,
    Ends,
    Equals,
    Matches,
    Model,
    Prices,
    Provider,
    Rule,
    Since,
    Tiered,
    Variant,
    When,
)

_PACKAGE: Final = "genai-prices"


def installed_prices() -> dict[str, Provider]:
    """What the installed package says, by provider."""
    return {provider.id: _provider(provider) for provider in providers}


def main(path: Path = FILE) -> int:
    """Writes the file, one model a line; gives the exit code."""
    said = ",\n".join(f"{_json(name)}:{_lines(provider)}" for name, provider in installed_prices().items())
    head = f'"version":{_json(version(_PACKAGE))},\n"notice":{_json(_notice())}'
    path.write_text(f'{{{head},\n"providers":{{\n{said}\n}}}}\n', encoding="utf-8")
    return 0


def _lines(provider: Provider) -> str:
    models = ",\n".join(_json(model) for model in provider.models)
    return f"[{_json(provider.falls_back_to)},[\n{models}\n]]"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _notice() -> str:
    """The licence of the package, which its data comes with."""
    return next(file for file in files(_PACKAGE) or () if file.name == "LICENSE").read_text(encoding="utf-8")


def _provider(provider: types.Provider) -> Provider:
    return Provider(tuple(provider.fallback_model_providers or ()), tuple(map(_model, provider.models)))


def _model(model: types.ModelInfo) -> Model:
    given = model.prices
    listed = given if isinstance(given, list) else [types.ConditionalPrice(prices=given)]
    prices = tuple(Conditional(_when(each.constraint), _prices(each.prices)) for each in listed)
    variants = tuple(
        Variant(each.when, _when(each.constraint), _prices(each.prices)) for each in model.price_variants or ()
    )
    return Model(model.id, _rule(model.match), prices, variants)


def _rule(clause: object) -> Rule:
    match clause:
        case types.ClauseEquals(equals=text):
            return Equals(text.lower())
        case types.ClauseStartsWith(starts_with=text):
            return Begins(text.lower())
        case types.ClauseEndsWith(ends_with=text):
            return Ends(text.lower())
        case types.ClauseContains(contains=text):
            return Contains(text.lower())
        case types.ClauseRegex(regex=expression):
            return Matches(expression)
        case types.ClauseOr(or_=clauses):
            return AnyOf(tuple(map(_rule, clauses)))
        case types.ClauseAnd(and_=clauses):
            return AllOf(tuple(map(_rule, clauses)))
    raise TypeError(f"{_PACKAGE} has a rule of a new kind, {type(clause).__name__}")


def _when(constraint: types.StartDateConstraint | types.TimeOfDateConstraint | None) -> When | None:
    match constraint:
        case None:
            return None
        case types.StartDateConstraint(start_date=day):
            return Since(day)
        case types.TimeOfDateConstraint(start_time=start, end_time=end):
            return Daily(start.replace(tzinfo=start.tzinfo or UTC), end.replace(tzinfo=end.tzinfo or UTC))
    raise TypeError(f"{_PACKAGE} has a condition of a new kind, {type(constraint).__name__}")


def _prices(prices: types.ModelPrice) -> Prices:
    said = {name: value for name in PRICE_NAMES if (value := getattr(prices, name)) is not None}
    return {name: _tiered(value) if isinstance(value, types.TieredPrices) else value for name, value in said.items()}


def _tiered(prices: types.TieredPrices) -> Tiered:
    return Tiered(prices.base, tuple((tier.start, tier.price) for tier in prices.tiers))


if __name__ == "__main__":
    sys.exit(main())
