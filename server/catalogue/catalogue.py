"""The curated catalogue of chat models: what each can take, how it compares, and until when it is served.

The facts stand in `models.json`, one model a line, chosen from what vendors publish; prices are not among them, they
come from the price book. A model that is not here is not refused anywhere: nothing is known of it. This module must not
guess: a name is found literally, by an alias that stands in the file, as a dated snapshot of a model that is here, or
as one that is served from a part of the world (`us.NAME`).

Tiers are 1 to 5 and relative to the models of the day: `speed_tier` 5 answers soonest, `quality_tier` 5 solves most.
"""

import re
from collections import Counter
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from importlib.resources import files
from typing import Annotated, Final, Literal, Self

import msgspec
from msgspec import Meta, Struct

from server.chat.model_facts import Knobs, ModelFacts

Tier = Annotated[int, Meta(ge=1, le=5)]
Tokens = Annotated[int, Meta(ge=1)]
Input = Literal["text", "image", "audio", "file"]

_FILE: Final = "models.json"
_MAX_REMEMBERED: Final = 4096
_MAX_REMEMBERED_CHARS: Final = 200
_REGION: Final = re.compile(r"(?:us|us-gov|eu|apac|au|ca|jp|global)\.")
_SNAPSHOT: Final = re.compile(r"-(?:20\d\d-\d\d-\d\d|20\d{6})\Z")


class Model(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """One model of one provider.

    `id` is what the provider calls it. `context_window_tokens` bounds prompt and answer together,
    `max_output_tokens` the answer. `inputs` are the kinds of content that it takes. `retires_on` is the day from which
    the provider no longer serves it, None while none is announced. `aliases` are other names of the very same model.
    `knobs` are the parameters that it takes, where they are not those that all of its provider's models take.
    """

    id: str
    provider: str
    display_name: str
    context_window_tokens: Tokens
    max_output_tokens: Tokens
    inputs: tuple[Input, ...]
    tools: bool
    reasoning: bool
    speed_tier: Tier
    quality_tier: Tier
    retires_on: date | None = None
    aliases: tuple[str, ...] = ()
    knobs: Knobs = Knobs()

    @cached_property
    def facts(self) -> ModelFacts:
        """What a dialect must know of it."""
        return ModelFacts(self.max_output_tokens, self.context_window_tokens, self.knobs, reasons=self.reasoning)

    @property
    def takes_images(self) -> bool:
        """Whether it sees pictures."""
        return "image" in self.inputs

    @property
    def takes_audio(self) -> bool:
        """Whether it hears sound."""
        return "audio" in self.inputs

    def is_retired(self, today: date) -> bool:
        """Whether its provider no longer serves it."""
        return self.retires_on is not None and self.retires_on <= today


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    as_of: date
    price_names: dict[str, str]
    same_models: dict[str, str]
    models: tuple[Model, ...]


class Catalogue:
    """Models by name.

    `price_names` are the names that the price book has for providers where they are not ours, `same_models` the
    providers whose models are those of another, by that one's name.
    """

    def __init__(
        self,
        models: tuple[Model, ...],
        as_of: date,
        price_names: Mapping[str, str] | None = None,
        same_models: Mapping[str, str] | None = None,
    ) -> None:
        self.models = models
        self.same_models = dict(same_models or {})
        self.version = f"perpetuo/{as_of.isoformat()}"
        self.price_names = dict(price_names or {})
        self._found: dict[tuple[str, str], Model | None] = {}
        self._by_names = {
            (model.provider, name): model for model in models for name in (*reversed(model.aliases), model.id)
        }

    @classmethod
    def load(cls) -> Self:
        """The catalogue that comes with the gateway."""
        raw = files("server.catalogue").joinpath(_FILE).read_bytes()
        read = msgspec.json.decode(raw, type=_File)
        return cls(read.models, read.as_of, read.price_names, read.same_models)

    def find(self, provider: str, model: str) -> Model | None:
        """What is known of a provider's model; None when nothing is."""
        names = provider, model
        try:
            return self._found[names]
        except KeyError:
            if len(self._found) >= _MAX_REMEMBERED:  # callers can make up as many names as they like
                self._found.clear()
            found = self._find(provider, model)
            if len(model) <= _MAX_REMEMBERED_CHARS:
                self._found[names] = found
            return found

    def _find(self, provider: str, model: str) -> Model | None:
        provider = self.same_models.get(provider, provider)
        found = self._by_names.get((provider, model))
        if found is None and (snapshot := _SNAPSHOT.search(model)):
            found = self._by_names.get((provider, model[: snapshot.start()]))
        if found is None and (region := _REGION.match(model)):
            found = self._by_names.get((provider, model[region.end() :]))
        return found

    @cached_property
    def providers(self) -> tuple[str, ...]:
        """Every provider in the catalogue, by name."""
        return tuple(sorted({model.provider for model in self.models}))

    @cached_property
    def by_name(self) -> Mapping[str, Model]:
        """Every model by a name that can mean no other.

        Its id; with its provider before it where two have that id, or where it reads as one of another provider.
        """
        counted = Counter(model.id for model in self.models)
        named = {}
        for model in self.models:
            is_clear = counted[model.id] == 1 and model.id.partition("/")[0] not in self.providers
            named[model.id if is_clear else f"{model.provider}/{model.id}"] = model
        return named

    @cached_property
    def _names(self) -> Mapping[tuple[str, str], str]:
        return {(model.provider, model.id): name for name, model in self.by_name.items()}

    def name_of(self, model: Model) -> str:
        """The name of a model that it shares with none."""
        return self._names[model.provider, model.id]

    def named(self, name: str) -> Model | None:
        """The model of that name: its unique name, or `provider/model` in any spelling that `find` knows."""
        provider, _, rest = name.partition("/")
        return self.find(provider, rest) or self.by_name.get(name)
