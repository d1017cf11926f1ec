"""What is read from answers and chunks, and what is put into them."""

import json

import msgspec
import pytest

from server.chat.answer import (
    AnswerFacts,
    ChunkFacts,
    GatewayMetadata,
    Identity,
    finish_answer,
    finish_chunk,
    identify_chunk,
    peek_answer,
    peek_chunk,
    with_metadata,
)
from server.chat.usage import Usage
from server.errors import UpstreamBadResponse
from tests.unit.server.chat.bodies import split_members

USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 30,
    "total_tokens": 130,
    "prompt_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 6, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 10},
}
METADATA = GatewayMetadata("gpt-4o-mini", "simple", 0.000012, 234, False, "openai", "req_1", "default", 1)
METADATA_JSON = (
    b'"gateway_metadata":{"routed_to":"gpt-4o-mini","complexity":"simple","cost_usd":0.000012,"latency_ms":234,'
    b'"cache_hit":false,"provider":"openai","request_id":"req_1","strategy":"default","attempts":1}'
)


def answer(message: object, **members: object) -> bytes:
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({"id": "chatcmpl-1", "model": "m", "choices": [choice], **members}).encode()


def chunk(*deltas: object, finish: str | None = None, **members: object) -> bytes:
    choices = [{"index": at, "delta": delta, "finish_reason": finish} for at, delta in enumerate(deltas)]
    return json.dumps({"id": "chatcmpl-1", "model": "m", "choices": choices, **members}).encode()


def test_peeks_an_answer() -> None:
    facts = peek_answer(answer({"role": "assistant", "content": "Hi"}, usage=USAGE))
    assert facts == AnswerFacts("chatcmpl-1", "m", "stop", Usage(30, 64, 6, 20, 10), True, None, True, True)


def test_peeks_a_chunk() -> None:
    assert peek_chunk(chunk({"content": "Hi"})) == ChunkFacts("chatcmpl-1", "m", True, None, None, False)


SAYINGS: dict[str, tuple[object, bool]] = {
    "text": ({"content": "x"}, True),
    "a space": ({"content": " "}, True),
    "empty text": ({"content": ""}, False),
    "null text": ({"content": None}, False),
    "a role": ({"role": "assistant"}, False),
    "a role and empty text": ({"role": "assistant", "content": "", "refusal": None}, False),
    "nothing": ({}, False),
    "null": (None, False),
    "a refusal": ({"refusal": "No"}, True),
    "a tool call": ({"tool_calls": [{"index": 0, "function": {"arguments": ""}}]}, True),
    "no tool calls": ({"content": None, "tool_calls": []}, False),
    "an older call": ({"function_call": {"name": "f"}}, True),
    "sound": ({"audio": {"data": "AA"}}, True),
    "reasoning": ({"reasoning": "hm"}, True),
    "reasoning content": ({"reasoning_content": "hm"}, True),
    "empty reasoning": ({"reasoning_content": ""}, False),
    "a member that nobody knows": ({"thought": {"x": 1}}, True),
    "parts": ({"content": [{"type": "text", "text": "x"}]}, True),
    "a signed block": ({"thinking_blocks": [{"type": "redacted_thinking", "data": "x"}]}, True),
    "no signed block": ({"thinking_blocks": []}, False),
    "a vendor's extras": ({"content": "", "extra_content": {"google": {"thought_signature": "x"}}}, False),
    "citations": ({"annotations": [{"type": "url_citation"}]}, False),
}


@pytest.mark.parametrize(("said", "has_content"), SAYINGS.values(), ids=SAYINGS.keys())
def test_tells_whether_something_is_said(said: object, has_content: bool) -> None:
    assert peek_chunk(chunk(said)).has_content is has_content
    assert peek_answer(answer(said)).has_content is has_content


def test_content_and_finish_may_stand_in_any_choice() -> None:
    data = b'{"choices":[{"delta":{"role":"assistant"}},{"delta":{"content":"x"}},{"delta":{},"finish_reason":"stop"}]}'
    facts = peek_chunk(data)
    assert (facts.id, facts.has_content, facts.finish_reason) == (None, True, "stop")


