"""Answers become bytes: whole, one field, raw, in an envelope, and as events."""

import pytest
from google.protobuf import json_format, message_factory

from edge.transcoder.answer import compile_answer, compile_events, compile_raw, is_batch
from edge.transcoder.profile import CANONICAL, PERPETUO
from edge.transcoder.rule import read_rules
from tests.unit.edge.transcoder.shelf import message, method

WRAPPED = 'option (perpetuo.rest.v1.bindings) = { selector: "GET /a" envelope: ENVELOPE_SUCCESS_DATA };'


def plain(response_body: str = "", extra: str = "", answer: str = "Answer") -> str:
    return f'option (google.api.http) = {{ get: "/a" response_body: "{response_body}" }}; {extra}'


@pytest.mark.parametrize(
    ("response_body", "extra", "value", "expected"),
    [
        pytest.param("big", "", {"big": 2**53 + 1}, b"9007199254740993", id="a number alone"),
        pytest.param("id", "", {}, b'""', id="an empty string alone"),
        pytest.param("inner", "", {}, b"null", id="an absent message alone"),
        pytest.param(
            "inner", "", {"inner": {"tags": ["a"]}}, b'{"name":"","size":0,"tags":["a"]}', id="a message alone"
        ),
        pytest.param("inners", "", {}, b"[]", id="an empty list alone"),
        pytest.param(
            "inners", "", {"inners": [{"name": "a"}]}, b'[{"name":"a","size":0,"tags":[]}]', id="a list alone"
        ),
        pytest.param("", "", {"id": "a"}, b'{"id":"a","big":0,"inners":[]}', id="the whole message"),
        pytest.param("", WRAPPED, {"id": "a"}, b'{"success":true,"data":{"id":"a","big":0,"inners":[]}}', id="wrapped"),
        pytest.param("id", WRAPPED, {"id": "a"}, b'{"success":true,"data":"a"}', id="one field wrapped"),
        pytest.param("raw", "", {"raw": {"data": "AP8="}}, b"\x00\xff", id="raw bytes"),
    ],
)
def test_an_answer_is_encoded(response_body: str, extra: str, value: dict[str, object], expected: bytes) -> None:
    bound = method(plain(response_body, extra))
    made = json_format.ParseDict(value, message_factory.GetMessageClass(bound.output_type)())
    assert compile_answer(read_rules(bound)[0], bound.output_type, PERPETUO)(made) == expected


def test_the_canonical_profile_is_obeyed() -> None:
    bound = method(plain("big"))
    made = json_format.ParseDict({"big": 3}, message_factory.GetMessageClass(bound.output_type)())
    assert compile_answer(read_rules(bound)[0], bound.output_type, CANONICAL)(made) == b'"3"'


@pytest.mark.parametrize(("response_body", "is_raw"), [("raw", True), ("inner", False), ("", False), ("inners", False)])
def test_a_raw_answer_gives_its_content_type(response_body: str, is_raw: bool) -> None:
    bound = method(plain(response_body))
    raw = compile_raw(read_rules(bound)[0], bound.output_type)
    assert (raw is not None) is is_raw
    if raw is not None:
        value = {"raw": {"content_type": "text/csv", "data": "YWJj"}}
        made = json_format.ParseDict(value, message_factory.GetMessageClass(bound.output_type)())
        assert (raw(made).content_type, raw(made).data) == ("text/csv", b"abc")


def test_a_method_that_answers_raw_bytes_alone() -> None:
    bound = method(plain(), answer="google.api.HttpBody")
    raw = compile_raw(read_rules(bound)[0], bound.output_type)
    made = message_factory.GetMessageClass(bound.output_type)()
    assert raw is not None
    assert raw(made).data == b""


@pytest.mark.parametrize(
    ("answer", "response_body", "value", "expected"),
    [
        pytest.param("Batch", "", {"events": ["e30=", "MQ=="]}, [b"{}", b"1"], id="a batch is several events"),
        pytest.param("Batch", "", {}, [], id="an empty batch is none"),
        pytest.param("Blobs", "", {"blobs": ["AA=="]}, [b'{"blobs":["AA=="]}'], id="other bytes are a message"),
        pytest.param("Answer", "inner", {"inner": {"name": "a"}}, [b'{"name":"a","size":0,"tags":[]}'], id="one field"),
        pytest.param("Answer", "raw", {"raw": {"data": "YWJj"}}, [b"abc"], id="raw bytes"),
    ],
)
def test_a_message_of_a_stream_is_its_events(
    answer: str, response_body: str, value: dict[str, object], expected: list[bytes]
) -> None:
    bound = method(plain(response_body, WRAPPED), answer=f"stream {answer}")
    made = json_format.ParseDict(value, message_factory.GetMessageClass(bound.output_type)())
    assert list(compile_events(read_rules(bound)[0], bound.output_type, PERPETUO)(made)) == expected


@pytest.mark.parametrize(("name", "expected"), [("Batch", True), ("Blobs", False), ("Answer", False), ("Inner", False)])
def test_only_repeated_raw_json_alone_is_a_batch(name: str, expected: bool) -> None:
    assert is_batch(message(name)) is expected
