"""What Converse leaves to each family of models: how it is told to reason, and where it takes `top_k`.

A family is known by the name of its vendor within the model's id or ARN. Facts from the vendor's pages of each model.
"""

from typing import Final, Literal, TypeAlias

from msgspec import Struct

Form: TypeAlias = Literal["none", "claude", "nova", "effort"]
"""How a family is told to reason: not at all; by `thinking`; by `reasoningConfig`; by `reasoning_effort`."""


class Family(Struct, frozen=True):
    """What differs. `takes_signed`: signed reasoning goes back. `top_k` is where it stands, as a path."""

    mark: str
    reasoning: Form = "none"
    takes_signed: bool = False
    top_k: tuple[str, ...] = ()
    keeps_calls_apart: bool = False


CLAUDE: Final = Family("anthropic", reasoning="claude", takes_signed=True, top_k=("top_k",), keeps_calls_apart=True)
_FAMILIES: Final = (
    CLAUDE,
    Family("amazon.nova", reasoning="nova", top_k=("inferenceConfig", "topK")),
    Family("openai.", reasoning="effort"),
    Family("cohere.", top_k=("k",)),
    Family("mistral.", top_k=("top_k",)),
)
_OTHERS: Final = Family("")
# An ARN of somebody's own profile does not tell whose model it is; signed reasoning was then made by the same model.
_UNTOLD: Final = Family("arn:", takes_signed=True)


def family_of(model: str) -> Family:
    """The family of a model's id or ARN."""
    found = next((family for family in _FAMILIES if family.mark in model), None)
    if found is not None:
        return found
    return _UNTOLD if model.startswith(_UNTOLD.mark) else _OTHERS
