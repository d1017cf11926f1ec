"""Messages into JSON: held against json_format, and the documented REST's own rules."""

import json
import math
import struct
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.transcoder.field_rules import CodecError
from edge.transcoder.json_decode import compile_decoder
from edge.transcoder.json_encode import Writers, compile_encoder, compile_field_encoder
from edge.transcoder.json_text import parse_json
from edge.transcoder.profile import CANONICAL, PERPETUO
from tests.unit.edge.protos import message_class
from tests.unit.edge.transcoder.everything import POOL, descriptor
from tests.unit.edge.transcoder.random_messages import messages

EVERYTHING: Any = message_class(POOL, "test.v1.Everything")
OPTIONS: Any = message_class(POOL, "test.v1.Options")
ENCODE = compile_encoder(descriptor(), CANONICAL)
ENCODE_OURS = compile_encoder(descriptor(), PERPETUO)
ENCODE_OPTIONS = compile_encoder(descriptor("Options"), PERPETUO)


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(message=messages(descriptor()))
def test_proto3_json_means_what_json_format_prints(message: Message) -> None:
    theirs = json_format.MessageToDict(message, descriptor_pool=POOL)
    assert json.loads(ENCODE(message)) == json.loads(json.dumps(theirs))


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(message=messages(descriptor()))
def test_what_the_documented_rest_prints_is_read_back_whole(message: Message) -> None:
    again = compile_decoder(descriptor(), PERPETUO)(parse_json(ENCODE_OURS(message)))
    mine = json_format.MessageToDict(message, descriptor_pool=POOL)
    assert json_format.MessageToDict(again, descriptor_pool=POOL) == mine


@settings(max_examples=500, deadline=None)
@given(value=st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_single_is_printed_shortest_and_reads_back_the_same(value: float) -> None:
    printed = json.loads(ENCODE(EVERYTHING(float_wrapper={"value": value})))["floatWrapper"]
    assert struct.pack("<f", printed) == struct.pack("<f", value)
    assert digits_of(printed) <= digits_of(value)


def digits_of(value: float) -> int:
    """How many digits it takes to write a number, not counting zeros at its ends."""
    return len(Decimal(repr(value)).normalize().as_tuple().digits)


def test_zero_and_empty_values_are_present_and_absent_ones_are_not() -> None:
    printed = json.loads(ENCODE_OURS(EVERYTHING()))
    implicit = {field.name for field in descriptor().fields if not field.has_presence}
    assert set(printed) == implicit
    assert printed["int64_value"] == 0
    assert printed["bool_value"] is False
    assert printed["string_value"] == printed["bytes_value"] == ""
    assert printed["strings"] == []
    assert printed["counts"] == {}
    assert printed["policy"] == "unspecified"


@pytest.mark.parametrize(
    ("message", "member", "printed"),
    [
        pytest.param(
            EVERYTHING(int64_value=2**53 + 1), "int64_value", "9007199254740993", id="a number beyond doubles"
        ),
        pytest.param(
            EVERYTHING(uint64_value=2**64 - 1), "uint64_value", "18446744073709551615", id="the highest number"
        ),
        pytest.param(EVERYTHING(policy=2), "policy", '"24h"', id="a short enum name"),
        pytest.param(EVERYTHING(policy=99), "policy", "99", id="an enum number without a name"),
        pytest.param(EVERYTHING(loose=1), "loose", '"one"', id="an enum name without a prefix"),
        pytest.param(EVERYTHING(double_value=math.nan), "double_value", '"NaN"', id="NaN"),
        pytest.param(EVERYTHING(float_value=-math.inf), "float_value", '"-Infinity"', id="an infinity"),
        pytest.param(EVERYTHING(float_value=0.1), "float_value", "0.1", id="a single in its shortest form"),
        pytest.param(EVERYTHING(by_bool={True: b"a"}), "by_bool", '{"true":"YQ=="}', id="a map with boolean keys"),
        pytest.param(EVERYTHING(by_int32={-1: "x"}), "by_int32", '{"-1":"x"}', id="a map with integer keys"),
        pytest.param(EVERYTHING(maybe_int32=0), "maybe_int32", "0", id="a zero that was set"),
        pytest.param(EVERYTHING(time={"seconds": 1}), "time", '"1970-01-01T00:00:01Z"', id="a time"),
        pytest.param(EVERYTHING(mask={"paths": ["a_b", "c"]}), "mask", '"a_b,c"', id="a field mask in proto names"),
        pytest.param(
            EVERYTHING(string_value="é\u2028"), "string_value", '"é\u2028"', id="text that is not escaped away"
        ),
    ],
)
def test_a_value_is_printed_as_the_documented_rest_has_it(message: Message, member: str, printed: str) -> None:
    assert f'"{member}":{printed}' in ENCODE_OURS(message).decode()


def test_members_stand_in_the_order_of_declaration() -> None:
    printed = json.loads(ENCODE_OURS(EVERYTHING(any={}, nested={}, maybe_int32=1)))
    declared = [field.name for field in descriptor().fields]
    assert list(printed) == [name for name in declared if name in printed]


def test_options_are_obeyed() -> None:
    message = OPTIONS(schema=b'{"z" : 1.0, "a":[1e2]}', calls=[b"null"], cost=1_234_567_891)
    message.extra.add(key="vendor", json=b"[1.50]")
    message.extra.add(key="schema", json=b'"shadowed"')
    assert ENCODE_OPTIONS(message) == (
        b'{"schema":{"z" : 1.0, "a":[1e2]},"calls":[null],"cost_usd":1.234567891,"refusal":null,"last_used_at":null,'
        b'"vendor":[1.50]}'
    )


def test_null_gives_way_to_a_value_and_is_told_in_both_profiles() -> None:
    message = OPTIONS(refusal="", last_used_at={"seconds": 0})
    assert b'"refusal":"","last_used_at":"1970-01-01T00:00:00Z"' in ENCODE_OPTIONS(message)
    canonical = json.loads(compile_encoder(descriptor("Options"), CANONICAL)(OPTIONS()))
    assert canonical == {"refusal": None, "lastUsedAt": None}


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(OPTIONS(schema=b'{"a":1'), id="raw JSON that is cut"),
        pytest.param(OPTIONS(schema=b'1,"admin":true'), id="raw JSON that reaches beyond its place"),
        pytest.param(OPTIONS(schema=b"\xff"), id="raw JSON that is not UTF-8"),
        pytest.param(OPTIONS(last_used_at={"nanos": -1}), id="a time out of range"),
    ],
)
def test_a_message_without_a_json_form_is_a_defect(message: Message) -> None:
    with pytest.raises(ValueError, match=r"."):
        ENCODE_OPTIONS(message)


