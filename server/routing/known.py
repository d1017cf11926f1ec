"""What is known of a workspace at one moment, found with one look: its policy, its entries and its prices.

Who asks gets it as long as nothing of it has changed; what follows from the entries alone is kept beside them, in
`plans`, and goes with them.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct, field

from server.chat.deployment import Deployment
from server.chat.policy import RoutingPolicy
from server.routing.attempt import Prices
from server.routing.plan import Plans


class AllPrices(Prices, Protocol):
    """The prices of a workspace, for what was used and for choosing."""

    def blended_nanousd(self, provider: str, model: str) -> int | None:
        """What a usual mix of tokens costs; None when the price is not known."""


class Known(Struct, frozen=True):
    """A workspace. `deployments` are its entries that are enabled.

    `mark` is the same object as long as policy and entries are: it tells so without keeping them.
    """

    policy: RoutingPolicy
    deployments: Sequence[Deployment]
    prices: AllPrices
    plans: Plans
    mark: object = field(default_factory=object)


KnownOf = Callable[[str], Known | None]
"""Workspace to what is known of it; None where something has to be loaded first."""


def nothing_known(workspace_id: str) -> None:
    """Everything has to be asked for by itself."""
    return
