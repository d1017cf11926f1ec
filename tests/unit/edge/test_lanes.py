"""Which lane a body takes, and how often one is made."""

from typing import Any

import pytest

from edge.lane import Lane
from edge.lanes import Head, Lanes
from edge.stream_lane import StreamLane


class Direct:
    """Counts how often it prepares; takes no metadata if it is told so."""

    max_bytes = 20

    def __init__(self, *, is_fit: bool = True) -> None:
        self.prepared = 0
        self.is_fit = is_fit

    def prepare(self, metadata: object) -> object | None:
        self.prepared += 1
        return self if self.is_fit else None


class Template:
    """What is asked of one."""

    text = "/v1/x"


class Binding:
    """What is asked of one."""

    framing = 0
    template = Template()


class Endpoint:
    """What is asked of one."""

    def __init__(self, direct: Direct | None, direct_stream: Direct | None, twin: "Endpoint | None") -> None:
        self.direct, self.direct_stream, self.twin = direct, direct_stream, twin
        self.binding, self.max_body_bytes = Binding(), 30


class Styles:
    """Knows one."""

    def of(self, *_: object) -> str:
        return ""


def lanes(whole: Direct, streamed: Direct | None, *, has_twin: bool = True) -> Lanes:
    twin: Any = Endpoint(None, streamed, None) if has_twin else None
    endpoint: Any = Endpoint(whole, None, twin)
    styles: Any = Styles()
    surroundings: Any = None
    return Lanes(endpoint, Head((), b"/v1/x", "", ()), styles, surroundings)


STREAM = b'{"stream":true}'
BODIES = {
    "nothing": (b"", type(None)),
    "a request": (b"{}", Lane),
    "the longest": (b"x" * 20, Lane),
    "one that is too long": (b"x" * 21, type(None)),
    "a stream": (STREAM, StreamLane),
    "a stream that is too long": (STREAM + b"      ", type(None)),
    "no stream": (b'{"stream":false}', Lane),
    "a stream that is none": (b'{"stream":1}', Lane),
}


@pytest.mark.parametrize("case", BODIES)
def test_a_body_takes_its_lane(case: str) -> None:
    body, kind = BODIES[case]
    made = lanes(Direct(), Direct())
    lane = made.of(body)
    assert type(lane) is kind
    assert made.of(body) is lane


def test_what_metadata_say_is_worked_out_once_for_each_lane_and_not_before_it_is_wanted() -> None:
    whole, streamed = Direct(), Direct()
    made = lanes(whole, streamed)
    for body in (STREAM, STREAM):
        made.of(body)
    assert (whole.prepared, streamed.prepared) == (0, 1)
    for body in (b"{}", b"[]"):
        made.of(body)
    assert (whole.prepared, streamed.prepared) == (1, 1)


def test_there_is_no_lane_where_the_channel_has_no_such_way() -> None:
    assert lanes(Direct(), None).of(STREAM) is None
    assert lanes(Direct(), Direct(is_fit=False)).of(STREAM) is None
    assert lanes(Direct(is_fit=False), Direct()).of(b"{}") is None
    assert type(lanes(Direct(), Direct(), has_twin=False).of(STREAM)) is Lane
