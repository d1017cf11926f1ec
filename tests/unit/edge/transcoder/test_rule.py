"""Rules are read from options, and every mistake in them is named at start."""

import pytest
from msgspec.structs import replace
from perpetuo.rest.v1 import annotations_pb2

from edge.transcoder.rule import BindingError, header_twin_of, read_rules, rule_for_twin, twin_of
from tests.unit.edge.transcoder.shelf import call, method, service

HTTP = "option (google.api.http)"
REST = "option (perpetuo.rest.v1"


def test_every_binding_of_a_method_is_read_in_order() -> None:
    rules = read_rules(
        method(
            f'{HTTP} = {{ get: "/a/{{id}}"'
            ' additional_bindings { post: "/b:do" body: "inner" response_body: "inners" }'
            ' additional_bindings { custom { kind: "PURGE" path: "/c" } } };'
        )
    )
    assert [(rule.http_method, rule.template.text, rule.body, rule.response_body) for rule in rules] == [
        ("GET", "/a/{id}", "", ""),
        ("POST", "/b:do", "inner", "inners"),
        ("PURGE", "/c", "", ""),
    ]
    assert rules[0].source == "test.proto: test.v1.ShelfService.Call: GET /a/{id}"
    assert rules[0].envelope == annotations_pb2.ENVELOPE_NONE


def test_a_method_without_a_rule_has_none() -> None:
    assert read_rules(method("")) == []


def test_what_a_binding_does_differently_is_found_by_its_selector() -> None:
    first, second = read_rules(
        method(
            f'{HTTP} = {{ post: "/a" body: "*" additional_bindings {{ post: "/b" body: "*" }} }};'
            f'{REST}.bindings) = {{ selector: "POST /b" envelope: ENVELOPE_SUCCESS_DATA'
            ' presets { field: "color" value: "COLOR_RED" } };'
        )
    )
    assert (first.envelope, first.presets) == (annotations_pb2.ENVELOPE_NONE, ())
    assert (second.envelope, second.presets) == (annotations_pb2.ENVELOPE_SUCCESS_DATA, (("color", "COLOR_RED"),))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        pytest.param(f'{HTTP} = {{ get: "/a/" }};', "GET /a/: path template '/a/'", id="a bad template"),
        pytest.param(f'{HTTP} = {{ body: "*" }};', "a binding without a path", id="no path"),
        pytest.param(
            f'{HTTP} = {{ get: "/a" additional_bindings {{ body: "*" }} }};',
            "a binding without a path",
            id="an additional one without",
        ),
        pytest.param(
            f'{HTTP} = {{ get: "/a" additional_bindings {{ get: "/b" additional_bindings {{ get: "/c" }} }} }};',
            "additional_bindings inside additional_bindings",
            id="bindings two levels deep",
        ),
        pytest.param(
            f'{HTTP} = {{ get: "/{{nope}}" }};', "path variable 'nope': test.v1.Ask has no field", id="no such field"
        ),
        pytest.param(
            f'{HTTP} = {{ get: "/{{inner}}" }};', "path variable 'inner' is a message", id="a message in the path"
        ),
        pytest.param(
            f'{HTTP} = {{ get: "/{{tags}}" }};', "path variable 'tags' is repeated", id="a repeated field in the path"
        ),
        pytest.param(
            f'{HTTP} = {{ get: "/{{labels}}" }};', "path variable 'labels' is repeated", id="a map in the path"
        ),
        pytest.param(
            f'{HTTP} = {{ get: "/{{inners.name}}" }};', "path variable 'inners.name'", id="a path through a list"
        ),
        pytest.param(
            f'{HTTP} = {{ post: "/a" body: "nope" }};', "body 'nope': test.v1.Ask has no such field", id="no such body"
        ),
        pytest.param(f'{HTTP} = {{ post: "/a" body: "inner.name" }};', "body 'inner.name'", id="a nested body"),
        pytest.param(
            f'{HTTP} = {{ get: "/a" response_body: "nope" }};',
            "response_body 'nope': test.v1.Answer has no such field",
            id="no such response body",
        ),
        pytest.param(
            f'{HTTP} = {{ get: "/a" }}; {REST}.bindings) = {{ selector: "GET /b" }};',
            "no binding is 'GET /b'",
            id="a selector of nothing",
        ),
        pytest.param(
            f'{REST}.bindings) = {{ selector: "GET /b" }};', "no binding is 'GET /b'", id="a selector without a rule"
        ),
        pytest.param(
            f'{HTTP} = {{ get: "/a" }}; {REST}.bindings) = {{ selector: "GET /a" }};'
            f' {REST}.bindings) = {{ selector: "GET /a" }};',
            "two (perpetuo.rest.v1.bindings) select 'GET /a'",
            id="a selector twice",
        ),
        pytest.param(
            f'{HTTP} = {{ get: "/a" }}; {REST}.bindings) = {{ selector: "GET /a" presets {{ field: "nope" }} }};',
            "preset 'nope': test.v1.Ask has no such field",
            id="a preset of nothing",
        ),
        pytest.param(
            f'{HTTP} = {{ get: "/a" }}; {REST}.bindings) = {{ selector: "GET /a" presets {{ field: "tags" }} }};',
            "preset 'tags' is not a scalar or an enum",
            id="a preset of a list",
        ),
    ],
)
def test_a_mistake_is_named_with_file_and_method(options: str, problem: str) -> None:
    with pytest.raises(BindingError) as caught:
        read_rules(method(options))
    assert str(caught.value).startswith("test.proto: test.v1.ShelfService.Call: ")
    assert problem in str(caught.value)


