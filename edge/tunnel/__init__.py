"""Many calls over one stream of gRPC, for a REST face whose core is another process.

A message of gRPC costs the same whatever is in it, and a call several of them; what gathers in one turn of the event
loop goes as one message. The other end is `server/tunnel/`; `protos/perpetuo/internal/v1/tunnel.proto` says what goes
over the wire. It must not know any service.
"""

from edge.tunnel.channel import TunnelChannel

__all__ = ["TunnelChannel"]
