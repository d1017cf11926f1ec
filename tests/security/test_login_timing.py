"""Log-ins for e-mails that are known and for those that are not: the same answer, in the same time."""

import statistics
import time
from collections.abc import Sequence

from server.accounts.people import AccountPolicy, NewUser
from server.accounts.secrets import Secrets
from server.accounts.service import Accounts
from server.accounts.throttle import LoginThrottle
from server.chat.rates import Grant, Quota, Verdict
from server.errors import LoginFailed
from tests.security.world import World

SAMPLES = 150


class Unlimited:
    """Counts nothing, so that a test may guess as often as it likes."""

    async def take(self, quotas: Sequence[Quota]) -> Verdict:
        return Verdict(Grant(tuple(quotas), None), ())

    def take_now(self, quotas: Sequence[Quota]) -> Verdict | None:
        return Verdict(Grant(tuple(quotas), None), ())

    def settle(self, grant: Grant, used_tokens: int) -> None:
        """Nothing is counted."""

    def cancel(self, grant: Grant) -> None:
        """Nothing is counted."""


async def test_a_known_email_takes_as_long_as_an_unknown_one(world: World) -> None:
    accounts = Accounts(
        world.core.stores.database, Secrets.load(world.data_dir), AccountPolicy(), LoginThrottle(Unlimited())
    )
    await accounts.create_user(NewUser("timing@example.com", "secure-password-123"))
    took_ms: dict[str, list[float]] = {"timing@example.com": [], "nobody@example.com": []}
    for _ in range(SAMPLES):
        for email, samples in took_ms.items():
            began = time.perf_counter()
            try:
                await accounts.log_in(email, "a-wrong-password-123")
            except LoginFailed:
                samples.append((time.perf_counter() - began) * 1000)
    await accounts.close()
    known, unknown = took_ms.values()
    # The chance that a sample of one kind is larger than one of the other: a half when nothing can be told.
    above = sum((a > b) + (a == b) / 2 for a in known for b in unknown) / (len(known) * len(unknown))
    print(
        f"{SAMPLES} samples each: medians {statistics.median(known):.2f} and {statistics.median(unknown):.2f} ms, "
        f"AUC {max(above, 1 - above):.3f}"
    )
    assert len(known) == len(unknown) == SAMPLES
    # Ranks and not milliseconds: what else the machine does falls on both alike.
    assert max(above, 1 - above) < 0.7
