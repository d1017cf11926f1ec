"""Requests are built from path, query and body, in that order of precedence."""

from collections.abc import Sequence

import pytest
from google.protobuf import json_format

from edge.transcoder.faults import TranscodeError
from edge.transcoder.profile import PERPETUO
from edge.transcoder.request import compile_request, is_raw_body
from edge.transcoder.rule import BindingError, read_rules
from tests.unit.edge.protos import compile_protos
from tests.unit.edge.transcoder.shelf import method

JSON = "application/json"


def build(
    rule: str, values: Sequence[str] = (), query: str = "", body: str = "", *, presets: str = ""
) -> dict[str, object]:
    options = f"option (google.api.http) = {{ {rule} }};" + (
        f'option (perpetuo.rest.v1.bindings) = {{ selector: "POST /a" {presets} }};' if presets else ""
    )
    bound = method(options)
    made = compile_request(read_rules(bound)[0], bound.input_type, PERPETUO)(
        values, query.encode(), body.encode(), JSON
    )
    shown: dict[str, object] = json_format.MessageToDict(made, preserving_proto_field_name=True)
    return shown


WHOLE = 'post: "/a" body: "*"'


@pytest.mark.parametrize(
    ("rule", "values", "query", "body", "expected"),
    [
        pytest.param('get: "/a/{id}"', ["x"], "count=1", "", {"id": "x", "count": 1}, id="path and query"),
        pytest.param('get: "/a/{id}"', ["x"], "id=y", "", {"id": "x"}, id="the query never touches the path's"),
        pytest.param('get: "/a/{id}"', ["x"], "", '{"count":1}', {"id": "x"}, id="a body without a rule is not read"),
        pytest.param('get: "/a/{id}"', ["x"], "", "not JSON", {"id": "x"}, id="not even looked at"),
        pytest.param(
            'get: "/{inner.name}/{inner.deeper.size}"',
            ["x", "3"],
            "",
            "",
            {"inner": {"name": "x", "deeper": {"size": 3}}},
            id="nested fields in the path",
        ),
        pytest.param(
            'get: "/{at}"', ["2026-01-01T00:00:00Z"], "", "", {"at": "2026-01-01T00:00:00Z"}, id="a time in the path"
        ),
        pytest.param('get: "/{color}"', ["red"], "", "", {"color": "COLOR_RED"}, id="an enum in the path"),
        pytest.param(WHOLE, [], "id=q", '{"id":"b"}', {"id": "b"}, id="a whole body ignores the query"),
        pytest.param(WHOLE, [], "", "", {}, id="an empty body is an empty object"),
        pytest.param(
            'post: "/{id}" body: "*"', ["p"], "", '{"id":"b","count":1}', {"id": "p", "count": 1}, id="path beats body"
        ),
        pytest.param(
            'post: "/{mask}" body: "*"',
            ["a"],
            "",
            '{"mask":"b,c"}',
            {"mask": "a"},
            id="path replaces body, also in messages",
        ),
        pytest.param(
            'post: "/{left}" body: "*"', ["p"], "", '{"right":1}', {"left": "p"}, id="path beats body in a oneof"
        ),
        pytest.param(
            'post: "/a" body: "inner"',
            [],
            "id=q&inner.size=1",
            '{"name":"b"}',
            {"id": "q", "inner": {"name": "b"}},
            id="a field as body, the rest from the query",
        ),
        pytest.param('post: "/a" body: "inner"', [], "", "", {}, id="an empty body leaves its field unset"),
        pytest.param('post: "/a" body: "inner"', [], "", "{}", {"inner": {}}, id="an empty object sets it"),
        pytest.param('post: "/a" body: "tags"', [], "", '["a","b"]', {"tags": ["a", "b"]}, id="a list as body"),
        pytest.param('post: "/a" body: "labels"', [], "", '{"a":"b"}', {"labels": {"a": "b"}}, id="a map as body"),
        pytest.param('post: "/a" body: "count"', [], "", "5", {"count": 5}, id="a number as body"),
        pytest.param(
            'post: "/a" body: "at"',
            [],
            "",
            '"2026-01-01T00:00:00Z"',
            {"at": "2026-01-01T00:00:00Z"},
            id="a time as body",
        ),
        pytest.param(
            'post: "/{inner.name}" body: "inner"',
            ["p"],
            "",
            '{"name":"b","size":1}',
            {"inner": {"name": "p", "size": 1}},
            id="the path reaches into the body",
        ),
        pytest.param(
            'post: "/a" body: "raw"',
            [],
            "id=q",
            "not JSON",
            {"id": "q", "raw": {"content_type": JSON, "data": "bm90IEpTT04="}},
            id="a raw body is bytes",
        ),
    ],
)
def test_a_request_is_built(rule: str, values: list[str], query: str, body: str, expected: dict[str, object]) -> None:
    assert build(rule, values, query, body) == expected


