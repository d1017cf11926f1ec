"""Whether a model call is within the limits of its caller's plan and key, and what to say when it is not.

Limits of a plan hold per user over all keys, those of a key come on top. The first call is never refused, and a refused
one costs nothing. Tokens are taken by estimate and settled with what was used.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from server.chat.principal import NO_KEY_LIMITS, Plan, Principal
from server.chat.rates import Grant, Measure, Quota, RateStore, Standing, Window
from server.errors import RateLimited

Limits = Mapping[Plan, Mapping[Window, int]]
Tell = Callable[[Sequence[Standing]], None]

USUAL_OUTPUT_TOKENS: Final = 1_000
"""What an answer is taken to be long when the request does not bound it."""

_SPANS: Final = {Window.MINUTE: "minute", Window.DAY: "day (UTC)"}


class Admission:
    """Counts model calls in a rate store.

    `open_count` and `held_tokens` are the calls that hold tokens and are not settled yet, and how many tokens; both are
    0 at rest. `refused` counts refusals by what was used up.
    """

    def __init__(self, store: RateStore, limits: Limits) -> None:
        self._store = store
        self._limits = {plan: tuple(windows.items()) for plan, windows in limits.items()}
        self.open_count = 0
        self.held_tokens = 0
        self.refused: dict[tuple[str, ...], float] = {}

    def is_free(self, principal: Principal) -> bool:
        """Whether neither plan nor key limits the principal: its calls need not be counted."""
        return not self._limits.get(principal.plan) and (
            principal.limits is NO_KEY_LIMITS or principal.limits == NO_KEY_LIMITS
        )

    async def admit(self, principal: Principal, needed_tokens: Callable[[], int], tell: Tell) -> Grant | None:
        """Counts one call of the principal, which may need so many tokens. Raises RateLimited.

        `tell` gets where every limit stands, on success as on refusal; never for a caller without limits, who gets no
        grant. A grant has to be settled.
        """
        quotas = self._quotas(principal, needed_tokens)
        if not quotas:
            return None
        verdict = await self._store.take(quotas)
        tell(verdict.standings)
        if verdict.grant is None:
            standing = verdict.refused_by or verdict.standings[0]
            self._note(standing, principal)
            raise _refusal(principal, standing)
        self._hold(verdict.grant, 1)
        return verdict.grant

    def admit_answered(self, principal: Principal) -> Sequence[Standing] | None:
        """Counts one call whose answer is here already, and settles it: it needs no tokens. Where every limit stands.

        None, and nothing is counted, where that takes a wait or the call is refused: it has to be admitted then.
        """
        quotas = self._quotas(principal, _no_tokens)
        if not quotas:
            return ()
        verdict = self._store.take_now(quotas)
        if verdict is None or verdict.grant is None:
            return None
        self._store.settle(verdict.grant, 0)
        return verdict.standings

    def _quotas(self, principal: Principal, needed_tokens: Callable[[], int]) -> list[Quota]:
        """What a call of the principal is counted in."""
        quotas = [Quota(principal.user_id, window, limit) for window, limit in self._limits.get(principal.plan, ())]
        if principal.limits != NO_KEY_LIMITS:
            quotas += _key_quotas(principal, needed_tokens)
        return quotas

    def settle(self, grant: Grant, used_tokens: int) -> None:
        """Puts the tokens that were used in the place of those that were taken, once."""
        self._hold(grant, -1)
        self._store.settle(grant, used_tokens)

    def _hold(self, grant: Grant, sign: int) -> None:
        held = [quota.amount for quota in grant.quotas if quota.measure is Measure.TOKENS]
        if held:
            self.open_count += sign
            self.held_tokens += sign * max(held)

    def _note(self, standing: Standing, principal: Principal) -> None:
        quota = standing.quota
        labels = (_scope(quota, principal), quota.measure.value, quota.window.label)
        self.refused[labels] = self.refused.get(labels, 0) + 1


def _key_quotas(principal: Principal, needed_tokens: Callable[[], int]) -> list[Quota]:
    limits, subject = principal.limits, f"{principal.user_id}/{principal.key_id}"
    quotas = [
        Quota(subject, window, limit)
        for window, limit in ((Window.MINUTE, limits.requests_per_minute), (Window.DAY, limits.requests_per_day))
        if limit is not None
    ]
    if limits.tokens_per_minute is not None or limits.tokens_per_day is not None:
        needed = needed_tokens()
        quotas += [
            Quota(subject, window, limit, Measure.TOKENS, min(needed, limit))
            for window, limit in ((Window.MINUTE, limits.tokens_per_minute), (Window.DAY, limits.tokens_per_day))
            if limit is not None
        ]
    return quotas


def _no_tokens() -> int:
    return 0


def _scope(quota: Quota, principal: Principal) -> str:
    return "plan" if quota.subject == principal.user_id else "key"


def _refusal(principal: Principal, standing: Standing) -> RateLimited:
    quota, plan = standing.quota, principal.plan.value
    wait_s = max(math.ceil(standing.resets_in_s), 1)
    span = _SPANS[quota.window]
    scope = _scope(quota, principal)
    if scope == "plan":
        message = (
            f"The {plan} plan allows {quota.limit:,} model calls per {span} for each user, over all keys, and they are "
            f"used up. Try again in {wait_s} s, or ask the operator of this gateway for another plan."
        )
    elif quota.measure is Measure.REQUESTS:
        message = (
            f"This gateway key allows {quota.limit:,} model calls per {span}, and they are used up. Try again in "
            f"{wait_s} s, or have the key's limit raised."
        )
    else:
        message = (
            f"This gateway key allows {quota.limit:,} tokens per {span}. {standing.remaining:,} are left, and this "
            f"call may need {quota.amount:,}. Try again in {wait_s} s, bound the answer with max_tokens, or have the "
            "key's limit raised."
        )
    details = {
        "scope": scope,
        "measure": quota.measure.value,
        "plan": plan,
        "window": quota.window.label,
        "limit": str(quota.limit),
        "resetsInS": str(wait_s),
    }
    return RateLimited(message, retry_after_s=standing.resets_in_s, details=details)
