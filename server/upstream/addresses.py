"""Which IP addresses are on the public internet: the table of the others, and forms that hide one in another.

Pure. The rows are IANA's special-purpose registries for IPv4 and IPv6 (RFC 6890 and its updates) as far as a row is not
globally reachable, and multicast. `ipaddress.is_global` is not used: what it answers depends on the Python version.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

_BLOCKED_V4: Final = tuple(
    (IPv4Network(network), name)
    for network, name in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by a carrier"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "for documentation"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)

_PUBLIC_V6: Final = IPv6Network("2000::/3")

_BLOCKED_V6: Final = tuple(
    (IPv6Network(network), name)
    for network, name in (
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "for documentation"),
        ("3fff::/20", "for documentation"),
    )
)

_NAMED_V6: Final = tuple(
    (IPv6Network(network), name)
    for network, name in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private"),
        ("ff00::/8", "multicast"),
    )
)

_NAT64: Final = IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR: Final = IPv6Network("2002::/16")


def blocked_because(address: IPv4Address | IPv6Address) -> str | None:
    """What kind of address it is that no request may go to, None for a public one.

    An IPv6 address that carries an IPv4 address (mapped, 6to4, NAT64, ISATAP) is what that address is.
    """
    if isinstance(address, IPv4Address):
        return next((name for network, name in _BLOCKED_V4 if address in network), None)
    if address.scope_id is not None:
        return "link-local"
    inner = _embedded(address)
    if inner is not None and (name := blocked_because(inner)) is not None:
        return name
    if inner is not None and (address.ipv4_mapped is not None or address in _NAT64):
        return None
    if address not in _PUBLIC_V6:
        return next((name for network, name in _NAMED_V6 if address in network), "reserved")
    return next((name for network, name in _BLOCKED_V6 if address in network), None)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that routers or stacks would take out of an IPv6 one."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    number = int(address)
    if address in _SIX_TO_FOUR:
        return IPv4Address(number >> 80 & 0xFFFFFFFF)
    if address in _NAT64 or (number >> 32) & 0xFFFFFFFF in (0x00005EFE, 0x02005EFE):
        return IPv4Address(number & 0xFFFFFFFF)
    return None
