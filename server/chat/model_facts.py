"""What a dialect must know of a model to build a request for it: how long it writes, and which knobs it takes.

The facts come from the catalogue; a dialect gets them with its candidate. Nothing is known of a model that is not in
the catalogue, and the defaults here are what is assumed of it then: it takes everything but what must be asked for in
a model's own way.
"""

from typing import Literal, TypeAlias

from msgspec import Struct

Thinking: TypeAlias = Literal["enabled", "adaptive", "disabled", "between_tools"]
"""A way in which reasoning can be asked for: with a budget of tokens, as the model sees fit, not, or only so much."""


class Knobs(Struct, frozen=True, forbid_unknown_fields=True):
    """Which parameters a model takes.

    `sampling`: temperature, top_p and top_k. `prefill`: a last message of the assistant, to be gone on with.
    `forced_tools`: a tool that must be called. `schemas`: a schema that the answer must fit, by itself and not by a
    tool. `thinking` are the ways in which reasoning can be asked for, `thinks_unasked` says that it reasons when
    nothing is asked, `efforts` are the levels of effort it knows by name, the least first. `budget_tokens` are the
    least and the most tokens that it may be given for reasoning, where they are bounded.
    """

    sampling: bool = True
    prefill: bool = True
    forced_tools: bool = True
    schemas: bool = True
    thinking: tuple[Thinking, ...] = ()
    thinks_unasked: bool = False
    efforts: tuple[str, ...] = ()
    budget_tokens: tuple[int, int] | None = None


UNKNOWN_KNOBS = Knobs()


class ModelFacts(Struct, frozen=True):
    """What is known of a model. The limits are tokens, None where they are not known. `reasons`: before it speaks."""

    max_output_tokens: int | None = None
    context_window_tokens: int | None = None
    knobs: Knobs = UNKNOWN_KNOBS
    is_known: bool = True
    reasons: bool = False


UNKNOWN_MODEL = ModelFacts(is_known=False)
