"""The stubs' channel without a wire: a grpc.aio.Channel whose calls run the servicers of the same process.

What a caller and a handler can observe equals a call over a socket: interceptors, deadlines, cancellation, metadata,
status, back-pressure, and messages that are copied, never shared. It must not know any service, and nothing but the
composition root should care which of the two kinds of channel a stub was given. The one behaviour suite that runs over
TCP, a unix socket and this channel is the specification; `channel.py` lists where this one is stricter.
"""

from server.inprocess.channel import InProcessChannel
from server.inprocess.registry import HandlerRegistry

__all__ = ["HandlerRegistry", "InProcessChannel"]
