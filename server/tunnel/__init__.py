"""Many calls of a REST face in a process of its own, over one stream of gRPC.

A message of gRPC costs the same whatever is in it, and a call several of them. What gathers in one turn of the event
loop therefore goes as one message. Every call in it runs behind the same interceptors as one that came by itself, and
knows the connection it came by as its peer. The other end is `edge/tunnel/`; `protos/perpetuo/internal/v1/tunnel.proto`
says what goes over the wire.
"""

from server.tunnel.servicer import TunnelServicer

__all__ = ["TunnelServicer"]