def test_a_client_stream_cannot_be_bound() -> None:
    with pytest.raises(BindingError, match="a client stream has no HTTP mapping"):
        read_rules(method(f'{HTTP} = {{ post: "/a" body: "*" }};', ask="stream Ask"))


def test_a_streaming_twin_is_found() -> None:
    methods = service(
        call(
            f'{HTTP} = {{ post: "/a/{{id}}" body: "raw" response_body: "raw" }}; {REST}.stream_twin) = "Twin";',
            ask="RawAsk",
        ),
        call("", ask="RawAsk", answer="stream Batch", name="Twin"),
    ).methods
    twin = twin_of(methods[0])
    assert twin is not None
    assert twin.name == "Twin"
    (rule,) = read_rules(methods[0])
    assert rule_for_twin(rule, twin) == replace(rule, response_body="")
    assert twin_of(methods[1]) is None


@pytest.mark.parametrize(
    ("methods", "problem"),
    [
        pytest.param(
            [call(f'{REST}.stream_twin) = "Nope";')], "'Nope' is not a server-streaming method", id="no such method"
        ),
        pytest.param(
            [call(f'{REST}.stream_twin) = "Call";')],
            "'Call' is not a server-streaming method",
            id="one that does not stream",
        ),
        pytest.param(
            [
                call(f'{REST}.stream_twin) = "Twin";', answer="stream Answer"),
                call("", answer="stream Answer", name="Twin"),
            ],
            "a method that streams cannot have a stream_twin",
            id="a twin of a stream",
        ),
    ],
)
def test_a_wrong_twin_is_refused(methods: list[str], problem: str) -> None:
    with pytest.raises(BindingError, match=problem):
        twin_of(service(*methods).methods[0])


def test_a_twin_takes_the_same_request_fields() -> None:
    methods = service(
        call(f'{HTTP} = {{ post: "/a" body: "inner" }}; {REST}.stream_twin) = "Twin";'),
        call("", ask="RawAsk", answer="stream Batch", name="Twin"),
    ).methods
    twin = twin_of(methods[0])
    assert twin is not None
    with pytest.raises(BindingError, match=r"body 'inner': test.v1.RawAsk has no such field"):
        rule_for_twin(read_rules(methods[0])[0], twin)


def test_a_method_for_requests_with_a_header_is_found() -> None:
    options = f'{REST}.header_twin) = {{ header: "x-kind" method: "Other" }};'
    methods = service(call(options), call("", name="Other")).methods_by_name
    found = header_twin_of(methods["Call"])
    assert found is not None
    assert (found[0], found[1].name) == (b"x-kind", "Other")
    assert header_twin_of(methods["Other"]) is None


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        pytest.param('header: "x-kind" method: "Nobody"', "is not a unary method of the same service", id="nobody"),
        pytest.param('header: "x-kind" method: "Streams"', "is not a unary method of the same service", id="a stream"),
        pytest.param('method: "Other"', "needs the name of a header in lower case", id="no header"),
        pytest.param('header: "X-Kind" method: "Other"', "needs the name of a header in lower case", id="capitals"),
    ],
)
def test_a_mistake_in_it_is_named_at_start(option: str, problem: str) -> None:
    methods = service(
        call(f"{REST}.header_twin) = {{ {option} }};"),
        call("", name="Other"),
        call("", name="Streams", answer="stream Answer"),
    ).methods_by_name
    with pytest.raises(BindingError, match=problem):
        header_twin_of(methods["Call"])