def test_an_any_of_an_unknown_type_is_a_defect() -> None:
    with pytest.raises(ValueError, match="not known here"):
        ENCODE_OURS(EVERYTHING(any={"type_url": "x/nope.Nope"}))


@pytest.mark.parametrize(
    ("field", "message", "printed"),
    [
        pytest.param("nested", EVERYTHING(nested={"maybe_int32": 1}), {"maybe_int32": 1}, id="a message"),
        pytest.param("nested", EVERYTHING(), None, id="a message that is not set"),
        pytest.param("strings", EVERYTHING(strings=["a"]), ["a"], id="an array"),
        pytest.param("strings", EVERYTHING(), [], id="an empty array"),
        pytest.param("counts", EVERYTHING(counts={"a": 1}), {"a": 1}, id="a map"),
        pytest.param("string_value", EVERYTHING(string_value="foo"), "foo", id="a string"),
        pytest.param("int64_value", EVERYTHING(int64_value=5), 5, id="a number"),
    ],
)
def test_an_answer_can_be_one_field(field: str, message: Message, printed: object) -> None:
    answer = json.loads(compile_field_encoder(descriptor().fields_by_name[field], PERPETUO)(message))
    if isinstance(printed, dict) and field == "nested":
        assert answer["maybe_int32"] == 1
        assert "nested" not in answer
    else:
        assert answer == printed


def test_what_writers_have_is_not_compiled_again_and_writes_the_same() -> None:
    writers = Writers(PERPETUO)
    compile_encoder(descriptor(), PERPETUO, writers)
    assert writers.writer(descriptor()) is writers.writer(descriptor())
    message = EVERYTHING(int32_value=7, children=[EVERYTHING(string_value="x")])
    assert compile_encoder(descriptor(), PERPETUO, writers)(message) == ENCODE_OURS(message)


def test_a_type_that_has_no_json_is_refused_each_time() -> None:
    writers = Writers(PERPETUO)
    for _ in range(2):
        with pytest.raises(CodecError):
            compile_encoder(descriptor("Union"), PERPETUO, writers)