CHUNKS: dict[str, tuple[bytes, dict[str, object]]] = {
    "the finish": (chunk({}, finish="length"), {"finish_reason": "length", "has_content": False}),
    "an empty finish is none": (chunk({"content": "x"}, finish=""), {"finish_reason": None, "more_finished": 0}),
    "two choices finish": (chunk({}, {}, finish="stop"), {"finish_reason": "stop", "more_finished": 1}),
    "only usage": (chunk(usage=USAGE), {"is_usage_only": True, "usage": Usage(30, 64, 6, 20, 10)}),
    "usage beside a delta": (chunk({"content": "x"}, usage=USAGE), {"is_usage_only": False, "has_content": True}),
    "null usage": (chunk({"content": "x"}, usage=None), {"usage": None, "is_usage_only": False}),
    "no choices and no usage": (chunk(prompt_filter_results=[]), {"is_usage_only": False, "has_content": False}),
    "choices left out": (b'{"id":"x"}', {"is_usage_only": False, "finish_reason": None}),
    "a choice without a delta": (b'{"choices":[{"index":0}]}', {"has_content": False}),
    "an error": (b'{"error":{"message":"no","code":5}}', {"error": {"message": "no", "code": 5}}),
    "an error beside choices": (chunk({"content": "x"}, error={"m": 1}), {"error": {"m": 1}, "has_content": True}),
    "an error as a text": (b'{"error":"no"}', {"error": {"message": "no"}}),
    "an error as an empty object": (b'{"error":{}}', {"error": {}}),
    "a null error": (chunk({"content": "x"}, error=None), {"error": None}),
    "an error that cannot be held": (b'{"error":{"a":1e400}}', {"error": {}}),
}


@pytest.mark.parametrize(("data", "facts"), CHUNKS.values(), ids=CHUNKS.keys())
def test_peeks_chunks_of_every_kind(data: bytes, facts: dict[str, object]) -> None:
    seen = peek_chunk(data)
    assert {name: getattr(seen, name) for name in facts} == facts


USUAL = {"role": "assistant", "content": "Hi"}
UNUSUAL: dict[str, tuple[object, bool]] = {
    "what OpenAI writes": ({"index": 0, "message": USUAL}, True),
    "no index": ({"message": USUAL}, False),
    "no role": ({"index": 0, "message": {"content": "Hi"}}, False),
    "no message": ({"index": 0}, False),
    "a call of a tool": ({"index": 0, "message": {**USUAL, "tool_calls": [{"id": "c"}]}}, False),
    "a member that is not known": ({"index": 0, "message": {**USUAL, "reasoning": "Hm"}}, False),
    "content in parts": ({"index": 0, "message": {**USUAL, "content": [{"type": "text"}]}}, False),
}


@pytest.mark.parametrize(("choice", "is_usual"), UNUSUAL.values(), ids=UNUSUAL.keys())
def test_tells_whether_every_choice_is_as_usual(choice: object, is_usual: bool) -> None:
    assert peek_answer(json.dumps({"choices": [choice]}).encode()).is_usual is is_usual
    both = [{"index": 0, "message": USUAL}, choice]
    assert peek_answer(json.dumps({"choices": both}).encode()).is_usual is is_usual


@pytest.mark.parametrize("name", ["refusal", "reasoning_content", "reasoning", "tool_calls", "function_call", "audio"])
def test_whatever_a_message_says_is_content(name: str) -> None:
    said: object = "x" if name in ("refusal", "reasoning_content", "reasoning") else [{}]
    for value, has_content in ((said, True), (None, False), ("", False)):
        body = answer({"role": "assistant", "content": None, name: value})
        assert peek_answer(body).has_content is has_content


