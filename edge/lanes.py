"""What requests with one head can be served by, where nothing of it but the body differs: a lane for each kind of body.

Made for the first request with a head that may be served so, kept for those behind it. A lane that is made differs in
nothing from one that was kept.
"""

from typing import Any, Final

from msgspec import Struct

from edge.calls import Endpoint
from edge.cycle import Lane as AnyLane
from edge.direct import Direct, DirectStream
from edge.intake import wants_stream
from edge.lane import Lane, Surroundings
from edge.sse import framing_of
from edge.stream_lane import StreamLane
from edge.styles import Style, Styles
from edge.transcoder.headers import Metadata

_OK: Final = 200
MOST_KEPT: Final = 64
_MAX_KEPT_CHARS: Final = 2 * 1024


class Head(Struct, frozen=True):
    """What a head says: metadata, the path as it came, `te`, and the names of its headers."""

    metadata: Metadata
    raw_path: bytes
    te: str
    names: tuple[bytes, ...]


class Lanes:
    """The lanes of one head, made as bodies come that want them."""

    __slots__ = ("_around", "_endpoint", "_head", "_streamed", "_styles", "_twin", "_whole")

    def __init__(self, endpoint: Endpoint, head: Head, styles: Styles, around: Surroundings) -> None:
        """`endpoint` is that of bodies which want no stream."""
        self._endpoint = endpoint
        self._twin = endpoint.twin
        self._head = head
        self._styles = styles
        self._around = around
        self._whole: AnyLane | None = None
        self._streamed: AnyLane | None = None

    def of(self, body: bytes) -> AnyLane | None:
        """What serves a request with this body; None where it has to go the usual way."""
        twin = self._twin
        if twin is not None and wants_stream(body):
            lane = self._streamed = self._streamed or self._stream_lane(twin)
        elif (lane := self._whole) is None:
            lane = self._whole = self._lane()
        return lane if body and lane is not None and len(body) <= lane.max_bytes else None

    def _lane(self) -> Lane | None:
        direct = self._endpoint.direct
        known = None if direct is None else self._known(self._endpoint, direct)
        if direct is None or known is None:
            return None
        metrics, rule = self._around.metrics, self._endpoint.binding.rule
        took_s = metrics.kept_s(rule.http_method, rule.template.text, _OK)
        return Lane(*known, direct, metrics, took_s)

    def _stream_lane(self, endpoint: Endpoint) -> StreamLane | None:
        direct = endpoint.direct_stream
        known = None if direct is None else self._known(endpoint, direct)
        if direct is None or known is None:
            return None
        return StreamLane(*known, direct, framing_of(endpoint.binding.framing))

    def _known(
        self, endpoint: Endpoint, direct: Direct | DirectStream
    ) -> tuple[Endpoint, str, Any, int, Style, str, Surroundings] | None:
        """What every lane of this head is made of; None where the channel takes no such calls directly."""
        head, binding = self._head, endpoint.binding
        prepared: Any = direct.prepare(head.metadata)
        if prepared is None:
            return None
        max_bytes = min(endpoint.max_body_bytes, direct.max_bytes)
        style = self._styles.of(binding, head.raw_path, head.names)
        return endpoint, binding.template.text, prepared, max_bytes, style, head.te, self._around


class KeptLanes:
    """The lanes of the heads that came last, whatever connection they came by: a new one finds what was worked out.

    Nothing is decided by what is kept: who calls is asked for each call, and metadata tell the address that it came
    from. Heads that are long are not kept.
    """

    __slots__ = ("_around", "_kept", "_styles")

    def __init__(self, styles: Styles, around: Surroundings) -> None:
        self._styles = styles
        self._around = around
        self._kept: dict[tuple[int, Metadata, bytes, str, tuple[bytes, ...]], Lanes] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, endpoint: Endpoint, head: Head) -> Lanes:
        """The lanes of a head; `endpoint`, of which there is one as long as this is used, serves it."""
        kept, key = self._kept, (id(endpoint), head.metadata, head.raw_path, head.te, head.names)
        lanes = kept.pop(key, None)
        if lanes is None:
            lanes = Lanes(endpoint, head, self._styles, self._around)
            if sum(len(name) + len(value) for name, value in head.metadata) > _MAX_KEPT_CHARS:
                return lanes
            if len(kept) >= MOST_KEPT:
                del kept[next(iter(kept))]
        kept[key] = lanes
        return lanes
