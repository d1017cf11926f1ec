"""What workspaces decide for their requests, from memory if it was asked lately."""

import time
from collections.abc import Callable
from typing import Final, get_args

from server.accounts.forgetting import Forgetting
from server.accounts.loading_cache import Bounds, LoadingCache
from server.chat.content import ContentPolicy
from server.chat.policy import RoutingPolicy, Weights
from server.chat.view import CachePolicy, Strategy, StreamMode
from server.storage.database import Database
from server.storage.workspaces import Workspace

FRESH_S: Final = 5.0
STALE_S: Final = 600.0

_STRATEGIES: Final[tuple[Strategy, ...]] = get_args(Strategy)
_MODES: Final[tuple[StreamMode, ...]] = get_args(StreamMode)
_CONTENT: Final[tuple[ContentPolicy, ...]] = get_args(ContentPolicy)
_USUAL: Final = RoutingPolicy()
_WEIGHTS: Final = 3  # of cost, quality and speed
_CACHE: Final[tuple[CachePolicy, ...]] = get_args(CachePolicy)


class Policies:
    """Policies by workspace. What is changed elsewhere counts within `FRESH_S` seconds, here after `forget` at once."""

    def __init__(
        self,
        database: Database,
        clock_s: Callable[[], float] = time.monotonic,
        forgetting: Forgetting | None = None,
    ) -> None:
        self._database = database
        forgetting = forgetting or Forgetting()
        bounds = forgetting.bounds(Bounds(FRESH_S, STALE_S, absent_s=FRESH_S))
        self.cache: LoadingCache[str, RoutingPolicy] = LoadingCache(self._load, bounds, clock_s)
        forgetting.on("workspace", self.forget)

    async def of(self, workspace_id: str) -> RoutingPolicy:
        """The policy of a workspace, the usual one for a workspace that is gone.

        Raises StoreUnavailable for a workspace not seen lately while the database is away.
        """
        return self.cache.fresh(workspace_id) or await self.cache.get(workspace_id) or _USUAL

    def forget(self, workspace_id: str) -> None:
        """Lets a change of the workspace count at once."""
        self.cache.discard(workspace_id)

    async def _load(self, workspace_id: str) -> RoutingPolicy | None:
        async with self._database.read() as tx:
            workspace = await tx.workspaces.get(workspace_id)
        return None if workspace is None else policy_from(workspace)


def policy_from(workspace: Workspace) -> RoutingPolicy:
    """The policy in a row; what it does not say, or says in words that are not known, is the usual."""
    strategy = next((known for known in _STRATEGIES if known == workspace.strategy), _USUAL.strategy)
    weights = Weights(*workspace.weights) if len(workspace.weights) == _WEIGHTS else _USUAL.weights
    content = next((known for known in _CONTENT if known == workspace.content_policy), _USUAL.content)
    return RoutingPolicy(
        strategy,
        weights,
        next((known for known in _CACHE if known == workspace.cache_policy), _USUAL.cache),
        content,
        workspace.hedge,
        workspace.request_timeout_s,
        next((known for known in _MODES if known == workspace.stream_mode), _USUAL.stream_mode),
    )
