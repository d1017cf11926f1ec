"""What is said to be plain has each of its members once and no others than its view, and leaves almost untouched."""

import json
import random
from collections.abc import Callable, Iterator

import msgspec
import pytest

from server.chat.counted import is_plain
from server.chat.request import parse_chat_request, upstream_body
from server.chat.scan import check_shape
from server.chat.view import ChatView
from server.errors import RequestInvalid
from tests.unit.server.chat.bodies import Bodies

HELLO = b'{"role":"user","content":"Hello"}'


def told(body: bytes) -> bool:
    return is_plain(body, msgspec.json.decode(body, type=ChatView))


PLAIN = {
    "the least": b'{"messages":[' + HELLO + b"]}",
    "as most clients write it": json.dumps(
        {"model": "m", "messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}], "n": 1}
    ).encode(),
    "colons in texts": b'{"model":"ft:gpt:x","messages":[{"role":"user","content":"a: b, {\\"c\\": [1]}"}]}',
    "a long text without colons": b'{"messages":[{"role":"user","content":"' + b"word " * 10_000 + b'"}]}',
    "a long text with colons": b'{"messages":[{"role":"user","content":"' + b"word: " * 10_000 + b'"}]}',
    "members that few send": (
        b'{"user":"u","messages":[' + HELLO + b'],"top_p":1,"seed":7,"stop":"x","n":null,"stream":false}'
    ),
    "colons beside members that few send": b'{"seed":7,"messages":[{"role":"user","content":"a: b"}],"top_p":0.5}',
    "a long text with colons and more than ASCII": (
        '{"messages":[{"role":"user","content":"' + "wörd: " * 1_000 + '"}]}'
    ).encode(),
    "white space everywhere": b' { "messages" : [ { "role" : "user" , "content" : "x" } ] , "stream" : true } ',
    "a stream that tells its usage": b'{"messages":[' + HELLO + b'],"stream_options":{"include_usage":true}}',
    "a name that is written with escapes": b'{"messages":[{"r\\u006fle":"user","content":"x"}]}',
    "text that is not ASCII": '{"messages":[{"role":"user","content":"日本: é 👍"}]}'.encode(),
}

NOT_TOLD = {
    "a member twice": b'{"n":1,"messages":[' + HELLO + b'],"n":1}',
    "a member twice beside a colon in a text": b'{"n":1,"messages":[{"role":"user","content":":"}],"n":1}',
    "a member twice beside a colon that is an escape": (
        b'{"n":1,"messages":[{"role":"user","content":"\\u003a"}],"n":1}'
    ),
    "a member twice beside a colon that is an escape, in the model": (
        b'{"n":1,"model":"\\u003A","messages":[' + HELLO + b'],"n":1}'
    ),
    "a member that few send, twice": b'{"seed":1,"messages":[' + HELLO + b'],"seed":1}',
    "a member twice beside one that few send": b'{"stream":true,"messages":[' + HELLO + b'],"seed":1,"stream":true}',
    "a member of a message beside one that is left out": (
        b'{"messages":[{"role":"user","content":"x","name":"y"}],"temperature":1}'
    ),
    "colons in a member that few send": b'{"user":"a:b","messages":[' + HELLO + b"]}",
    "a name that holds colons": b'{"a:b":1,"messages":[' + HELLO + b"]}",
    "the messages twice": b'{"messages":[{"role":"user","content":"::"}],"messages":[{"role":"user","content":":"}]}',
    "a content twice": b'{"messages":[{"role":"user","content":"::","content":":"}]}',
    "a role under two spellings": b'{"messages":[{"role":"user","r\\u006fle":"user","content":""}]}',
    "an option twice": b'{"messages":[' + HELLO + b'],"stream_options":{"include_usage":true,"include_usage":true}}',
    "an unknown member": b'{"messages":[' + HELLO + b'],"x":1}',
    "an unknown member of a message": b'{"messages":[{"role":"user","content":"","x":1}]}',
    "an unknown option": b'{"messages":[' + HELLO + b'],"stream_options":{"x":1}}',
    "a message that only one vendor knows": b'{"messages":[{"role":"user","content":"","reasoning_details":[[]]}]}',
    "text that is not UTF-8 in a member that nobody reads": b'{"messages":[' + HELLO + b'],"x":"\xff"}',
    "parts": b'{"messages":[{"role":"user","content":[{"type":"text","text":""}]}]}',
    "a tool's message": b'{"messages":[{"role":"tool","content":"","tool_call_id":"a"}]}',
    "a tool's message without its call": b'{"messages":[{"role":"tool","content":""}]}',
    "a tool": b'{"messages":[' + HELLO + b'],"tools":[{"type":"x"}]}',
    "labels": b'{"messages":[' + HELLO + b'],"metadata":{"a":"b"}}',
}


@pytest.mark.parametrize("body", PLAIN.values(), ids=PLAIN.keys())
def test_is_told(body: bytes) -> None:
    assert told(body)
    check_shape(body)


@pytest.mark.parametrize("body", NOT_TOLD.values(), ids=NOT_TOLD.keys())
def test_is_not_told(body: bytes) -> None:
    assert not told(body)


def _mutated(source: random.Random) -> Iterator[bytes]:
    """Plain requests, into each of which some text was put at some place."""
    texts = ("", ":", '"', "a:b", "\\u003a", "\\\\", '\\":', "{[", "né", "::::")
    put = (
        b'"n":1,',
        b'"content":"",',
        b'"x":"a:b",',
        b'"role":"user",',
        b" ",
        b":",
        b'"n\\u003a":1,',
        b'"seed":1,',
        b'"temperature":1,"max_tokens":5,',
        b'"stream":true,',
        b'"user":":",',
        b'{"a":1}',
        b",1",
    )
    for _ in range(6_000):
        said = [f'{{"role":"user","content":"{source.choice(texts)}"}}' for _ in range(source.randint(1, 3))]
        body = f'{{"n":1,"model":"{source.choice(texts)}","messages":[{",".join(said)}]}}'.encode()
        for _ in range(source.randint(0, 2)):
            at = source.choice([place for place, byte in enumerate(body) if byte in b'{,}[]:"']) + source.randint(0, 1)
            body = body[:at] + source.choice(put) + body[at:]
        yield body


def _refusal(read: Callable[[bytes], object], body: bytes) -> str:
    try:
        read(body)
    except RequestInvalid as refusal:
        return refusal.message
    return ""


def test_whatever_is_plain_passes_the_look_at_its_shape_and_nothing_else_is_spared_it() -> None:
    plain = refused = 0
    for body in (*_mutated(random.Random(11)), *(Bodies(seed).request() for seed in range(400))):
        of_shape, of_request = _refusal(check_shape, body), _refusal(parse_chat_request, body)
        if of_shape:
            refused += 1
            assert of_request == of_shape
        elif not of_request and parse_chat_request(body).is_plain:
            plain += 1
            assert parse_chat_request(body).members.keys() <= set(ChatView.__struct_fields__)
    assert min(plain, refused) > 400


SPLICED = {
    "the model first": (b'{"model":"a","messages":[%b]}', b'{"model":"b","messages":[%b]}'),
    "the model last": (b'{"messages":[%b], "model": "a" }', b'{"messages":[%b], "model":"b" }'),
    "the name in a text": (
        b'{"messages":[{"role":"user","content":"\\"model\\":\\"a\\""},%b],"model":"a"}',
        b'{"messages":[{"role":"user","content":"\\"model\\":\\"a\\""},%b],"model":"b"}',
    ),
    "the name with an escape": (b'{"mod\\u0065l":"a","messages":[%b]}', b'{"model":"b","messages":[%b]}'),
    "the model with an escape": (b'{"model":"\\u0061","messages":[%b]}', b'{"model":"b","messages":[%b]}'),
    "much white space": (b'{"model"  :  "a","messages":[%b]}', b'{"model":"b","messages":[%b]}'),
    "no model": (b'{"messages":[%b]}', b'{"model":"b","messages":[%b]}'),
    "null for a model": (b'{"messages":[%b],"model":null}', b'{"messages":[%b],"model":"b"}'),
}


@pytest.mark.parametrize(("sent", "arrives"), SPLICED.values(), ids=SPLICED.keys())
def test_of_a_plain_request_only_the_models_name_changes(sent: bytes, arrives: bytes) -> None:
    hello = b'{"role":"user", "content":"Hi"}'
    request = parse_chat_request(sent % hello)
    assert request.is_plain
    assert upstream_body(request, model="b", include_usage=False) == arrives % hello


def test_a_plain_request_for_the_model_that_it_names_is_sent_as_it_came() -> None:
    request = parse_chat_request(b' { "messages": [ {"role": "user", "content": "x"} ], "model": "a" } ')
    assert upstream_body(request, model="a", include_usage=False) is request.body


def test_a_plain_stream_asks_for_its_usage_at_its_end() -> None:
    request = parse_chat_request(b'{"model":"a","messages":[{"role":"user","content":"}"}],"stream":true}\n')
    assert upstream_body(request, model="b", include_usage=True) == (
        b'{"model":"b","messages":[{"role":"user","content":"}"}],"stream":true,"stream_options":{"include_usage":true}}'
    )


def test_names_are_found_with_and_without_looking_at_the_members() -> None:
    for body in (b'{"messages":[%b],"max_tokens":1}', b'{"messages":[%b],"max_tokens":1,"x":1}'):
        assert parse_chat_request(body % HELLO).named({"max_tokens", "tools", "stop"}) == {"max_tokens"}


@pytest.mark.parametrize(
    ("body", "renamed"),
    [
        (b'{"messages":[%b],"n": 1}', b'{"messages":[%b],"m": 1}'),
        (b'{"user":"n","n":1,"messages":[%b]}', b'{"user":"n","m":1,"messages":[%b]}'),
        (b'{"messages":[%b],"n" :1}', None),
        (b'{"messages":[%b]}', None),
    ],
    ids=["the last", "beside a text like it", "one that is spelled otherwise", "one that is not there"],
)
def test_a_member_gets_another_name_where_it_stands(body: bytes, renamed: bytes | None) -> None:
    text = b'{"role":"user","content":"\\"n\\":"}'
    request = parse_chat_request(body % text)
    found = request.with_renamed("n", "m")
    assert (None if found is None else found.body) == (None if renamed is None else renamed % text)
    assert request.body == body % text
