"""An OpenAI-compatible upstream with scripted faults, on real sockets.

`perpetuo mock` serves it for whoever wants to see what a client or a gateway does when a provider misbehaves; the tests
use the same one as `MockUpstream`. It is no part of the gateway and imports nothing of it.
"""
