"""What is refused before anything is read: depth, duplicates, and what is not JSON."""

import contextlib
import gc
import json
import random
import time

import pytest

from server.chat.scan import MAX_DEPTH, check_shape
from server.errors import RequestInvalid
from tests.unit.server.chat.bodies import Bodies

ACCEPTED = {
    "an empty object": b"{}",
    "a scalar": b"1",
    "as deep as allowed": b"[" * 64 + b"]" * 64,
    "many shallow brackets": b"[" + b",".join([b"[]"] * 500) + b"]",
    "brackets inside strings": json.dumps({"code": "[" * 200 + "{" * 200}).encode(),
    "equal names in different objects": b'{"a":{"a":1},"b":[{"a":1},{"a":2}]}',
    "colons inside strings": b'{"a:b":"c:d","e":":::"}',
    "colons as escapes": b'{"a\\u003ab":"\\u003A","c":"\\\\u003a","d":"\\\\\\u003a"}',
    "names that differ by case": b'{"a":1,"A":2}',
    "a number that no double holds": b'{"a":1e400,"b":-1e400,"c":123456789012345678901234567890}',
    "white space around everything": b' \t\r\n{ "a" : [ 1 , 2 ] } \n',
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_accepts(body: bytes) -> None:
    check_shape(body)


DUPLICATES = {
    "at the top": (b'{"a":1,"b":2,"a":3}', "a"),
    "with equal values": (b'{"a":1,"a":1}', "a"),
    "inside an object": (b'{"m":{"x":1,"x":2}}', "m.x"),
    "inside arrays": (b'{"messages":[{"role":"user"},{"role":"a","role":"b"}]}', "messages[1].role"),
    "inside nested arrays": (b'[[],[[{"k":1,"k":2}]]]', "[1][0][0].k"),
    "under two spellings": (b'{"name":1,"n\\u0061me":2}', "name"),
    "in a member that is itself overwritten": (b'{"a":{"b":1,"b":2},"a":3}', "a"),
    "beside escaped colons that make up for it": (b'{"a":1,"a":"\\u003a"}', "a"),
    "beside colons in strings": (b'{"a":":","a":"::"}', "a"),
    "beside a number that no double holds": (b'{"a":1e400,"a":1e400}', "a"),
    "of the empty name": (b'{"a":{"":1,"":2}}', "a."),
    "under a repeated member's sibling": (b'{"a":[{"b":0}],"c":{"d":[{"e":1,"e":":"}]}}', "c.d[0].e"),
}


@pytest.mark.parametrize(("body", "param"), DUPLICATES.values(), ids=DUPLICATES.keys())
def test_refuses_a_duplicate_and_tells_where(body: bytes, param: str) -> None:
    with pytest.raises(RequestInvalid) as refused:
        check_shape(body)
    assert refused.value.param == param
    assert "stands twice" in refused.value.message


DEEP = {
    "one level too many": b"[" * 65 + b"]" * 65,
    "objects": b'{"a":' * 65 + b"1" + b"}" * 65,
    "a hundred thousand, never closed": b"[" * 100_000,
    "a hundred thousand, closed": b"[" * 100_000 + b"]" * 100_000,
    "a hundred thousand objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "in one place of many": b"[" + b"[]," * 100 + b"[" * 64 + b"]" * 64 + b"]",
    "five hundred": b"[" * 500 + b"]" * 500,
}


@pytest.mark.parametrize("body", DEEP.values(), ids=DEEP.keys())
def test_refuses_deep_nesting(body: bytes) -> None:
    with pytest.raises(RequestInvalid, match=f"deeper than {MAX_DEPTH} levels") as refused:
        check_shape(body)
    assert refused.value.details == {"maxDepth": "64"}


def test_takes_another_depth() -> None:
    check_shape(b"[[1]]", max_depth=2)
    with pytest.raises(RequestInvalid, match="deeper than 1 levels"):
        check_shape(b"[[1]]", max_depth=1)


MALFORMED = {
    "nothing": b"",
    "a word": b"nonsense",
    "text cut short": b'{"a":',
    "an unbalanced quote": b'{"a":"b}',
    "a trailing comma": b'{"a":1,}',
    "trailing text": b"{} {}",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": "{}".encode("utf-16"),
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":-Infinity}',
    "a leading zero": b'{"a":01}',
    "a single quote": b"{'a':1}",
    "a control character in a string": b'{"a":"\n"}',
    "bytes that are not UTF-8": b'{"a":"\xff"}',
    "an overlong encoding": b'{"a":"\xc0\x80"}',
    "a surrogate in UTF-8": b'{"a":"\xed\xa0\x80"}',
    "half of a surrogate pair": b'{"a":"\\ud800"}',
    "a bad escape": b'{"a":"\\x"}',
    "only backslashes": b"\\" * 1_000_000,
    "only quotes": b'"' * 1_000_001,
    "an odd number of backslashes": b'["' + b"\\" * 1_000_001 + b'"]',
    "an integer of ten million digits": b"[" + b"9" * 10_000_000 + b"]",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_refuses_what_is_not_json(body: bytes) -> None:
    with pytest.raises(RequestInvalid, match="not JSON") as refused:
        check_shape(body)
    assert refused.value.param is None
    assert len(refused.value.message) < 200


def _shape(kind: str, size: int) -> bytes:
    """Hostile input of about that many bytes."""
    texts = {
        "distinct members": lambda: b"{" + b",".join(b'"k%d":1' % at for at in range(size // 10)) + b"}",
        "the same member": lambda: b"{" + b",".join([b'"k":1'] * (size // 6)) + b"}",
        "a late duplicate": lambda: b"[" + b'{"k":1},' * (size // 8) + b'{"k":1,"k":2}]',
        "nests as deep as allowed": lambda: b"[" + b",".join([b"[" * 63 + b"]" * 63] * (size // 127)) + b"]",
        "a long fraction": lambda: b"[0." + b"9" * size + b"]",
        "backslashes": lambda: b'["' + b"\\" * (size // 2 * 2) + b'"]',
        "escaped colons": lambda: b'["' + b"\\u003a" * (size // 6) + b'"]',
        "unbalanced brackets": lambda: b"[" * size,
    }
    return texts[kind]()


@pytest.mark.parametrize(
    "kind",
    [
        "distinct members",
        "the same member",
        "a late duplicate",
        "nests as deep as allowed",
        "a long fraction",
        "backslashes",
        "escaped colons",
        "unbalanced brackets",
    ],
)
def test_cost_is_linear_on_hostile_input(kind: str) -> None:
    def seconds(body: bytes) -> float:
        begin = time.process_time()
        with contextlib.suppress(RequestInvalid):
            check_shape(body)
        return time.process_time() - begin

    # The collector's work depends on what else lives in the process.
    gc.disable()
    try:
        small = min(seconds(_shape(kind, 50_000)) for _ in range(3))
        large = min(seconds(_shape(kind, 1_000_000)) for _ in range(2))
    finally:
        gc.enable()
    # 20 times the input: a quadratic scan would take 400 times as long.
    assert large < 100 * small + 0.2


def test_agrees_with_a_parser_that_sees_every_member() -> None:
    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("duplicate")
        return dict(pairs)

    source = random.Random(7)
    refusals = 0
    for seed in range(600):
        text = Bodies(seed).request().decode()
        if source.random() < 0.5:
            name = json.dumps(source.choice(["messages", "role", "zeta", "a:b"]), ensure_ascii=source.random() < 0.5)
            text = text.replace("{", f"{{{name}:{source.choice(['1', '[]'])},", source.randint(1, 3))
            text = text.replace(",}", "}")
        try:
            json.loads(text, object_pairs_hook=unique)
        except json.JSONDecodeError:
            continue
        except ValueError:
            refusals += 1
            with pytest.raises(RequestInvalid, match="stands twice"):
                check_shape(text.encode())
        else:
            check_shape(text.encode())
    assert refusals > 20
