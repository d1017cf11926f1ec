"""The attempt loop: requests go to upstreams here, and only here does routing wait for anything."""

from server.routing.dispatch.broken import broken_stream
from server.routing.dispatch.calling import Served
from server.routing.dispatch.continued import ContinuedStream
from server.routing.dispatch.dispatcher import Dispatcher, Surroundings
from server.routing.dispatch.errand import Errand
from server.routing.dispatch.live import LiveStream

__all__ = ["ContinuedStream", "Dispatcher", "Errand", "LiveStream", "Served", "Surroundings", "broken_stream"]
