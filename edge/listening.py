"""The socket that the REST face listens on, before anybody listens on it.

It must import nothing heavy: who looks after workers keeps their ports and serves nothing. It knows no connections.
"""

import socket
from typing import Final

# Of each connection, in the kernel, which takes twice that. It would let a buffer grow to megabytes otherwise, and when
# many clients take nothing of their answers all other connections of the machine would wait for its memory.
_SEND_BUFFER_BYTES: Final = 64 * 1024


def bind(host: str, port: int, *, shares_port: bool = False) -> socket.socket:
    """A listening socket's beginning: bound, not yet listening. OSError if the address is taken or not ours.

    With `shares_port` other processes may bind the same port; the kernel spreads connections over those that listen.
    """
    # A name as bytes needs no tables of Unicode, which take a quarter of a MiB.
    name = host.encode() if host.isascii() else host
    info = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    bound = socket.socket(info[0], info[1], info[2])
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shares_port:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        bound.bind(info[4])
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound
