"""How often somebody may guess: log-ins by account and by address, sign-ups by address.

A try counts before the password is looked at, so that many at once count like many in turn, and is taken back when it
was no guess. An account that strangers guess at stays open to the addresses that its owner has used before: they are
counted apart. Accounts are known by a hash of the e-mail, whether they exist or not. What is counted is in the memory
of one process; `Counter` is what a shared one would have to offer.
"""

import hashlib
import ipaddress
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from server.errors import LoginThrottled

_HASH_BYTES = 16
_MAX_KEYS = 100_000
_MAX_FAMILIAR = 20_000
_PREFIX_V6 = 64


@dataclass(frozen=True, slots=True)
class Bound:
    """At most `limit` events of a kind in any `window_s` seconds."""

    kind: str
    limit: int
    window_s: float


ACCOUNT: Final = Bound("account", 10, 900.0)
ADDRESS: Final = Bound("address", 50, 3600.0)
SIGN_UPS: Final = Bound("sign-ups", 500, 3600.0)
TAKEN: Final = Bound("taken e-mails", 50, 3600.0)

Event = tuple[Bound, bytes]
"""What is counted: a bound, and whose."""


class Counter(Protocol):
    """Counts events in sliding windows."""

    def add(self, events: Sequence[Event]) -> float:
        """Counts all of the events and answers 0, or none and answers the seconds until there is room."""

    def take_back(self, events: Sequence[Event]) -> None:
        """Forgets the last of each of the events."""


class MemoryCounter:
    """Counts in this process, at most 100,000 keys; when full, those untouched for longest go first."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic, max_keys: int = _MAX_KEYS) -> None:
        self._clock_s = clock_s
        self._max_keys = max_keys
        self._times_s: dict[tuple[str, bytes], deque[float]] = {}

    def add(self, events: Sequence[Event]) -> float:
        """See `Counter.add`."""
        now_s = self._clock_s()
        waits_s = [self._wait_s(bound, key, now_s) for bound, key in events]
        if any(waits_s):
            return max(waits_s)
        for bound, key in events:
            name = (bound.kind, key)
            times_s = self._times_s.pop(name, None) or deque()
            times_s.append(now_s)
            self._times_s[name] = times_s
        while len(self._times_s) > self._max_keys:
            del self._times_s[next(iter(self._times_s))]
        return 0.0

    def take_back(self, events: Sequence[Event]) -> None:
        """See `Counter.take_back`."""
        for bound, key in events:
            times_s = self._times_s.get((bound.kind, key))
            if times_s:
                times_s.pop()
            if not times_s:
                self._times_s.pop((bound.kind, key), None)

    def __len__(self) -> int:
        return len(self._times_s)

    def _wait_s(self, bound: Bound, key: bytes, now_s: float) -> float:
        times_s = self._times_s.get((bound.kind, key))
        if times_s is None:
            return 0.0
        while times_s and times_s[0] <= now_s - bound.window_s:
            times_s.popleft()
        return times_s[0] + bound.window_s - now_s if len(times_s) >= bound.limit else 0.0


@dataclass(frozen=True, slots=True)
class Guess:
    """A try that was let through and is counted."""

    events: tuple[Event, ...]
    pair: bytes


class LoginThrottle:
    """Lets tries through, or raises LoginThrottled. An empty address is that of the operator, who is not counted."""

    def __init__(self, counter: Counter | None = None) -> None:
        self._counter: Counter = MemoryCounter() if counter is None else counter
        self._familiar: dict[bytes, None] = {}

    def guess(self, email: str, address: str) -> Guess:
        """Counts a try to log in. Raises LoginThrottled."""
        account = email.strip().lower()
        pair = _key(account, _network(address))
        whose = pair if pair in self._familiar else _key(account)
        events = ((ACCOUNT, whose), *_of_address(ADDRESS, address))
        self._admit(events, "Too many log-ins were tried for this account or from this address; wait and try again.")
        return Guess(events, pair)

    def succeed(self, guess: Guess) -> None:
        """Takes back a try that was right, and remembers where it came from."""
        self.take_back(guess)
        self._familiar.pop(guess.pair, None)
        self._familiar[guess.pair] = None
        if len(self._familiar) > _MAX_FAMILIAR:
            del self._familiar[next(iter(self._familiar))]

    def take_back(self, guess: Guess) -> None:
        """Takes back a try that was never looked at."""
        self._counter.take_back(guess.events)

    def sign_up(self, address: str) -> None:
        """Counts a sign-up. Raises LoginThrottled."""
        self._admit(_of_address(SIGN_UPS, address), "Too many sign-ups came from this address; wait and try again.")

    def probe(self, address: str) -> None:
        """Counts a sign-up that was told that the e-mail is taken. Raises LoginThrottled instead of telling."""
        self._admit(_of_address(TAKEN, address), "Too many sign-ups came from this address; wait and try again.")

    def _admit(self, events: tuple[Event, ...], message: str) -> None:
        wait_s = self._counter.add(events)
        if wait_s > 0:
            raise LoginThrottled(message, retry_after_s=wait_s)


def _of_address(bound: Bound, address: str) -> tuple[Event, ...]:
    return ((bound, _key(_network(address))),) if address else ()


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


def _key(*parts: str) -> bytes:
    hashed = hashlib.blake2b(digest_size=_HASH_BYTES)
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        hashed.update(len(raw).to_bytes(8, "big") + raw)
    return hashed.digest()
