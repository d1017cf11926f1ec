"""Which lane a body takes, and how often one is made."""

from typing import Any

import pytest

from edge.lane import Lane
from edge.lanes import MOST_KEPT, Head, KeptLanes, Lanes
from edge.metrics import HttpMetrics
from edge.stream_lane import StreamLane
from tests.unit.edge.test_lane import JSON, gateway, request


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


class Rule:
    """What is asked of one."""

    http_method = "POST"
    template = Template()


class Binding:
    """What is asked of one."""

    framing = 0
    template = Template()
    rule = Rule()


class Around:
    """What is asked of surroundings."""

    def __init__(self) -> None:
        self.metrics = HttpMetrics()


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
    surroundings: Any = Around()
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


KEY: Any = (("authorization", "Bearer gw_1"), ("x-forwarded-for", "10.0.0.1"))
USUAL = Head(KEY, b"/v1/x", "", (b"host", b"authorization"))
OTHER_HEADS = {
    "another key": Head((("authorization", "Bearer gw_2"), KEY[1]), b"/v1/x", "", USUAL.names),
    "another address": Head((KEY[0], ("x-forwarded-for", "10.0.0.2")), b"/v1/x", "", USUAL.names),
    "another path": Head(KEY, b"/v1/X", "", USUAL.names),
    "trailers": Head(KEY, b"/v1/x", "trailers", USUAL.names),
    "one more header": Head(KEY, b"/v1/x", "", (*USUAL.names, b"anthropic-version")),
}


def kept_lanes() -> tuple[KeptLanes, Any, Direct]:
    styles: Any = Styles()
    surroundings: Any = Around()
    whole = Direct()
    return KeptLanes(styles, surroundings), Endpoint(whole, None, None), whole


def test_a_head_that_comes_by_another_connection_is_worked_out_already() -> None:
    kept, endpoint, whole = kept_lanes()
    for _ in range(3):
        again = Head(tuple(KEY), b"/v1/x", "", (b"host", b"authorization"))
        assert type(kept.of(endpoint, again).of(b"{}")) is Lane
    assert (whole.prepared, len(kept)) == (1, 1)


@pytest.mark.parametrize("case", OTHER_HEADS)
def test_a_head_shares_nothing_with(case: str) -> None:
    kept, endpoint, whole = kept_lanes()
    first = kept.of(endpoint, USUAL)
    other = kept.of(endpoint, OTHER_HEADS[case])
    assert first is not other
    assert kept.of(endpoint, USUAL) is first
    another: Any = Endpoint(whole, None, None)
    assert kept.of(another, USUAL) is not first


def test_so_many_heads_are_kept_and_the_one_that_came_longest_ago_makes_room() -> None:
    kept, endpoint, _ = kept_lanes()
    heads = [Head((("a", str(number)),), b"/v1/x", "", ()) for number in range(MOST_KEPT + 1)]
    made = [kept.of(endpoint, head) for head in heads[:-1]]
    assert kept.of(endpoint, heads[0]) is made[0]
    kept.of(endpoint, heads[-1])
    assert len(kept) == MOST_KEPT
    assert kept.of(endpoint, heads[0]) is made[0]
    assert kept.of(endpoint, heads[1]) is not made[1]


def test_a_long_head_is_not_kept() -> None:
    kept, endpoint, _ = kept_lanes()
    kept.of(endpoint, Head((("a", "b" * 3_000),), b"/v1/x", "", ()))
    assert len(kept) == 0


@pytest.mark.parametrize("body", [b"{}", b'{"at once":1}', b'{"stream":true}'])
async def test_a_key_that_is_no_longer_good_is_refused_on_a_connection_to_come(body: bytes) -> None:
    asked = request(b"authorization: Bearer gw_1", *JSON, body=body)
    async with gateway(is_direct=True) as started:
        answers = []
        for known in ({"gw_1"}, {"gw_1"}, set[str](), {"gw_1"}):
            started.keys.known = known
            async with started.connected() as client:
                answers.append((await client.ask(asked)).split(b" ", 2)[1])
        assert answers == [b"200", b"200", b"401", b"200"]