NOT_ANSWERS = {
    "nothing": b"",
    "HTML": b"<html>Bad gateway</html>",
    "text cut short": b'{"id":"chatcmpl-1","choices":[{"mess',
    "an array": b"[]",
    "null": b"null",
    "not UTF-8": b'{"id":"\xff","choices":[]}',
    "choices as an object": b'{"choices":{}}',
    "a choice that is a string": b'{"choices":["x"]}',
    "nesting": b'{"choices":' + b"[" * 100_000,
    "nesting in a member that nobody reads": b'{"choices":[],"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@pytest.mark.parametrize("body", NOT_ANSWERS.values(), ids=NOT_ANSWERS.keys())
def test_refuses_what_is_no_answer(body: bytes) -> None:
    with pytest.raises(UpstreamBadResponse):
        peek_answer(body)
    with pytest.raises(UpstreamBadResponse):
        peek_chunk(body)


def test_an_answer_needs_choices_or_an_error() -> None:
    with pytest.raises(UpstreamBadResponse, match="no 'choices'"):
        peek_answer(b'{"id":"chatcmpl-1","object":"chat.completion"}')
    with pytest.raises(UpstreamBadResponse, match="no 'choices'"):
        peek_answer(b'{"choices":null}')
    assert peek_answer(b'{"error":{"message":"no"}}').error == {"message": "no"}


FINISHED: dict[str, tuple[bytes, bytes]] = {
    "an id of OpenAI's kind stays": (b'{"id":"chatcmpl-7","x":1.0 }', b'{"id":"chatcmpl-7","x":1.0,'),
    "another id is replaced in its place": (b'{"x":[1 , 2],"id":"gen-7"}', b'{"x":[1 , 2],"id":"chatcmpl-own",'),
    "an id that is a number is replaced": (b'{"id":7,"x":1}', b'{"id":"chatcmpl-own","x":1,'),
    "a missing id comes first": (b'{"x":9007199254740993}', b'{"id":"chatcmpl-own","x":9007199254740993,'),
    "metadata of another gateway gives way": (
        b'{"id":"chatcmpl-7","gateway_metadata":{"a":1},"x":"\\u0041"}',
        b'{"id":"chatcmpl-7","x":"\\u0041",',
    ),
}


@pytest.mark.parametrize(("body", "begin"), FINISHED.values(), ids=FINISHED.keys())
def test_finishes_answers_and_chunks(body: bytes, begin: bytes) -> None:
    finished = begin + METADATA_JSON + b"}"
    assert finish_answer(body, identity=Identity("chatcmpl-own"), metadata=METADATA) == finished
    assert finish_chunk(body, identity=Identity("chatcmpl-own"), metadata=METADATA) == finished


def test_finishing_keeps_all_other_members_verbatim() -> None:
    body = answer({"role": "assistant", "content": "Hi", "annotations": []}, usage=USAGE, vendor={"z": 1.0, "a": None})
    finished = finish_answer(body, identity=Identity("chatcmpl-own"), metadata=METADATA)
    assert split_members(finished)[:-1] == split_members(body)


def test_finishing_can_name_the_model_and_give_the_usage() -> None:
    named = finish_answer(b'{"id":"chatcmpl-1","model":"a","x":1}', identity=Identity(""), metadata=METADATA, model="b")
    assert named.startswith(b'{"id":"chatcmpl-1","model":"b","x":1,')
    used = finish_chunk(
        b'{"id":"chatcmpl-1","usage":null,"x":1}', identity=Identity(""), metadata=METADATA, usage_member=b'{"a": 1}'
    )
    assert used.startswith(b'{"id":"chatcmpl-1","usage":{"a": 1},"x":1,')


METADATA_FORMS: dict[str, tuple[GatewayMetadata, dict[str, object]]] = {
    "without a price": (msgspec.structs.replace(METADATA, cost_usd=None), {"cost_usd": None}),
    "free": (msgspec.structs.replace(METADATA, cost_usd=0.0), {"cost_usd": 0.0}),
    "a very small price": (msgspec.structs.replace(METADATA, cost_usd=1.5e-7), {"cost_usd": 1.5e-7}),
    "with notes": (msgspec.structs.replace(METADATA, notes=["x"]), {"notes": ["x"]}),
    "from the cache": (
        msgspec.structs.replace(METADATA, cache_hit=True, attempts=0),
        {"cache_hit": True, "attempts": 0},
    ),
}


@pytest.mark.parametrize(("metadata", "members"), METADATA_FORMS.values(), ids=METADATA_FORMS.keys())
def test_metadata_is_written_whole(metadata: GatewayMetadata, members: dict[str, object]) -> None:
    written = json.loads(finish_answer(b'{"id":"chatcmpl-1"}', identity=Identity(""), metadata=metadata))[
        "gateway_metadata"
    ]
    plain = json.loads(b"{" + METADATA_JSON + b"}")["gateway_metadata"]
    assert written == plain | members


def test_rewrites_a_foreign_id_and_only_that() -> None:
    foreign = chunk({"content": "x"}).replace(b"chatcmpl-1", b"gen-1")
    rewritten = identify_chunk(foreign, Identity("chatcmpl-own"))
    assert split_members(rewritten) == [("id", '"chatcmpl-own"'), *split_members(foreign)[1:]]
    own = b'{ "id" : "chatcmpl-1" }'
    assert identify_chunk(own, Identity("chatcmpl-own")) is own


CREATED = {
    "absent": (b'{"id":"x"}', b'{"id":"chatcmpl-own","created":17}'),
    "unknown": (b'{"id":"x","created":0,"z":1}', b'{"id":"chatcmpl-own","created":17,"z":1}'),
    "the upstream's own": (b'{"id":"x","created":9}', b'{"id":"chatcmpl-own","created":9}'),
}


@pytest.mark.parametrize(("data", "shown"), CREATED.values(), ids=CREATED.keys())
def test_tells_when_it_was_made_where_the_upstream_does_not(data: bytes, shown: bytes) -> None:
    assert identify_chunk(data, Identity("chatcmpl-own", 17)) == shown


def test_refuses_to_finish_what_is_no_object() -> None:
    for body in (b"[]", b"", b"x"):
        with pytest.raises(UpstreamBadResponse):
            finish_answer(body, identity=Identity("x"), metadata=METADATA)
        with pytest.raises(UpstreamBadResponse):
            identify_chunk(body, Identity("x"))


@pytest.mark.parametrize(
    ("told", "shown"),
    [(b'"model":"",', "m"), (b'"model":null,', "m"), (b"", "m"), (b'"model":"x",', "x")],
    ids=["an empty name", "null", "none at all", "the upstream's own"],
)
def test_an_upstream_that_does_not_name_its_model_is_named(told: bytes, shown: str) -> None:
    identity = Identity("chatcmpl-own", 17, "m")
    body = b'{"id":"a",' + told + b'"choices":[]}'
    assert json.loads(identify_chunk(body, identity))["model"] == shown
    assert json.loads(finish_answer(body, identity=identity, metadata=METADATA))["model"] == shown


@pytest.mark.parametrize(("body", "details"), [(b'{"choices":[{"mess', {"phase": "body"}), (b"", {}), (b"nope", {})])
def test_json_that_is_cut_is_told_from_what_is_none(body: bytes, details: dict[str, str]) -> None:
    with pytest.raises(UpstreamBadResponse) as caught:
        peek_answer(body)
    assert caught.value.details == details


@pytest.mark.parametrize(
    ("member", "is_plain"),
    [
        pytest.param("", True, id="no metadata"),
        pytest.param(',"gateway_metadata":{"routed_to":"x"}', False, id="metadata of another gateway"),
        pytest.param(',"gateway\\u005fmetadata":null', False, id="by an escaped name"),
        pytest.param(',"x":{"gateway_metadata":1}', True, id="deeper down, which is not ours"),
    ],
)
@pytest.mark.parametrize("choices", ["[]", '[{"index":0,"message":{"content":"Hi"}}]'], ids=["no choice", "a choice"])
def test_metadata_that_are_there_are_replaced(member: str, is_plain: bool, choices: str) -> None:
    body = f'{{"id":"chatcmpl-1","choices":{choices}{member}}}'.encode()
    facts = peek_answer(body)
    assert facts.is_plain is is_plain
    finished = with_metadata(body, METADATA, is_plain=facts.is_plain)
    if finished is None or not is_plain:
        finished = finish_answer(body, identity=Identity("x"), metadata=METADATA)
    assert finished.count(b'"routed_to"') == 1
    assert json.loads(finished)["gateway_metadata"]["routed_to"] == "gpt-4o-mini"
