"""JSON into messages: held against json_format, every deviation listed."""

from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings

from edge.transcoder.faults import TranscodeError
from edge.transcoder.field_rules import CodecError
from edge.transcoder.json_decode import compile_decoder, compile_field_decoder, compile_merger
from edge.transcoder.json_text import parse_json
from edge.transcoder.profile import CANONICAL, PERPETUO
from tests.unit.edge.protos import message_class
from tests.unit.edge.transcoder.everything import POOL, descriptor
from tests.unit.edge.transcoder.json_values import DEVIATIONS, JSON_VALUES, kind_of_field
from tests.unit.edge.transcoder.random_messages import messages

EVERYTHING = message_class(POOL, "test.v1.Everything")
DECODE = compile_decoder(descriptor(), CANONICAL)
DECODE_OURS = compile_decoder(descriptor(), PERPETUO)
DECODE_OPTIONS: Any = compile_decoder(descriptor("Options"), PERPETUO)


def reference(text: str) -> Message | None:
    """What json_format makes of the text; None if it refuses it."""
    try:
        return json_format.Parse(text, EVERYTHING(), descriptor_pool=POOL)
    except json_format.ParseError:
        return None


def ours(text: str) -> Message | None:
    try:
        return DECODE(parse_json(text.encode()))
    except TranscodeError:
        return None


def bytes_of(message: Message) -> bytes:
    """A form in which NaN equals itself."""
    return message.SerializeToString(deterministic=True)


@pytest.mark.parametrize("field", list(descriptor().fields), ids=lambda field: field.name)
def test_every_value_in_every_field_is_read_as_json_format_does_but_for_the_listed_deviations(
    field: FieldDescriptor,
) -> None:
    deviating = set()
    for value in JSON_VALUES:
        text = f'{{"{field.json_name}":{value}}}'
        theirs, mine = reference(text), ours(text)
        if theirs is not None and mine is not None:
            assert bytes_of(mine) == bytes_of(theirs), text
        else:
            assert mine is None, f"only we take {text}"
            deviating |= {value} if theirs is not None else set()
    assert deviating == set(DEVIATIONS.get(kind_of_field(field), ()))


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(message=messages(descriptor()))
def test_what_json_format_prints_is_read_back(message: Message) -> None:
    text = json_format.MessageToJson(message, descriptor_pool=POOL, indent=None)
    assert bytes_of(DECODE(parse_json(text.encode()))) == bytes_of(message)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(message=messages(descriptor()))
def test_proto_names_are_read_as_well(message: Message) -> None:
    text = json_format.MessageToJson(message, descriptor_pool=POOL, indent=None, preserving_proto_field_name=True)
    assert bytes_of(DECODE_OURS(parse_json(text.encode()))) == bytes_of(DECODE(parse_json(text.encode())))


@pytest.mark.parametrize(
    ("text", "param", "complaint"),
    [
        pytest.param('{"nope":1}', "nope", "Unknown member", id="an unknown member"),
        pytest.param('{"nested":{"nope":1}}', "nested.nope", "Unknown member", id="an unknown member inside"),
        pytest.param('{"[test.v1.ext]":1}', "[test.v1.ext]", "Unknown member", id="an extension"),
        pytest.param(
            '{"children":[{},{"nested":{"int32_value":"x"}}]}',
            "children[1].nested.int32_value",
            "Expected an integer",
            id="a value deep inside",
        ),
        pytest.param('{"int64s":[1,2,"x"]}', "int64s[2]", "Expected an integer", id="an array element"),
        pytest.param('{"counts":{"a":null}}', "counts.a", "got null", id="null in a map"),
        pytest.param(
            '{"by_name":{"a":{"bool_value":1}}}', "by_name.a.bool_value", "Expected a boolean", id="inside a map"
        ),
        pytest.param('{"strings":["a",null]}', "strings[1]", "got null", id="null in an array"),
        pytest.param('{"children":[null]}', "children[0]", "got null", id="null for a message in an array"),
        pytest.param('{"int32Value":1,"int32_value":1}', "int32_value", "under two spellings", id="two spellings"),
        pytest.param('{"choiceInt64":1,"choiceString":"a"}', "choiceString", "excludes", id="two of a oneof"),
        pytest.param('{"nested":[]}', "nested", "Expected an object, got an array", id="an array for a message"),
        pytest.param('{"nested":""}', "nested", "Expected an object, got a string", id="a string for a message"),
        pytest.param('{"strings":"a"}', "strings", "Expected an array, got a string", id="a string for an array"),
        pytest.param('{"counts":[]}', "counts", "Expected an object, got an array", id="an array for a map"),
        pytest.param("[]", None, "Expected an object, got an array", id="an array for the body"),
        pytest.param("null", None, "Expected an object, got null", id="null for the body"),
        pytest.param('"x"', None, "Expected an object, got a string", id="a string for the body"),
        pytest.param('{"any":{"@type":"x/nope.Nope"}}', "any", "Unknown type", id="an unknown type in Any"),
        pytest.param('{"any":{"value":1}}', "any", "@type", id="an Any without a type"),
        pytest.param(
            '{"any":{"@type":"x/google.protobuf.Duration","value":"3"}}',
            "any.value",
            "a duration",
            id="a bad value in Any",
        ),
        pytest.param(
            '{"any":{"@type":"x/google.protobuf.Duration","seconds":3}}',
            "any",
            "alone",
            id="members beside a value in Any",
        ),
        pytest.param('{"any":{"@type":"x/test.v1.Union"}}', "any", "Unknown type", id="a union in Any"),
        pytest.param('{"struct":{"a":1,"b":[]},"time":5}', "time", "Expected a time", id="a number for a time"),
    ],
)
def test_a_refusal_names_the_member_and_what_was_expected(text: str, param: str | None, complaint: str) -> None:
    with pytest.raises(TranscodeError) as caught:
        DECODE_OURS(parse_json(text.encode()))
    assert (caught.value.http_status, caught.value.reason, caught.value.param) == (400, "REQUEST_INVALID", param)
    assert complaint in caught.value.message
    assert param is None or f"`{param}`" in caught.value.message


