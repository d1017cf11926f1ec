"""A port is kept by who binds it, and shared only by those that mean to."""

import socket

import pytest

from edge.listening import bind


@pytest.mark.parametrize("shares_port", [True, False], ids=["meant for several", "meant for one"])
def test_a_port_that_is_bound_is_bound_again_only_by_those_that_share_it(*, shares_port: bool) -> None:
    with bind("127.0.0.1", 0, shares_port=shares_port) as first:
        first.listen()
        port = first.getsockname()[1]
        if shares_port:
            bind("127.0.0.1", port, shares_port=True).close()
        with pytest.raises(OSError, match="in use"):
            bind("127.0.0.1", port)


def test_what_the_kernel_keeps_for_a_slow_reader_is_bounded() -> None:
    with bind("127.0.0.1", 0) as listening:
        listening.listen()
        with socket.create_connection(listening.getsockname()), accepted(listening) as connection:
            assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 128 * 1024


def accepted(listening: socket.socket) -> socket.socket:
    """The next connection."""
    listening.setblocking(True)
    return listening.accept()[0]
