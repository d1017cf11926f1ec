"""Ports for servers that go away and come back: outside of those that the system gives to connections that go out.

A port that the system may give away could be taken by a connection while its server is away, even by one to itself.
"""

import random
import socket

_FIRST = 20_000
_LAST = 31_999
_TRIES = 200


def steady_port() -> int:
    """A port of 127.0.0.1 that nothing listens on now, and no connection will take."""
    for _ in range(_TRIES):
        port = random.randint(_FIRST, _LAST)
        with socket.socket() as probe:
            if _is_free(probe, port):
                return port
    raise RuntimeError(f"no free port was found from {_FIRST} to {_LAST}")


def _is_free(probe: socket.socket, port: int) -> bool:
    try:
        probe.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True
