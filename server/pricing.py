"""The prices of every workspace, from memory if they were asked for lately.

What another process changes counts within `FRESH_S` seconds, what this one changes after `forget` at once. While the
database is away, prices that were seen lately stay good for `STALE_S`.
"""

import time
from collections.abc import Callable
from typing import Final

from server.accounts.forgetting import Forgetting
from server.accounts.loading_cache import Bounds, LoadingCache
from server.ledger.prices import PriceBook
from server.ledger.workspace_prices import WorkspacePrices
from server.routing.world import PriceOf
from server.storage.database import Database

FRESH_S: Final = 10.0
STALE_S: Final = 600.0
# Some published prices depend on the time of day; what was remembered of them is forgotten that often.
_REMEMBERED_S: Final = 600.0


class Pricing:
    """Prices by workspace. Belongs to one event loop."""

    def __init__(
        self,
        database: Database,
        published: PriceBook,
        clock_s: Callable[[], float] = time.monotonic,
        forgetting: Forgetting | None = None,
    ) -> None:
        self._database = database
        self._published = published
        self._clock_s = clock_s
        self._usual = WorkspacePrices(published)
        self._usual_until_s = clock_s() + _REMEMBERED_S
        forgetting = forgetting or Forgetting()
        bounds = forgetting.bounds(Bounds(FRESH_S, STALE_S))
        self.cache: LoadingCache[str, WorkspacePrices] = LoadingCache(self._load, bounds, clock_s)
        forgetting.on("workspace", self.forget)

    async def of(self, workspace_id: str) -> WorkspacePrices:
        """The prices that hold in a workspace.

        Raises StoreUnavailable for a workspace not seen lately while the database is away.
        """
        return self.cache.fresh(workspace_id) or await self.cache.get(workspace_id) or self._usual

    async def routing_prices_of(self, workspace_id: str) -> PriceOf:
        """What a usual mix of tokens costs there, by provider and model. Raises as `of` does."""
        return (await self.of(workspace_id)).blended_nanousd

    def forget(self, workspace_id: str) -> None:
        """Lets a change of the workspace's prices count at once."""
        self.cache.discard(workspace_id)

    async def _load(self, workspace_id: str) -> WorkspacePrices:
        async with self._database.read() as tx:
            own = await tx.prices.of(workspace_id)
        if own.lines:
            return WorkspacePrices(self._published, own.lines, own.version)
        if self._clock_s() >= self._usual_until_s:
            self._usual = WorkspacePrices(self._published)
            self._usual_until_s = self._clock_s() + _REMEMBERED_S
        return self._usual
