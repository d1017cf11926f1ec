"""How often somebody may guess: log-ins by account and by address, sign-ups by address.

A try counts before the password is looked at, so that many at once count like many in turn, and is taken back when it
was no guess. An account that strangers guess at stays open to the addresses that its owner has used before: they are
counted apart. Accounts are known by a hash of the e-mail, whether they exist or not. Where it is counted, and what is
remembered of familiar addresses, is for whoever makes it to say: in this process, or for all replicas.
"""

import hashlib
import ipaddress
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from server.chat.rates import Grant, Quota, RateStore, Window
from server.chat.shared import Notes
from server.errors import LoginThrottled
from server.state.memory import MemoryRates
from server.state.memory_notes import MemoryNotes

_HASH_BYTES = 16
_PREFIX_V6 = 64
FAMILIAR_FOR_S: Final = 90 * 86_400.0
"""How long an address stays familiar to an account since it was last used."""


class Bound(Struct, frozen=True):
    """At most `limit` events of a kind in any such window."""

    kind: str
    limit: int
    window: Window


ACCOUNT: Final = Bound("account", 10, Window.QUARTER_HOUR)
ADDRESS: Final = Bound("address", 50, Window.HOUR)
SIGN_UPS: Final = Bound("sign-ups", 500, Window.HOUR)
TAKEN: Final = Bound("taken", 50, Window.HOUR)


class Guess(Struct, frozen=True):
    """A try that was let through and is counted."""

    grant: Grant
    pair: str


class LoginThrottle:
    """Lets tries through, or raises LoginThrottled. An empty address is that of the operator, who is not counted."""

    def __init__(self, rates: RateStore | None = None, notes: Notes | None = None) -> None:
        self._rates: RateStore = MemoryRates() if rates is None else rates
        self._notes: Notes = MemoryNotes() if notes is None else notes

    async def guess(self, email: str, address: str) -> Guess:
        """Counts a try to log in. Raises LoginThrottled."""
        account = email.strip().lower()
        pair = _key(account, _network(address))
        is_familiar = await self._notes.get(_familiar(pair)) is not None
        whose = pair if is_familiar else _key(account)
        quotas = [_quota(ACCOUNT, whose), *_of_address(ADDRESS, address)]
        message = "Too many log-ins were tried for this account or from this address; wait and try again."
        return Guess(await self._admit(quotas, message), pair)

    async def succeed(self, guess: Guess) -> None:
        """Takes back a try that was right, and remembers where it came from."""
        self.take_back(guess)
        await self._notes.put(_familiar(guess.pair), "1", FAMILIAR_FOR_S)

    def take_back(self, guess: Guess) -> None:
        """Takes back a try that was never looked at."""
        self._rates.cancel(guess.grant)

    async def sign_up(self, address: str) -> None:
        """Counts a sign-up. Raises LoginThrottled."""
        await self._admit_sign_up(SIGN_UPS, address)

    async def probe(self, address: str) -> None:
        """Counts a sign-up that was told that the e-mail is taken. Raises LoginThrottled instead of telling."""
        await self._admit_sign_up(TAKEN, address)

    async def _admit_sign_up(self, bound: Bound, address: str) -> None:
        quotas = _of_address(bound, address)
        if quotas:
            await self._admit(quotas, "Too many sign-ups came from this address; wait and try again.")

    async def _admit(self, quotas: Sequence[Quota], message: str) -> Grant:
        verdict = await self._rates.take(quotas)
        if verdict.grant is None:
            wait_s = None if verdict.refused_by is None else verdict.refused_by.resets_in_s
            raise LoginThrottled(message, retry_after_s=wait_s)
        return verdict.grant


def _quota(bound: Bound, whose: str) -> Quota:
    return Quota(f"{bound.kind}:{whose}", bound.window, bound.limit)


def _of_address(bound: Bound, address: str) -> list[Quota]:
    return [_quota(bound, _key(_network(address)))] if address else []


def _familiar(pair: str) -> str:
    return f"familiar:{pair}"


def _network(address: str) -> str:
    """The address, of IPv6 its /64: whoever has one address of a /64 has all of them."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed), _PREFIX_V6), strict=False))


def _key(*parts: str) -> str:
    hashed = hashlib.blake2b(digest_size=_HASH_BYTES)
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        hashed.update(len(raw).to_bytes(8, "big") + raw)
    return hashed.hexdigest()
