"""Which reason each failure of the HTTP client is.

Pure but for one look at a socket. Messages name no host, URL or certificate, since they reach the caller.
"""

import errno
import socket
from dataclasses import dataclass
from typing import Final

import aiohttp

from server.chat.wire import Timeouts
from server.errors import (
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

ANSWER_HAD_BEGUN: Final = "a part of the answer had come"
"""The note on a failure of a connection on which a byte of the current answer had arrived."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call as far as its failure depends on it: `dialled` are the sockets that were opened for it."""

    url: str
    timeouts: Timeouts
    dialled: list[socket.socket]


def is_stale(error: Exception, exchange: Exchange) -> bool:
    """Whether a pooled connection broke before a byte of the answer came, so that the request may be sent again."""
    if exchange.dialled or ANSWER_HAD_BEGUN in getattr(error, "__notes__", ()):
        return False
    return isinstance(
        error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | aiohttp.ClientConnectionResetError
    ) and not isinstance(error, aiohttp.ClientConnectorError)


def send_failure(error: Exception, exchange: Exchange) -> PerpetuoError:
    """The reason why no response came."""
    if isinstance(error, TimeoutError):
        return _send_timeout(error, exchange)
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientSSLError):
        return _connect_failure(error)
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return UpstreamBlocked("The provider's base URL is not one that requests may go to.")
    if isinstance(error, aiohttp.ClientResponseError):
        return UpstreamBadResponse("The provider answered something that is not HTTP.")
    return UpstreamReset("The provider closed the connection before it answered.")


def body_failure(error: Exception, timeouts: Timeouts) -> PerpetuoError:
    """The reason why a body broke off."""
    if isinstance(error, aiohttp.SocketTimeoutError):
        return _timeout("The provider sent nothing for {} s within its answer.", "idle", timeouts.idle_s)
    if isinstance(error, TimeoutError):
        return _timeout("The provider's answer was not complete after {} s.", "total", timeouts.total_s)
    if isinstance(error.__cause__, aiohttp.http_exceptions.ContentEncodingError):
        return UpstreamBadResponse("The provider's answer is not compressed as its headers say.")
    return UpstreamReset("The connection to the provider broke before its answer was complete.")


def _send_timeout(error: TimeoutError, exchange: Exchange) -> PerpetuoError:
    timeouts = exchange.timeouts
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        if exchange.url.startswith("https:") and any(map(_is_connected, exchange.dialled)):
            return UpstreamTls(f"The provider did not finish the TLS handshake within {timeouts.connect_s:g} s.")
        return _timeout("No connection to the provider could be made within {} s.", "connect", timeouts.connect_s)
    if isinstance(error, aiohttp.SocketTimeoutError):
        return _timeout("The provider did not begin to answer within {} s.", "firstByte", timeouts.first_byte_s)
    return _timeout("The provider did not answer within {} s.", "total", timeouts.total_s)


def _timeout(message: str, phase: str, seconds: float) -> UpstreamTimeout:
    return UpstreamTimeout(message.format(f"{seconds:g}"), details={"phase": phase, "timeoutS": f"{seconds:g}"})


def _is_connected(dialled: socket.socket) -> bool:
    """Whether TCP had connected when the time was up: only then was it TLS that took it."""
    try:
        dialled.getpeername()
    except OSError:
        return False
    return True


def _connect_failure(error: aiohttp.ClientConnectorError | aiohttp.ClientSSLError) -> PerpetuoError:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return UpstreamTls("The provider's certificate is expired, not trusted, or not for its host.")
    if isinstance(error, aiohttp.ClientSSLError):
        return UpstreamTls("No TLS connection to the provider could be made.")
    if isinstance(error.os_error, AddressBlockedError):
        kind = error.os_error.strerror or "not public"
        return UpstreamBlocked(f"The provider's host was not called: {kind}.", details={"kind": kind})
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return UpstreamDns("The provider's host name could not be resolved.")
    if isinstance(error.os_error, ConnectionError) and not isinstance(error.os_error, ConnectionRefusedError):
        return UpstreamReset("The provider broke the connection while it was being made.")
    if error.os_error.errno == errno.ETIMEDOUT:
        return UpstreamTimeout("No connection to the provider could be made in time.", details={"phase": "connect"})
    return UpstreamUnavailable("The provider refused the connection.")
