"""How plausible the catalogue is, held against what others say: the vendors' own SDKs and public price data.

Each check answers how often it could be made and where it did not hold; `python -m tests.bench.plausible` prints them.
What the SDKs name and the catalogue leaves out stands in `LEFT_OUT`, each with its reason, so that a new version of an
SDK that names a new model shows up.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, get_args

from anthropic.types import model as anthropic_names
from genai_prices import data
from genai_prices.types import ModelInfo
from openai.types.shared import chat_model as openai_names

from server.catalogue.catalogue import Catalogue, Model
from server.chat.usage import Usage
from server.ledger.list_prices import list_price
from server.ledger.prices import PriceBook

WINDOWS_MAY_DIFFER_BY: Final = 0.08
"""Some count windows in thousands and some in 1,024s, and some say how much of one the prompt may take."""

LEFT_OUT: Final[tuple[tuple[str, str, str], ...]] = (
    ("openai", "gpt-3.5-*", "superseded"),
    ("openai", "gpt-4", "superseded"),
    ("openai", "gpt-4-*", "superseded"),
    ("openai", "chatgpt-4o-*", "superseded"),
    ("openai", "o1*", "superseded"),
    ("openai", "o3-mini*", "superseded"),
    ("openai", "o4-mini*", "superseded"),
    ("openai", "gpt-4.1-nano*", "superseded"),
    ("openai", "gpt-5*-chat-latest", "the model of another product"),
    ("openai", "gpt-5.2-pro*", "superseded"),
    ("openai", "gpt-5.1-codex", "superseded"),
    ("openai", "gpt-5.1-mini", "superseded"),
    ("openai", "codex-mini-*", "superseded"),
    ("openai", "gpt-*audio*", "for sound"),
    ("openai", "gpt-4o*-search-*", "a search, not a chat"),
    ("openai", "gpt-6.2-*", "without a public price yet"),
    ("anthropic", "claude-mythos-*", "not open to everybody"),
)


@dataclass(frozen=True, slots=True)
class Check:
    """What was held against what: how often, and where it did not hold."""

    name: str
    count: int
    misses: Sequence[str]


def checks() -> list[Check]:
    """All checks, in the order in which they are printed."""
    catalogue = Catalogue.load()
    return [*_price_checks(catalogue), _windows(catalogue), _resold(catalogue), *_names(catalogue)]


def _price_checks(catalogue: Catalogue) -> Iterator[Check]:
    prices = PriceBook(aliases=catalogue.price_names)
    unpriced: list[str] = []
    odd: list[str] = []
    for row in catalogue.models:
        found = list_price(prices.cost_nanousd, row.provider, row.id)
        if prices.cost_nanousd(row.provider, row.id, Usage(input_tokens=1)) is None:
            unpriced.append(_told(row))
        elif not (found.cached_input_usd or 0.0) <= (found.input_usd or 0.0) <= (found.output_usd or 0.0):
            odd.append(f"{_told(row)}: {found}")
    yield Check("has a public price", len(catalogue.models), unpriced)
    yield Check("cached input <= input <= output", len(catalogue.models), odd)


def _windows(catalogue: Catalogue) -> Check:
    count, misses = 0, []
    for row in catalogue.models:
        theirs = _priced(catalogue, row)
        if theirs is None or theirs.context_window is None:
            continue
        count += 1
        if abs(row.context_window_tokens / theirs.context_window - 1) > WINDOWS_MAY_DIFFER_BY:
            misses.append(f"{_told(row)}: {row.context_window_tokens} here, {theirs.context_window} there")
    return Check("context window as the price data say", count, misses)


def _resold(catalogue: Catalogue) -> Check:
    """Who serves another's model does not serve more of it."""
    homes = {row.id: row for row in catalogue.models if row.provider in ("openai", "anthropic", "google", "mistral")}
    count, misses = 0, []
    for row in catalogue.models:
        home = homes.get(row.id.replace("anthropic.", "").rpartition("/")[2].replace(".", "-"))
        if home is None or home is row:
            continue
        count += 1
        if row.context_window_tokens > home.context_window_tokens * (1 + WINDOWS_MAY_DIFFER_BY):
            misses.append(f"{_told(row)}: a larger window than {_told(home)}")
    return Check("no larger window where it is resold", count, misses)


def _names(catalogue: Catalogue) -> Iterator[Check]:
    for provider, names in sdk_names().items():
        known = [name for name in names if not _is_left_out(provider, name)]
        lacking = [name for name in known if catalogue.find(provider, name) is None]
        yield Check(f"models that the {provider} SDK names", len(known), lacking)


def sdk_names() -> dict[str, tuple[str, ...]]:
    """The models that the vendors' SDKs name."""
    return {
        "openai": get_args(openai_names.ChatModel),
        "anthropic": get_args(get_args(anthropic_names.Model)[0]),
    }


def _is_left_out(provider: str, name: str) -> bool:
    return any(provider == whose and fnmatchcase(name, pattern) for whose, pattern, _ in LEFT_OUT)


def _priced(catalogue: Catalogue, row: Model) -> ModelInfo | None:
    name = catalogue.price_names.get(row.provider, row.provider)
    found = next((provider for provider in data.providers if provider.id == name), None)
    return None if found is None else found.find_model(row.id)


def _told(row: Model) -> str:
    return f"{row.provider}/{row.id}"


def main() -> None:
    """Prints each check with its counts."""
    catalogue = Catalogue.load()
    print(f"{len(catalogue.models)} models of {len(catalogue.providers)} providers, {catalogue.version}")
    for check in checks():
        print(f"{check.name:40} {check.count:4} checked, {len(check.misses)} off")
        for miss in check.misses:
            print(f"    {miss}")
    for provider, names in sdk_names().items():
        left = [name for name in names if _is_left_out(provider, name)]
        print(f"{provider}: {len(left)} names of its SDK left out")


if __name__ == "__main__":
    main()
