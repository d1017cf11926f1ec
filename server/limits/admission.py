"""Whether a model call is within the limits of its caller's plan, and what to say when it is not.

Limits hold per user over all keys. The first call is never refused, and a refused one costs nothing.
"""

import math
from collections.abc import Callable, Mapping

from server.chat.principal import Plan, Principal
from server.chat.rates import Moment, Quota, RateStore, Standing, Window
from server.errors import RateLimited

Limits = Mapping[Plan, Mapping[Window, int]]

_SPANS = {Window.MINUTE: "minute", Window.DAY: "day (UTC)"}


class Admission:
    """Counts model calls in a rate store."""

    def __init__(self, store: RateStore, limits: Limits, now: Callable[[], Moment]) -> None:
        self._store = store
        self._limits = {plan: tuple(windows.items()) for plan, windows in limits.items()}
        self._now = now

    async def admit(self, principal: Principal, tell: Callable[[Standing], None]) -> None:
        """Counts one call of the principal. Raises RateLimited.

        `tell` gets the standing of the tightest window, on success as on refusal; never for a plan without limits.
        """
        windows = self._limits.get(principal.plan, ())
        if not windows:
            return
        quotas = [Quota(principal.user_id, window, limit) for window, limit in windows]
        verdict = await self._store.take(quotas, self._now)
        tell(verdict.tightest)
        if not verdict.is_admitted:
            raise _refusal(principal.plan, verdict.tightest)


def _refusal(plan: Plan, standing: Standing) -> RateLimited:
    window, limit = standing.quota.window, standing.quota.limit
    wait_s = max(math.ceil(standing.resets_in_s), 1)
    return RateLimited(
        f"The {plan.value} plan allows {limit:,} model calls per {_SPANS[window]} for each user, over all keys, and "
        f"they are used up. Try again in {wait_s} s, or ask the operator of this gateway for another plan.",
        retry_after_s=standing.resets_in_s,
        details={"plan": plan.value, "window": window.value, "limit": str(limit), "resetsInS": str(wait_s)},
    )
