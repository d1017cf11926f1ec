"""Bindings are compiled from descriptors, ready to serve, or refused at start."""

import pytest
from google.protobuf import json_format
from perpetuo.rest.v1 import annotations_pb2

from edge.transcoder.binding import Binding, BindingError, build_router, load_bindings
from edge.transcoder.profile import PERPETUO
from edge.transcoder.router import Match
from tests.unit.edge.transcoder.shelf import call, service

RAW = call(
    """option (google.api.http) = { post: "/raw/{id}" body: "raw" response_body: "raw" };
    option (perpetuo.rest.v1.stream_twin) = "Twin";
    option (perpetuo.rest.v1.access) = ACCESS_KEY;
    option (perpetuo.rest.v1.schema) = { request: "Ask" response: "Answer" };""",
    ask="RawAsk",
)
TWIN = call(
    "option (perpetuo.rest.v1.access) = ACCESS_KEY; option (perpetuo.rest.v1.framing) = FRAMING_SSE_DONE;",
    ask="RawAsk",
    answer="stream Batch",
    name="Twin",
)
PLAIN = call(
    """option (google.api.http) = { get: "/a/{id}" additional_bindings { post: "/b" body: "*" } };
    option (perpetuo.rest.v1.access) = ACCESS_USER;
    option (perpetuo.rest.v1.bindings) = { selector: "POST /b" envelope: ENVELOPE_SUCCESS_DATA };""",
    name="Plain",
)


def load(*methods: str, require_access: bool = False) -> list[Binding]:
    return load_bindings([service(*methods)], PERPETUO, require_access=require_access)


def test_every_binding_is_loaded() -> None:
    bindings = load(RAW, TWIN, PLAIN, require_access=True)
    assert [(each.rpc, each.http_method, each.template.text) for each in bindings] == [
        ("/test.v1.ShelfService/Call", "POST", "/raw/{id}"),
        ("/test.v1.ShelfService/Plain", "GET", "/a/{id}"),
        ("/test.v1.ShelfService/Plain", "POST", "/b"),
    ]
    assert [(each.has_body, each.has_raw_body, each.is_wrapped) for each in bindings] == [
        (True, True, False),
        (False, False, False),
        (True, False, True),
    ]


def test_the_options_of_a_method_are_kept() -> None:
    (binding,) = load(RAW, TWIN)
    assert binding.access == annotations_pb2.ACCESS_KEY
    assert (binding.schema.request, binding.schema.response) == ("Ask", "Answer")
    assert not binding.is_server_streaming
    assert binding.raw is not None
    assert binding.source == "test.proto: test.v1.ShelfService.Call: POST /raw/{id}"


def test_a_twin_is_bound_by_the_same_rule() -> None:
    (binding,) = load(RAW, TWIN)
    twin = binding.twin
    assert twin is not None
    assert (twin.rpc, twin.is_server_streaming, twin.framing) == (
        "/test.v1.ShelfService/Twin",
        True,
        annotations_pb2.FRAMING_SSE_DONE,
    )
    assert twin.template is binding.template
    request = twin.build(("x",), b"", b"{}", "application/json")
    assert isinstance(request, twin.request_class)
    assert json_format.MessageToDict(request) == {
        "id": "x",
        "raw": {"contentType": "application/json", "data": "e30="},
    }
    answer = json_format.ParseDict({"events": ["e30="]}, twin.response_class())
    assert list(twin.events(answer)) == [b"{}"]


def test_a_request_finds_its_binding_and_builds() -> None:
    found = build_router(load(RAW, TWIN, PLAIN)).match("GET", b"/a/x%2Fy")
    assert isinstance(found, Match)
    request = found.target.build(found.values, b"count=2", b"", "")
    assert json_format.MessageToDict(request) == {"id": "x/y", "count": 2}


def test_an_answer_is_encoded_in_its_envelope() -> None:
    wrapped = load(PLAIN)[1]
    answer = json_format.ParseDict({"id": "a"}, wrapped.response_class())
    assert wrapped.encode(answer) == b'{"success":true,"data":{"id":"a","big":0,"inners":[]}}'
    assert list(wrapped.events(answer)) == [b'{"id":"a","big":0,"inners":[]}']


def test_equal_bindings_are_refused_by_name() -> None:
    one = call('option (google.api.http) = { get: "/a/{id}" };')
    other = call('option (google.api.http) = { get: "/a/{left}" };', name="Other")
    with pytest.raises(BindingError) as caught:
        build_router(load(one, other))
    assert str(caught.value) == (
        "test.proto: test.v1.ShelfService.Call: GET /a/{id} and "
        "test.proto: test.v1.ShelfService.Other: GET /a/{left} match the same paths"
    )


@pytest.mark.parametrize(
    ("methods", "problem"),
    [
        pytest.param(
            [call('option (google.api.http) = { get: "/a" };')], "Call does not say who may call it", id="a method"
        ),
        pytest.param(
            [RAW, call("", ask="RawAsk", answer="stream Batch", name="Twin")],
            "Twin does not say who may call it",
            id="a twin",
        ),
    ],
)
def test_access_can_be_required(methods: list[str], problem: str) -> None:
    assert load(*methods)
    with pytest.raises(BindingError, match=problem):
        load(*methods, require_access=True)


def test_a_header_twin_is_bound_by_the_same_path() -> None:
    options = PLAIN.replace(
        "option (perpetuo.rest.v1.access)",
        'option (perpetuo.rest.v1.header_twin) = { header: "x-kind" method: "Call" }; option (perpetuo.rest.v1.access)',
        1,
    )
    other = call("option (perpetuo.rest.v1.error_style) = ERROR_STYLE_TYPED;")
    for binding in load(options, other):
        assert binding.header_twin is not None
        header, twin = binding.header_twin
        assert (header, twin.rpc, twin.template) == (b"x-kind", "/test.v1.ShelfService/Call", binding.template)
        assert twin.error_style == annotations_pb2.ERROR_STYLE_TYPED
