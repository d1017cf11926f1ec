"""Which reason each failure of the HTTP client is, where a socket cannot be made to fail that way."""

import errno
import socket
import ssl

import pytest

from server.chat.wire import Timeouts
from server.errors import (
    Overloaded,
    PerpetuoError,
    UpstreamBlocked,
    UpstreamDns,
    UpstreamReset,
    UpstreamTimeout,
    UpstreamTls,
    UpstreamUnavailable,
)
from server.upstream.egress import AddressBlockedError
from server.upstream.failures import (
    Phase,
    connect_failure,
    cut_off,
    cut_short,
    no_answer,
    not_shaken_hands,
    too_late,
)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "secret"), UpstreamUnavailable),
        (OSError(errno.ENETUNREACH, "secret"), UpstreamUnavailable),
        (OSError(errno.EHOSTUNREACH, "secret"), UpstreamUnavailable),
        (OSError(errno.ETIMEDOUT, "secret"), UpstreamTimeout),
        (OSError(errno.EMFILE, "secret"), Overloaded),
        (OSError(errno.EADDRNOTAVAIL, "secret"), Overloaded),
        (ConnectionResetError(errno.ECONNRESET, "secret"), UpstreamReset),
        (ssl.SSLError(1, "secret"), UpstreamTls),
        (ssl.SSLCertVerificationError(1, "secret"), UpstreamTls),
        (socket.gaierror(socket.EAI_NONAME, "secret"), UpstreamDns),
        (AddressBlockedError(errno.EACCES, "the address is private"), UpstreamBlocked),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.__name__,
)
def test_a_connection_that_does_not_stand(error: OSError, reason: type[PerpetuoError]) -> None:
    failure = connect_failure(error)
    assert type(failure) is reason
    assert "secret" not in failure.message


@pytest.mark.parametrize(
    ("phase", "seconds"), [(Phase.CONNECT, "1"), (Phase.FIRST_BYTE, "2"), (Phase.IDLE, "3"), (Phase.TOTAL, "4.5")]
)
def test_a_timeout_tells_its_phase_and_its_seconds(phase: Phase, seconds: str) -> None:
    failure = too_late(phase, Timeouts(1.0, 2.0, 3.0, 4.5))
    assert failure.details == {"phase": phase.value, "timeoutS": seconds}
    assert f" {seconds} s" in failure.message


def test_a_handshake_that_takes_too_long_is_told_apart() -> None:
    assert "handshake within 1 s" in not_shaken_hands(Timeouts(connect_s=1.0)).message


@pytest.mark.parametrize(
    ("failure", "details"),
    [
        (connect_failure(ConnectionRefusedError(errno.ECONNREFUSED, "x")), {"phase": "connect"}),
        (connect_failure(ConnectionResetError(errno.ECONNRESET, "x")), {"phase": "connect"}),
        (connect_failure(OSError(errno.ETIMEDOUT, "x")), {"phase": "connect"}),
        (connect_failure(socket.gaierror(socket.EAI_NONAME, "x")), {}),
        (connect_failure(socket.gaierror(socket.EAI_AGAIN, "x")), {"kind": "temporary"}),
        (no_answer(), {"phase": "firstByte"}),
        (cut_off(), {"phase": "body"}),
        (cut_short(), {"phase": "body"}),
    ],
)
def test_a_failure_tells_how_far_the_call_had_come(failure: PerpetuoError, details: dict[str, str]) -> None:
    assert failure.details == details
