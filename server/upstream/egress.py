"""Where requests may go: the check of a base URL when it is entered, and of every address when it is dialled.

The two are needed together. A name can be harmless when it is entered and resolve to 127.0.0.1 an hour later, so the
resolver refuses a name as soon as one of its addresses is not public, and the socket factory looks once more at the
address that is really dialled, which also catches addresses written as such. An operator who runs models in the own
network lifts both with `allow_private`. Nothing here sends a request.
"""

import errno
import re
import socket
from collections.abc import Sequence
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address
from typing import Final, Protocol
from urllib.parse import SplitResult, urlsplit

from server.errors import BaseUrlRefused
from server.upstream.addresses import blocked_because

MAX_URL_CHARS: Final = 2048

_ALLOWED = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*", re.ASCII)
_BAD_PATH = re.compile(r"/\.{1,2}(/|$)|//|%(?![0-9A-Fa-f]{2})|%(00|0a|0d|2e|2f|5c)", re.IGNORECASE)
_LOCAL_SUFFIXES: Final = (
    ".localhost",
    ".local",
    ".localdomain",
    ".internal",
    ".intranet",
    ".lan",
    ".home",
    ".corp",
    ".home.arpa",
)
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}

AddrInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[object, ...]]


class AddressBlockedError(PermissionError):
    """An address that no request may go to. An OSError, since that is what a dialler passes on."""


def check_base_url(url: str, allow_private: bool) -> str:
    """The base URL in its one spelling: lower-case scheme and host, no default port, no slash at the end.

    Raises BaseUrlRefused, whose message says which rule is broken. `allow_private` also allows plain http, names of the
    own network and addresses that are not public. Names are not resolved here.
    """
    parts = _split(url)
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS:
        raise _refused("must start with https://")
    if scheme == "http" and not allow_private:
        raise _refused("must use https; http is for upstreams in a private network, which this gateway does not allow")
    if "@" in parts.netloc:
        raise _refused("must not hold a user name or a password; the key belongs into api_key")
    if "?" in url or "#" in url:
        raise _refused("must not hold a query or a fragment")
    if _BAD_PATH.search(parts.path):
        raise _refused("has a path with empty, dot or wrongly escaped segments")
    host = _host(parts, allow_private)
    port = _port(parts)
    suffix = "" if port in (None, _DEFAULT_PORTS[scheme]) else f":{port}"
    return f"{scheme}://{host}{suffix}{parts.path.rstrip('/')}"


def _refused(rule: str) -> BaseUrlRefused:
    return BaseUrlRefused(f"The base URL {rule}.", param="base_url", details={"rule": rule})


def _split(url: str) -> SplitResult:
    if not url:
        raise _refused("is empty")
    if len(url) > MAX_URL_CHARS:
        raise _refused(f"is longer than {MAX_URL_CHARS} characters")
    if not _ALLOWED.fullmatch(url):
        raise _refused("holds a blank, a backslash or a character outside ASCII; write such a host in punycode")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise _refused("has no valid IPv6 address") from error
    if not parts.netloc:
        raise _refused("must be of the form https://host/path")
    return parts


def _port(parts: SplitResult) -> int | None:
    try:
        port = parts.port
    except ValueError as error:
        raise _refused("has a port outside 1 to 65535") from error
    if port == 0 or parts.netloc.endswith(":"):
        raise _refused("has a port outside 1 to 65535")
    return port


def _host(parts: SplitResult, allow_private: bool) -> str:
    host = (parts.hostname or "").removesuffix(".")
    if "[" in parts.netloc:
        return _ipv6(host, allow_private)
    if _NUMERIC.fullmatch(host):
        return _ipv4(host, allow_private)
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _refused("has no valid host name")
    if not allow_private and (len(labels) == 1 or host.endswith(_LOCAL_SUFFIXES)):
        raise _refused("names a host of a private network, which this gateway does not allow")
    return host


def _ipv4(host: str, allow_private: bool) -> str:
    try:
        address = IPv4Address(host)
    except AddressValueError as error:
        raise _refused("has an address that is not written as four decimal numbers") from error
    _check_literal(address, allow_private)
    return str(address)


def _ipv6(host: str, allow_private: bool) -> str:
    try:
        address = IPv6Address(host)
    except AddressValueError as error:
        raise _refused("has no valid IPv6 address") from error
    if address.scope_id is not None:
        raise _refused("has an IPv6 address with a zone")
    _check_literal(address, allow_private)
    return f"[{address}]"


def _check_literal(address: IPv4Address | IPv6Address, allow_private: bool) -> None:
    if not allow_private and (kind := blocked_because(address)) is not None:
        raise _refused(f"has an address that is {kind}, where this gateway does not let requests go")


def check_address(host: str) -> None:
    """Raises AddressBlockedError unless `host`, an address as a resolver or a dialler has it, is public."""
    try:
        kind = blocked_because(ip_address(host))
    except ValueError:
        kind = "unreadable"
    if kind is not None:
        raise AddressBlockedError(errno.EACCES, f"the address is {kind}")


def is_numeric(host: str) -> bool:
    """Whether stacks may take a host for an IPv4 address, in whichever of its spellings (`127.1`, `0x7f000001`)."""
    return _NUMERIC.fullmatch(host) is not None


class Resolver(Protocol):
    """Finds the addresses of a name."""

    async def resolve(self, host: str, port: int) -> Sequence[AddrInfo]:
        """What `socket.getaddrinfo` gives for stream sockets, the preferred first. Raises OSError."""


class GuardedResolver:
    """A resolver that gives a name's addresses only if all of them are public.

    All, not some: a name with one public and one private address is an attack or a mistake, and the dialler would take
    either.
    """

    def __init__(self, inner: Resolver) -> None:
        self._inner = inner

    async def resolve(self, host: str, port: int) -> Sequence[AddrInfo]:
        """The checked addresses; raises OSError as the inner resolver does, and AddressBlockedError."""
        found = await self._inner.resolve(host, port)
        for info in found:
            check_address(str(info[4][0]))
        return found


def guarded_socket(info: AddrInfo, *, allow_private: bool) -> socket.socket:
    """The socket for an address that is about to be dialled; raises AddressBlockedError unless that is allowed."""
    family, kind, protocol, _, address = info
    if not allow_private:
        check_address(str(address[0]))
    return socket.socket(family, kind, protocol)
