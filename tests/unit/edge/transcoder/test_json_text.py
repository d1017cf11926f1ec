"""JSON text: what is refused beyond the syntax, and that refusing is cheap."""

import time

import pytest

from edge.transcoder.faults import TranscodeError
from edge.transcoder.json_text import check_depth, parse_json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param(b"{}", {}, id="an empty object"),
        pytest.param(b' {"b":1,"a":[true,false,null]}\n', {"b": 1, "a": [True, False, None]}, id="white space around"),
        pytest.param(b"123456789012345678901234567890", 123456789012345678901234567890, id="an integer beyond 64 bits"),
        pytest.param(b"9007199254740993", 9007199254740993, id="an integer beyond 53 bits"),
        pytest.param(b"1.0", 1.0, id="a fraction of zero"),
        pytest.param(rb'"\ud83d\ude00"', "😀", id="a surrogate pair"),
        pytest.param('"é世"'.encode(), "é世", id="raw UTF-8"),
        pytest.param(b'[{"a":1},{"a":2}]', [{"a": 1}, {"a": 2}], id="one name in two objects"),
        pytest.param(b"[" * 64 + b"]" * 64, None, id="64 levels"),
        pytest.param(b'["' + b"[" * 500 + b'"]', ["[" * 500], id="brackets in a string"),
        pytest.param(b'["\\"' + b"[" * 500 + b'"]', ['"' + "[" * 500], id="brackets after an escaped quote"),
        pytest.param(b"[" + b",".join([b"[]"] * 500) + b"]", [[]] * 500, id="many brackets side by side"),
    ],
)
def test_json_is_read(text: bytes, value: object) -> None:
    parsed = parse_json(text)
    if value is not None:
        assert parsed == value
        assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("text", "complaint", "param"),
    [
        pytest.param(b"", "not valid JSON", None, id="nothing"),
        pytest.param(b"{", "not valid JSON", None, id="an unclosed object"),
        pytest.param(b'{"a":1,}', "not valid JSON", None, id="a trailing comma"),
        pytest.param(b"{} {}", "not valid JSON", None, id="two values"),
        pytest.param(b"{'a':1}", "not valid JSON", None, id="single quotes"),
        pytest.param(b'"\n"', "not valid JSON", None, id="a raw newline in a string"),
        pytest.param(b"\xef\xbb\xbf{}", "not valid JSON", None, id="a byte-order mark"),
        pytest.param(b"[NaN]", "NaN is not a JSON number", None, id="NaN"),
        pytest.param(b"-Infinity", "-Infinity is not a JSON number", None, id="an infinity"),
        pytest.param(b"[1e400]", "1e400 is out of range", None, id="a number above all doubles"),
        pytest.param(b"1" * 5000, "too many digits", None, id="an integer of 5000 digits"),
        pytest.param(b'"\xff"', "not valid UTF-8", None, id="a byte that is not UTF-8"),
        pytest.param('{"a":1}'.encode("utf-16"), "not valid UTF-8", None, id="UTF-16"),
        pytest.param(rb'["\ud800"]', "unpaired surrogate", None, id="an unpaired high surrogate"),
        pytest.param(rb'{"\uDC00":1}', "unpaired surrogate", None, id="an unpaired low surrogate in a name"),
        pytest.param(b'{"a":1,"b":2,"a":3}', "given twice", "a", id="a duplicate member"),
        pytest.param(b'[{"x":{"y":1,"y":1}}]', "given twice", "y", id="a duplicate member deep inside"),
        pytest.param(rb'{"a":1,"\u0061":1}', "given twice", "a", id="a duplicate member spelt with an escape"),
        pytest.param(b"[" * 65 + b"]" * 65, "more than 64 levels", None, id="65 levels"),
        pytest.param(b'{"a":' * 65 + b"1" + b"}" * 65, "more than 64 levels", None, id="65 levels of objects"),
        pytest.param(b"[" * 100_000, "more than 64 levels", None, id="100,000 levels"),
    ],
)
def test_json_is_refused(text: bytes, complaint: str, param: str | None) -> None:
    with pytest.raises(TranscodeError, match=complaint) as caught:
        parse_json(text)
    assert (caught.value.http_status, caught.value.reason, caught.value.param) == (400, "REQUEST_INVALID", param)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"[]" * 65 + b'"' + rb"\"" * 500_000, id="an unterminated string of escaped quotes"),
        pytest.param(b"[]" * 65 + b'"' + b"\\" * 1_000_001, id="an unterminated string of backslashes"),
        pytest.param(b"[]" * 500_000, id="half a million arrays"),
    ],
)
def test_the_depth_is_found_in_linear_time(text: bytes) -> None:
    began_s = time.process_time()
    check_depth(text)
    assert time.process_time() - began_s < 2.0


def test_the_limit_is_the_callers() -> None:
    check_depth(b"[[]]", 2)
    with pytest.raises(TranscodeError, match="more than 1 levels"):
        check_depth(b"[[]]", 1)
