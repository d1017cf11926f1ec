"""Which reason each failure of the HTTP client is, where a socket cannot be made to fail that way."""

import errno
import socket

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from server.chat.wire import Timeouts
from server.errors import (
    PerpetuoError,
    UpstreamBadResponse,
    UpstreamBlocked,
    UpstreamReset,
    UpstreamTimeout,
    UpstreamTls,
    UpstreamUnavailable,
)
from server.upstream.failures import ANSWER_HAD_BEGUN, Exchange, body_failure, is_stale, send_failure

KEY = ConnectionKey("secret.example", 443, True, True, None, None, None)
EXCHANGE = Exchange("https://secret.example/", Timeouts(), [])


def connector_error(error: OSError) -> aiohttp.ClientConnectorError:
    return aiohttp.ClientConnectorError(KEY, error)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (connector_error(ConnectionRefusedError(errno.ECONNREFUSED, "no")), UpstreamUnavailable),
        (connector_error(OSError(errno.ENETUNREACH, "no")), UpstreamUnavailable),
        (connector_error(OSError(errno.EHOSTUNREACH, "no")), UpstreamUnavailable),
        (connector_error(OSError(errno.ETIMEDOUT, "no")), UpstreamTimeout),
        (connector_error(ConnectionResetError(errno.ECONNRESET, "no")), UpstreamReset),
        (aiohttp.ClientConnectorSSLError(KEY, OSError(1, "no")), UpstreamTls),
        (aiohttp.ClientConnectorCertificateError(KEY, ValueError("no")), UpstreamTls),
        (aiohttp.ConnectionTimeoutError(), UpstreamTimeout),
        (aiohttp.SocketTimeoutError(), UpstreamTimeout),
        (TimeoutError(), UpstreamTimeout),
        (aiohttp.InvalidURL("https://secret.example"), UpstreamBlocked),
        (aiohttp.ServerDisconnectedError(), UpstreamReset),
        (aiohttp.ClientOSError(errno.EPIPE, "no"), UpstreamReset),
        (aiohttp.ClientPayloadError("no"), UpstreamReset),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.__name__,
)
def test_a_failed_send(error: Exception, reason: type[PerpetuoError]) -> None:
    failure = send_failure(error, EXCHANGE)
    assert type(failure) is reason
    assert "secret" not in failure.message


def test_a_body_that_is_not_compressed_as_declared() -> None:
    error = aiohttp.ClientPayloadError("no")
    assert type(body_failure(error, Timeouts())) is UpstreamReset
    error.__cause__ = aiohttp.http_exceptions.ContentEncodingError("no")
    assert type(body_failure(error, Timeouts())) is UpstreamBadResponse


def test_only_a_pooled_connection_without_an_answer_is_stale() -> None:
    assert is_stale(aiohttp.ServerDisconnectedError(), EXCHANGE)
    assert is_stale(aiohttp.ClientOSError(errno.ECONNRESET, "no"), EXCHANGE)
    assert is_stale(aiohttp.ClientConnectionResetError("closing"), EXCHANGE)
    assert not is_stale(connector_error(OSError(errno.ECONNRESET, "no")), EXCHANGE)
    assert not is_stale(aiohttp.SocketTimeoutError(), EXCHANGE)
    begun = aiohttp.ServerDisconnectedError()
    begun.add_note(ANSWER_HAD_BEGUN)
    assert not is_stale(begun, EXCHANGE)
    with socket.socket() as dialled:
        assert not is_stale(aiohttp.ServerDisconnectedError(), Exchange("http://a", Timeouts(), [dialled]))
