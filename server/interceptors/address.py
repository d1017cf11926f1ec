"""Where a caller is: the address of its connection, or what a REST face that is trusted says of it.

The REST face ends `x-forwarded-for` with the address of whoever called it. That is believed of the one in this process
and of those that the operator names; anybody else could write what he likes, and is where his connection comes from.
"""

import ipaddress
from collections.abc import Sequence
from urllib.parse import unquote

_IN_PROCESS = "inproc:"
_MAX_CHARS = 64


class CallerAddress:
    """Tells addresses. `trusted_edges` are addresses and networks; ValueError for what is neither."""

    def __init__(self, trusted_edges: Sequence[str]) -> None:
        self._trusted = tuple(ipaddress.ip_network(edge, strict=False) for edge in trusted_edges)

    def __call__(self, peer: str, forwarded_for: str) -> str:
        """The address of a call's origin; empty for one that came over a socket file of the operator.

        `peer` is as gRPC writes it (`ipv4:127.0.0.1:50312`), `forwarded_for` the value of the metadata entry.
        """
        if peer.startswith(_IN_PROCESS):
            return _last_hop(forwarded_for)
        host = _host(peer)
        if forwarded_for and self._is_trusted(host):
            return _last_hop(forwarded_for)
        return host

    def hops(self, peer: str, forwarded_for: str) -> tuple[str, ...]:
        """Every address that a call is said to have come through, whoever says so; none over a socket file."""
        direct = "" if peer.startswith(_IN_PROCESS) else _host(peer)
        return tuple(hop for hop in (*map(str.strip, forwarded_for.split(",")), direct) if hop)

    def _is_trusted(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return any((mapped or address) in network for network in self._trusted)


def _host(peer: str) -> str:
    kind, _, rest = unquote(peer).partition(":")
    return rest.rpartition(":")[0].strip("[]") if kind in {"ipv4", "ipv6"} else ""


def _last_hop(forwarded_for: str) -> str:
    return forwarded_for.rpartition(",")[2].strip()[:_MAX_CHARS]
