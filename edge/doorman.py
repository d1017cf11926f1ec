"""Who comes in over HTTP: how many connections one address may have, and whether there shall be more requests.

It counts and is asked; it must not know sockets or requests.
"""

from collections.abc import Collection
from ipaddress import ip_address, ip_network
from typing import Final

_ANY: Final = "*"
_IPV6_NETWORK_BITS: Final = 64


class Doorman:
    """Belongs to one server. `refused_count` are the connections that were too many."""

    def __init__(self, max_per_address: int = 0, trusted: Collection[str] = ()) -> None:
        """At most `max_per_address` connections come from one address, 0 for any number.

        Addresses and networks that are `trusted`, proxies that many clients share, have no such bound; `*` are all.
        """
        self._max_per_address = 0 if _ANY in trusted else max_per_address
        self._trusted = [ip_network(each, strict=False) for each in trusted if _is_network(each)]
        self._counts: dict[str, int] = {}
        self.refused_count = 0
        self.is_closing = False

    def enter(self, host: str | None) -> str | None:
        """Counts a connection from a host; gives under which name, which has to `leave`.

        None: it is not counted. Raises TooManyConnectionsError.
        """
        if not self._max_per_address or host is None or (name := self._name_of(host)) is None:
            return None
        count = self._counts.get(name, 0)
        if count >= self._max_per_address:
            self.refused_count += 1
            raise TooManyConnectionsError
        self._counts[name] = count + 1
        return name

    def leave(self, name: str) -> None:
        """A connection that was counted has ended."""
        count = self._counts[name] - 1
        if count:
            self._counts[name] = count
        else:
            del self._counts[name]

    def _name_of(self, host: str) -> str | None:
        """Under which name a host is counted: of IPv6 its network, since one host has all of it. None: not at all."""
        try:
            address = ip_address(host)
        except ValueError:
            return host
        if any(address in network for network in self._trusted):
            return None
        if address.version == 4:
            return host
        if address.ipv4_mapped is not None:
            return self._name_of(str(address.ipv4_mapped))
        return str(ip_network((address, _IPV6_NETWORK_BITS), strict=False))


class TooManyConnectionsError(Exception):
    """An address has as many connections as it may."""


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True
