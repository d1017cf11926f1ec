"""Sends known faults through any OpenAI-compatible gateway and judges what its callers and its providers see of it.

`perpetuo conformance` is the command. It looks at the gateway from outside only: it is its client, and the two
upstreams behind it. It imports neither half of Perpetuo.
"""
