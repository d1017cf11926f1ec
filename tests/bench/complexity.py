"""`python -m tests.bench.complexity`: how often the classifier agrees with labelled prompts, and what `auto` costs.

The prompts are in `prompts.jsonl`, each with the class that a person gave it. Costs are those of one entry of the
registry with its usual models, at the prompts' estimated tokens and at answers of a length that goes with the label.
"""

import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import msgspec

from server.catalogue.catalogue import Catalogue
from server.chat.deployment import Deployment
from server.chat.estimate import MESSAGE_TOKENS, REPLY_TOKENS, estimate_text_tokens
from server.chat.policy import Weights
from server.chat.usage import Usage
from server.ledger.list_prices import blended_nanousd
from server.ledger.prices import PriceBook
from server.providers.registry import PROVIDERS
from server.routing.ask import QUALITY_NEEDED, Ask
from server.routing.candidates import ProviderFacts
from server.routing.complexity import Complexity, Features, judge
from server.routing.decision import decide
from server.routing.features import Needs
from server.routing.world import World

PROMPTS = Path(__file__).with_name("prompts.jsonl")
ANSWER_TOKENS = {
    Complexity.SIMPLE: 60,
    Complexity.MODERATE: 350,
    Complexity.COMPLEX: 1200,
    Complexity.EXPERT: 2500,
}
LEVELS = tuple(Complexity)


class Labelled(msgspec.Struct, frozen=True):
    """A prompt and its class; what is left out is that of a first message.

    Prompts that are `held_out` were written after the rules, which were not changed for them.
    """

    level: Complexity
    text: str
    turns: int = 1
    tools: int = 0
    prompt_tokens: int = 0
    held_out: bool = False

    @property
    def features(self) -> Features:
        """What the classifier sees."""
        own = estimate_text_tokens(self.text) + MESSAGE_TOKENS + REPLY_TOKENS
        return Features(self.text, max(own, self.prompt_tokens), self.turns, self.tools)


def labelled() -> list[Labelled]:
    """Every labelled prompt."""
    decoder = msgspec.json.Decoder(Labelled)
    return [decoder.decode(line) for line in PROMPTS.read_bytes().splitlines()]


def confusion(prompts: Sequence[Labelled]) -> Counter[tuple[Complexity, Complexity]]:
    """How many prompts of each label were given each class."""
    return Counter((prompt.level, judge(prompt.features).level) for prompt in prompts)


def accuracy(table: Counter[tuple[Complexity, Complexity]]) -> float:
    """The share of prompts whose class is their label."""
    return sum(count for (label, given), count in table.items() if label is given) / table.total()


@dataclass(frozen=True, slots=True)
class Costs:
    """Nano-dollars for all prompts, and the share of them that got a model of the tier that their label needs."""

    name: str
    nanousd: int
    adequate: float


class Shop:
    """One entry of a provider with its usual models."""

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.models = PROVIDERS[provider].default_models
        self.catalogue = Catalogue.load()
        self.prices = PriceBook(aliases=self.catalogue.price_names)
        self._world = World(
            [Deployment("prov_1", "ws_1", provider, "", "")],
            lambda name: ProviderFacts(PROVIDERS[name].default_models),
            self.catalogue.find,
            lambda name, model: blended_nanousd(self.prices.cost_nanousd, name, model),
            lambda: 0.5,
        )

    def auto(self, prompt: Labelled) -> str:
        """The model that `auto` takes."""
        features = prompt.features
        level = judge(features).level
        ask = Ask("", False, "default", Weights(), level, features.prompt_tokens, Needs(), False, (), date.min)
        return decide(ask, self._world).candidates[0].model

    def tier(self, model: str) -> int:
        """A model's quality tier."""
        found = self.catalogue.find(self.provider, model)
        return found.quality_tier if found else 0

    def costs(self, name: str, prompts: Sequence[Labelled], models: Sequence[str]) -> Costs:
        """What the prompts cost when each goes to its model."""
        total, adequate = 0, 0
        for prompt, model in zip(prompts, models, strict=True):
            usage = Usage(input_tokens=int(prompt.features.prompt_tokens), output_tokens=ANSWER_TOKENS[prompt.level])
            total += self.prices.cost_nanousd(self.provider, model, usage) or 0
            adequate += self.tier(model) >= QUALITY_NEEDED[prompt.level]
        return Costs(name, total, adequate / len(prompts))


def compared(provider: str, prompts: Sequence[Labelled], rng: random.Random) -> list[Costs]:
    """`auto`, the best single model, and models drawn at random in the proportions in which `auto` takes them."""
    shop = Shop(provider)
    chosen = [shop.auto(prompt) for prompt in prompts]
    best = max(shop.models, key=shop.tier)
    shuffled = rng.sample(chosen, len(chosen))
    return [
        shop.costs("auto", prompts, chosen),
        shop.costs(f"always {best}", prompts, [best] * len(prompts)),
        shop.costs("random, same mix", prompts, shuffled),
    ]


def main(provider: str = "openai") -> None:
    """Prints the tables."""
    prompts = labelled()
    table = confusion(prompts)
    print(f"{len(prompts)} labelled prompts; rows are labels, columns what the classifier said\n")
    print(f"{'':10}" + "".join(f"{level.value:>10}" for level in LEVELS) + f"{'recall':>10}")
    for label in LEVELS:
        row = [table[label, given] for given in LEVELS]
        print(
            f"{label.value:10}" + "".join(f"{count:>10}" for count in row) + f"{table[label, label] / sum(row):>10.1%}"
        )
    near = sum(count for (label, given), count in table.items() if abs(LEVELS.index(label) - LEVELS.index(given)) <= 1)
    print(f"\naccuracy {accuracy(table):.1%}, within one class {near / table.total():.1%}")
    held_out = confusion([prompt for prompt in prompts if prompt.held_out])
    print(f"on the {held_out.total()} prompts written after the rules: {accuracy(held_out):.1%}\n")
    print(f"cost on {provider} at these tokens:")
    for costs in compared(provider, prompts, random.Random(7)):
        print(f"  {costs.name:28} ${costs.nanousd / 1e9:.4f}   of the tier needed: {costs.adequate:.1%}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
