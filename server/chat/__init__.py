"""The core's vocabulary: what a chat completion is, who asks, where it goes and what is written down about it.

Everything from the pipeline down speaks in these types. This package knows neither gRPC nor protobuf nor HTTP servers.
"""
