"""A queue that is fair between tenants, bounded for each and in all. Pure: nobody waits here, tickets do.

Turns go round the tenants, one ticket each; within a tenant whoever came first goes first. A ticket wants one of
several things, and is passed over as long as none of them is there, so that it holds up nobody who wants something
else. It is in the queue until it is served or leaves, whichever is first, and never comes back.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, Generic, TypeVar

V = TypeVar("V")
W = TypeVar("W")

MAX_LENGTH: Final = 1_000
MAX_OF_TENANT: Final = 100


@dataclass(frozen=True, slots=True, eq=False)
class Ticket(Generic[V, W]):
    """A place in the queue. `visitor` is whoever waits, `wants` what one of which would do, the best first."""

    tenant: str
    visitor: V
    wants: Sequence[W]
    since_s: float


class FairQueue(Generic[V, W]):
    """Tickets of all tenants."""

    def __init__(self, max_length: int = MAX_LENGTH, max_of_tenant: int = MAX_OF_TENANT) -> None:
        self._max_length = max_length
        self._max_of_tenant = max_of_tenant
        self._tenants: dict[str, dict[Ticket[V, W], None]] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def is_full(self) -> bool:
        """Whether there is no place for anybody."""
        return self._length >= self._max_length

    def is_full_for(self, tenant: str) -> bool:
        """Whether the tenant has as many places as it may have."""
        return self.length_of(tenant) >= self._max_of_tenant

    def tickets(self) -> Iterator[Ticket[V, W]]:
        """All who wait."""
        return chain.from_iterable(self._tenants.values())

    def length_of(self, tenant: str) -> int:
        """How many tickets of a tenant wait."""
        return len(self._tenants.get(tenant, ()))

    def first_of(self, tenant: str, wants: Sequence[W]) -> Ticket[V, W] | None:
        """The ticket of a tenant that has waited longest for one of these things."""
        return next((each for each in self._tenants.get(tenant, ()) if not set(wants).isdisjoint(each.wants)), None)

    def join(self, tenant: str, visitor: V, wants: Sequence[W], now_s: float) -> Ticket[V, W]:
        """A new place at the end; there must be one."""
        assert not self.is_full
        assert not self.is_full_for(tenant)
        ticket = Ticket(tenant, visitor, wants, now_s)
        self._tenants.setdefault(tenant, {})[ticket] = None
        self._length += 1
        return ticket

    def leave(self, ticket: Ticket[V, W]) -> bool:
        """Gives a place up; False if the ticket is not in the queue any more."""
        tickets = self._tenants.get(ticket.tenant)
        if tickets is None or ticket not in tickets:
            return False
        del tickets[ticket]
        if not tickets:
            del self._tenants[ticket.tenant]
        self._length -= 1
        return True

    def serve(self, find: Callable[[Sequence[W]], W | None]) -> tuple[Ticket[V, W], W] | None:
        """Takes the ticket out whose turn it is, with what it gets; None if nobody can have what it wants.

        `find` says which of what a ticket wants is there. The tenant that is served goes to the end of the round.
        """
        for tenant, tickets in self._tenants.items():
            for ticket in tickets:
                if (found := find(ticket.wants)) is None:
                    continue
                self.leave(ticket)
                if tenant in self._tenants:
                    self._tenants[tenant] = self._tenants.pop(tenant)
                return ticket, found
        return None
