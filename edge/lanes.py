"""What requests with one head can be served by, where nothing of it but the body differs: a lane for each kind of body.

Made for the first request with a head that may be served so, kept for those behind it. A lane that is made differs in
nothing from one that was kept.
"""

from collections.abc import Container
from typing import Any

from msgspec import Struct

from edge.calls import Endpoint
from edge.cycle import Lane as AnyLane
from edge.intake import wants_stream
from edge.lane import Lane, Surroundings
from edge.sse import framing_of
from edge.stream_lane import StreamLane
from edge.styles import Styles
from edge.transcoder.headers import Metadata


class Head(Struct, frozen=True):
    """What a head says: metadata, the path as it came, `te`, and the names of its headers."""

    metadata: Metadata
    raw_path: bytes
    te: str
    names: Container[bytes]


class Lanes:
    """The lanes of one head, made as bodies come that want them."""

    __slots__ = ("_around", "_endpoint", "_head", "_streamed", "_styles", "_whole")

    def __init__(self, endpoint: Endpoint, head: Head, styles: Styles, around: Surroundings) -> None:
        """`endpoint` is that of bodies which want no stream."""
        self._endpoint = endpoint
        self._head = head
        self._styles = styles
        self._around = around
        self._whole: AnyLane | None = None
        self._streamed: AnyLane | None = None

    def of(self, body: bytes) -> AnyLane | None:
        """What serves a request with this body; None where it has to go the usual way."""
        twin = self._endpoint.twin
        if twin is not None and wants_stream(body):
            lane = self._streamed = self._streamed or self._stream_lane(twin)
        else:
            lane = self._whole = self._whole or self._lane()
        return lane if lane is not None and 0 < len(body) <= lane.max_bytes else None

    def _lane(self) -> Lane | None:
        endpoint, head = self._endpoint, self._head
        direct = endpoint.direct
        prepared: Any = None if direct is None else direct.prepare(head.metadata)
        if direct is None or prepared is None:
            return None
        route = endpoint.binding.template.text
        max_bytes = min(endpoint.max_body_bytes, direct.max_bytes)
        style = self._styles.of(endpoint.binding, head.raw_path, head.names)
        return Lane(endpoint, route, direct, prepared, max_bytes, style, head.te, self._around)

    def _stream_lane(self, endpoint: Endpoint) -> StreamLane | None:
        head, direct = self._head, endpoint.direct_stream
        prepared: Any = None if direct is None else direct.prepare(head.metadata)
        if direct is None or prepared is None:
            return None
        route = endpoint.binding.template.text
        max_bytes = min(endpoint.max_body_bytes, direct.max_bytes)
        style = self._styles.of(endpoint.binding, head.raw_path, head.names)
        framing = framing_of(endpoint.binding.framing)
        return StreamLane(endpoint, route, direct, prepared, max_bytes, framing, style, head.te, self._around)
