"""Which reason each failure of the HTTP client is.

Pure. Messages name no host, URL or certificate, since they reach the caller.
"""

import errno
import socket
import ssl
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from server.chat.wire import Timeouts
from server.errors import (
    Overloaded,
    PerpetuoError,
    UpstreamBadResponse,
    UpstreamBlocked,
    UpstreamDns,
    UpstreamReset,
    UpstreamTimeout,
    UpstreamTls,
    UpstreamUnavailable,
)
from server.upstream.egress import AddressBlockedError


class Phase(Enum):
    """What a call was waiting for when its time was up."""

    CONNECT = "connect"
    FIRST_BYTE = "firstByte"
    IDLE = "idle"
    TOTAL = "total"


class StaleConnectionError(Exception):
    """A pooled connection ended before a byte of the answer came, so that the request may be sent again."""


_CONNECTING: Final[Mapping[str, str]] = MappingProxyType({"phase": Phase.CONNECT.value})
# No file descriptor, no memory or no local port left: nobody's fault but ours.
_OUR_SHORTAGES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
_IN_BODY: Final[Mapping[str, str]] = MappingProxyType({"phase": "body"})
_TOO_LATE = {
    Phase.CONNECT: "No connection to the provider could be made within {} s.",
    Phase.FIRST_BYTE: "The provider did not begin to answer within {} s.",
    Phase.IDLE: "The provider sent nothing for {} s within its answer.",
    Phase.TOTAL: "The provider's answer was not complete after {} s.",
}


def too_late(phase: Phase, timeouts: Timeouts) -> UpstreamTimeout:
    """The reason for a call that took too long in one of its phases."""
    seconds = {
        Phase.CONNECT: timeouts.connect_s,
        Phase.FIRST_BYTE: timeouts.first_byte_s,
        Phase.IDLE: timeouts.idle_s,
        Phase.TOTAL: timeouts.total_s,
    }[phase]
    shown = f"{seconds:g}"
    return UpstreamTimeout(_TOO_LATE[phase].format(shown), details={"phase": phase.value, "timeoutS": shown})


def not_shaken_hands(timeouts: Timeouts) -> UpstreamTls:
    """The reason for a TCP connection on which TLS did not come about in time."""
    return UpstreamTls(f"The provider did not finish the TLS handshake within {timeouts.connect_s:g} s.")


def connect_failure(error: OSError) -> PerpetuoError:
    """The reason why no connection stands."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return UpstreamTls("The provider's certificate is expired, not trusted, or not for its host.")
    if isinstance(error, ssl.SSLError):
        return UpstreamTls("No TLS connection to the provider could be made.")
    if isinstance(error, AddressBlockedError):
        kind = error.strerror or "not public"
        return UpstreamBlocked(f"The provider's host was not called: {kind}.", details={"kind": kind})
    if isinstance(error, socket.gaierror):
        is_temporary = error.errno == socket.EAI_AGAIN
        details = {"kind": "temporary"} if is_temporary else {}
        return UpstreamDns("The provider's host name could not be resolved.", details=details)
    if isinstance(error, ConnectionError) and not isinstance(error, ConnectionRefusedError):
        return UpstreamReset("The provider broke the connection while it was being made.", details=_CONNECTING)
    if error.errno in _OUR_SHORTAGES:
        return Overloaded("The gateway cannot open another connection now.", retry_after_s=1.0)
    if error.errno == errno.ETIMEDOUT:
        return UpstreamTimeout("No connection to the provider could be made in time.", details=_CONNECTING)
    return UpstreamUnavailable("The provider refused the connection.", details=_CONNECTING)


def no_answer() -> UpstreamReset:
    """The reason for a connection that ended before the answer's headers were complete."""
    return UpstreamReset("The provider closed the connection before it answered.", details={"phase": "firstByte"})


def cut_off() -> UpstreamReset:
    """The reason for a connection that broke within the answer."""
    return UpstreamReset("The connection to the provider broke before its answer was complete.", details=_IN_BODY)


def cut_short() -> UpstreamBadResponse:
    """The reason for an answer that was ended in order, but before it was complete."""
    return UpstreamBadResponse("The provider ended its answer before it was complete.", details=_IN_BODY)


def too_large(limit_bytes: int) -> UpstreamBadResponse:
    """The reason for an answer whose body is longer than that."""
    return UpstreamBadResponse(
        f"The provider's answer is longer than {limit_bytes} bytes.", details={"limitBytes": str(limit_bytes)}
    )


def closed_by_us() -> UpstreamReset:
    """The reason for an answer that nobody waits for any more."""
    return UpstreamReset("The connection to the provider was closed while its answer was read.")
