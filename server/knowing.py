"""What the router knows of workspaces, kept together so that a request finds it with one look.

Nothing is held on to: as soon as anything was loaded or forgotten, or is to be loaded anew, what is known is put
together again from the caches of policies, entries and prices; where one of them has nothing fresh, nothing is known.
"""

import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from server.accounts.forgetting import Forgetting
from server.accounts.policies import Policies
from server.accounts.providers import ProviderEntries
from server.pricing import Pricing
from server.routing.known import Known

MAX_KNOWN: Final = 5_000
"""Workspaces; when there are more, all are forgotten."""


class _Kept(Struct, frozen=True):
    known: Known
    changes: int
    until_s: float


class Knowing:
    """Puts together what is known. Belongs to one event loop."""

    def __init__(
        self,
        policies: Policies,
        entries: ProviderEntries,
        pricing: Pricing,
        forgetting: Forgetting,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policies = policies.cache
        self._entries = entries.cache
        self._prices = pricing.cache
        self._clock_s = clock_s
        self._kept: dict[str, _Kept] = {}
        self._changes = 0
        for cache in (self._policies, self._entries, self._prices):
            cache.on_change(self._change)
        forgetting.on("workspace", self._forget)

    def of(self, workspace_id: str) -> Known | None:
        """What is known of a workspace; None where something has to be loaded first."""
        kept = self._kept.get(workspace_id)
        if kept is not None and kept.changes == self._changes:
            clock_s = self._clock_s  # loaded first: a call of what a member holds is slow otherwise
            if clock_s() < kept.until_s:
                return kept.known
        return self._put_together(workspace_id, kept)

    def __len__(self) -> int:
        return len(self._kept)

    def _change(self) -> None:
        self._changes += 1

    def _put_together(self, workspace_id: str, before: _Kept | None) -> Known | None:
        policy = self._policies.fresh(workspace_id)
        deployments = self._entries.fresh(workspace_id)
        prices = self._prices.fresh(workspace_id)
        if policy is None or deployments is None or prices is None:
            self._kept.pop(workspace_id, None)
            return None
        if before is None or before.known.deployments is not deployments:
            known = Known(policy, deployments, prices, {})
        elif before.known.policy != policy:
            known = Known(policy, deployments, prices, before.known.plans)
        else:
            known = Known(policy, deployments, prices, before.known.plans, before.known.mark)
        if len(self._kept) >= MAX_KNOWN:
            self._kept.clear()
        until_s = min(
            self._policies.good_until_s(workspace_id),
            self._entries.good_until_s(workspace_id),
            self._prices.good_until_s(workspace_id),
        )
        self._kept[workspace_id] = _Kept(known, self._changes, until_s)
        return known

    def _forget(self, workspace_id: str) -> None:
        self._kept.pop(workspace_id, None)
