"""What stands between a call and its servicer, the same over a socket and in process: identity, errors, access log.

Each interceptor wraps a method's handler once and depends on nothing else (`depends_on_call = False`), so that the
in-process channel may keep the wrapped handler. Nothing here knows a service by name.
"""
