"""What a decision is made of beside the request: entries, facts, prices, measurements and chance, as of one moment.

Each member is read and never changed. The members that are functions must answer the same throughout one decision.
"""

from collections.abc import Callable, Sequence

from msgspec import Struct, field

from server.catalogue.catalogue import Model
from server.chat.deployment import Candidate, Deployment
from server.routing.candidates import FactsOf
from server.routing.measured import NOTHING, Measured
from server.routing.plan import Plans, Resting
from server.routing.sticky import Bond, Home

ModelOf = Callable[[str, str], Model | None]
"""Provider and model to what the catalogue knows; None for nothing."""

PriceOf = Callable[[str, str], int | None]
"""Provider and model to the nano-dollars of a usual mix of tokens; None when the price is not known."""

MeasuredOf = Callable[[str, str, bool], Measured]
"""Provider entry, model, and whether the answer is streamed, to what was seen lately."""

RestsFor = Callable[[Candidate], Resting | None]
"""How a candidate rests; None for one that may be asked."""

LoadOf = Callable[[str, str, bool], float]
"""Provider entry, model, and whether the answer is streamed, to how loaded the upstream is; 0 for one at rest."""

IsFull = Callable[[str, str], bool]
"""Provider entry and model to whether the upstream takes no more calls for now."""

HomeOf = Callable[[Bond], Home | None]
"""A conversation to who served it last, None if that is not known."""

Draw = Callable[[], float]
"""A number from 0 (exclusive) to 1."""


def measured_nowhere(provider_id: str, model: str, is_stream: bool) -> Measured:
    """No upstream was seen yet."""
    return NOTHING


def never_rests(candidate: Candidate) -> None:
    """No upstream rests."""
    return


def loaded_nowhere(provider_id: str, model: str, is_stream: bool) -> float:
    """Every upstream is at rest."""
    return 0.0


def never_full(provider_id: str, model: str) -> bool:
    """Every upstream takes more calls."""
    return False


def home_nowhere(bond: Bond) -> None:
    """No conversation was served yet."""
    return


class World(Struct, frozen=True):
    """The state that a decision is made over. `deployments` are those of the workspace that are enabled.

    `plans` are those that were made of the same deployments, and take what is made.
    """

    deployments: Sequence[Deployment]
    facts_of: FactsOf
    model_of: ModelOf
    price_of: PriceOf
    draw: Draw
    measured_of: MeasuredOf = measured_nowhere
    rests_for: RestsFor = never_rests
    load_of: LoadOf = loaded_nowhere
    is_full: IsFull = never_full
    home_of: HomeOf = home_nowhere
    plans: Plans = field(default_factory=dict)