@pytest.mark.parametrize(
    ("rule", "values", "query", "body", "param", "problem"),
    [
        (
            'get: "/{count}"',
            ["x"],
            "",
            "",
            "count",
            "count in the path takes an integer from -2147483648 to 2147483647.",
        ),
        ('get: "/{inner.size}"', [""], "", "", "inner.size", "inner.size in the path takes an integer"),
        ('get: "/{id}"', ["x"], "count=x", "", "count", "The query parameter count takes an integer"),
        (WHOLE, [], "", '{"inner":{"size":"x"}}', "inner.size", "Expected an integer"),
        ('post: "/a" body: "inner"', [], "", '{"size":"x"}', "size", "Expected an integer"),
        (WHOLE, [], "", "null", None, "Expected an object"),
        (WHOLE, [], "", "[]", None, "Expected an object"),
        (WHOLE, [], "", " ", None, "not valid JSON"),
        (WHOLE, [], "", "[" * 70, None, "nested more than 64 levels"),
        (WHOLE, [], "", '{"nope":1}', "nope", "Unknown member"),
    ],
)
def test_a_bad_request_names_what_is_wrong(
    rule: str, values: list[str], query: str, body: str, param: str | None, problem: str
) -> None:
    with pytest.raises(TranscodeError, match=problem) as caught:
        build(rule, values, query, body)
    assert (caught.value.http_status, caught.value.param) == (400, param)


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        (
            'presets { field: "color" value: "COLOR_BLUE" }',
            {"id": "b", "count": 1, "color": "COLOR_BLUE"},
        ),
        (
            'presets { field: "flag" value: "true" } presets { field: "count" value: "7" }',
            {"id": "b", "count": 7, "color": "COLOR_RED", "flag": True},
        ),
        ('presets { field: "id" value: "" }', {"count": 1, "color": "COLOR_RED"}),
    ],
)
def test_presets_go_before_everything(preset: str, expected: dict[str, object]) -> None:
    assert build(WHOLE, [], "", '{"id":"b","count":1,"color":"red"}', presets=preset) == expected
    assert build('post: "/a"', [], "id=b&count=1&color=red", presets=preset) == expected


def test_a_preset_that_does_not_fit_is_refused_at_start() -> None:
    with pytest.raises(BindingError, match="POST /a: preset 'count' takes an integer"):
        build(WHOLE, presets='presets { field: "count" value: "many" }')


def test_a_whole_raw_body_is_bytes() -> None:
    bound = method('option (google.api.http) = { post: "/a" body: "*" };', ask="google.api.HttpBody")
    (rule,) = read_rules(bound)
    assert is_raw_body(rule, bound.input_type)
    made = compile_request(rule, bound.input_type, PERPETUO)((), b"", b"\x00", "image/png")
    assert json_format.MessageToDict(made) == {"contentType": "image/png", "data": "AA=="}


PATCHED = """
service S { rpc Change(Thing) returns (Thing) { option (google.api.http) = { patch: "/a/{id}" body: "*" }; } }
message Thing {
  string id = 1;
  string full_name = 2;
  repeated string models = 3;
  google.protobuf.FieldMask update_mask = 4;
}
"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param("", {"id": "x"}, id="no body names nothing, and leaves the mask out"),
        pytest.param("{}", {"id": "x", "update_mask": ""}, id="an empty body names nothing"),
        pytest.param(
            '{"full_name":"n"}', {"id": "x", "full_name": "n", "update_mask": "fullName"}, id="what is there is named"
        ),
        pytest.param(
            '{"models":[],"fullName":null}',
            {"id": "x", "update_mask": "models,fullName"},
            id="an empty array and null are named too, in either spelling",
        ),
        pytest.param(
            '{"full_name":"n","update_mask":"models"}',
            {"id": "x", "full_name": "n", "update_mask": "models"},
            id="a mask of the caller's own stays",
        ),
    ],
)
def test_a_patch_names_what_its_body_has(body: str, expected: dict[str, object]) -> None:
    imports = "".join(f'import "google/{name}.proto";' for name in ("api/annotations", "protobuf/field_mask"))
    service = compile_protos(f'syntax = "proto3"; package t; {imports} {PATCHED}').FindServiceByName("t.S")
    bound = service.methods_by_name["Change"]
    made = compile_request(read_rules(bound)[0], bound.input_type, PERPETUO)(["x"], b"", body.encode(), JSON)
    assert json_format.MessageToDict(made, preserving_proto_field_name=True) == expected