def test_a_refusal_never_repeats_the_value() -> None:
    with pytest.raises(TranscodeError) as caught:
        DECODE_OURS({"int32_value": "sk-secret", "policy": "sk-secret"})
    assert "secret" not in caught.value.message


def test_an_unpaired_surrogate_that_came_past_the_text_layer_is_refused() -> None:
    with pytest.raises(TranscodeError, match="unpaired surrogate"):
        DECODE_OURS({"string_value": "\ud800"})


def test_options_are_obeyed() -> None:
    message = DECODE_OPTIONS(
        parse_json(
            b'{"schema":{"z":1.0,"a":36893488147419103232},"calls":[null,"x"],"cost_usd":0.25,"new":{"b":1,"a":2}}'
        )
    )
    assert message.schema == b'{"z":1.0,"a":36893488147419103232}'
    assert list(message.calls) == [b"null", b'"x"']
    assert message.cost == 250_000_000
    assert [(extra.key, extra.json) for extra in message.extra] == [("new", b'{"b":1,"a":2}')]


def test_a_field_with_a_declared_member_is_read_by_its_own_names_too() -> None:
    assert DECODE_OPTIONS({"cost": 1}).cost == 1_000_000_000
    with pytest.raises(TranscodeError, match="under two spellings"):
        DECODE_OPTIONS({"cost": 1, "cost_usd": 1})


def test_the_field_of_unknown_members_is_not_a_member_itself() -> None:
    assert [(extra.key, extra.json) for extra in DECODE_OPTIONS({"extra": []}).extra] == [("extra", b"[]")]


def test_presence_is_kept() -> None:
    message: Any = DECODE_OURS({"maybe_int32": 0, "maybe_string": None, "nested": {}, "empty": {}})
    assert message.HasField("maybe_int32")
    assert not message.HasField("maybe_string")
    assert message.HasField("nested")
    assert message.HasField("empty")


def test_merging_leaves_what_the_body_does_not_name() -> None:
    message: Any = EVERYTHING(string_value="kept", int32_value=1)
    compile_merger(descriptor(), PERPETUO)(message, {"int32_value": 2})
    assert (message.string_value, message.int32_value) == ("kept", 2)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        pytest.param("nested", {"int32_value": 5}, {"nested": {"int32_value": 5}}, id="a message"),
        pytest.param("nested", {}, {"nested": {}}, id="an empty message is present"),
        pytest.param("strings", ["a", "b"], {"strings": ["a", "b"]}, id="an array"),
        pytest.param("counts", {"a": 1}, {"counts": {"a": "1"}}, id="a map"),
        pytest.param("int64_value", 5, {"int64_value": "5"}, id="a scalar"),
        pytest.param("nested", None, {}, id="null is absence"),
        pytest.param("value", None, {"value": None}, id="null is a Value"),
    ],
)
def test_a_body_can_be_one_field(field: str, value: object, expected: dict[str, object]) -> None:
    message = EVERYTHING()
    compile_field_decoder(descriptor().fields_by_name[field], PERPETUO)(message, value)
    assert json_format.MessageToDict(message, preserving_proto_field_name=True) == expected


def test_the_path_in_a_field_body_starts_at_the_body() -> None:
    with pytest.raises(TranscodeError) as caught:
        compile_field_decoder(descriptor().fields_by_name["children"], PERPETUO)(EVERYTHING(), [{}, {"nope": 1}])
    assert caught.value.param == "[1].nope"


def test_a_union_is_refused_when_it_is_compiled() -> None:
    with pytest.raises(CodecError):
        compile_decoder(descriptor("Union"), PERPETUO)
