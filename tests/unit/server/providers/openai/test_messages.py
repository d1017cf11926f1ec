"""Messages for vendors that speak OpenAI's dialect: what goes, what stays, and what is told."""

from typing import Any

import pytest

from server.chat.request import parse_chat_request
from server.errors import ParamUnsupported
from server.providers.openai import OpenAiDialect
from server.providers.registry import PROVIDERS
from tests.unit.server.providers.openai.asking import CALL, HI, MARK, asked, candidate, sent

PLAIN = OpenAiDialect()
TEXT = {"type": "text", "text": "a"}
PICTURE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "1"}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
BLOCK = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
Messages = list[dict[str, Any]]

UNCHANGED: list[tuple[str, OpenAiDialect, Messages]] = [
    ("texts, pictures, sound and files", PLAIN,
     [{"role": "user", "content": [TEXT, PICTURE, {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
                                   {"type": "file", "file": {"file_id": "f"}}]}]),
    ("names", PLAIN, [{**HI, "name": "ann"}]),
    ("calls and their results", PLAIN, [HI, CALLING, RESULT, HI]),
    ("members that nobody knows", PLAIN, [{**HI, "x": 1.0}]),
    ("a developer where the vendor knows that role", OpenAiDialect(developer="developer"),
     [{"role": "developer", "content": "be brief"}, HI]),
    ("marks of the cache where they are taken", OpenAiDialect(takes=frozenset({"cache_control"})),
     [{**HI, "cache_control": MARK}, {"role": "user", "content": [{**TEXT, "cache_control": MARK}]}]),
    ("extras where they are taken", OpenAiDialect(takes=frozenset({"extra_content"})),
     [HI, {**CALLING, "tool_calls": [{**CALL, "extra_content": {"google": {}}}]}, RESULT]),
    ("a vendor's own parts", OpenAiDialect(parts=frozenset({"text", "video_url"})),
     [{"role": "user", "content": [{"type": "video_url", "video_url": {"url": "https://example.com/a"}}]}]),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "messages"), [case[1:] for case in UNCHANGED], ids=[case[0] for case in UNCHANGED])
def test_what_is_taken_stays_byte_for_byte(dialect: OpenAiDialect, messages: Messages) -> None:
    request = asked(messages=messages)
    wire = dialect.build(request, candidate(), is_stream=False)
    assert bytes(request.members["messages"]) in wire.body
    assert request.notes == []


CHANGED: list[tuple[str, OpenAiDialect, Messages, Messages, list[str]]] = [
    ("a developer is the system", PLAIN, [{"role": "developer", "content": "be brief"}, HI],
     [{"role": "system", "content": "be brief"}, HI], []),
    ("marks of the cache go", PLAIN,
     [{**HI, "cache_control": MARK}, {"role": "user", "content": [{**TEXT, "cache_control": MARK}]}],
     [HI, {"role": "user", "content": [TEXT]}], ["cache_control"]),
    ("names go where they are refused", OpenAiDialect(takes_names=False), [{**HI, "name": "ann"}], [HI], ["name"]),
    ("signed blocks of another vendor go", PLAIN,
     [HI, {"role": "assistant", "content": "a", "thinking_blocks": [BLOCK], "reasoning_items": [{"type": "reasoning"}],
           "extra_content": {"google": {"thought_signature": "x"}}}, HI],
     [HI, {"role": "assistant", "content": "a"}, HI], ["thinking_blocks", "reasoning_items", "extra_content"]),
    ("signatures of calls go", PLAIN, [HI, {**CALLING, "tool_calls": [{**CALL, "extra_content": {}}]}, RESULT],
     [HI, CALLING, RESULT], ["extra_content"]),
    ("empty blocks go without a word", PLAIN, [HI, {"role": "assistant", "content": "a", "thinking_blocks": []}, HI],
     [HI, {"role": "assistant", "content": "a"}, HI], []),
    ("earlier reasoning goes", PLAIN, [HI, {"role": "assistant", "content": "a", "reasoning_content": "hm"}, HI],
     [HI, {"role": "assistant", "content": "a"}, HI], ["reasoning_content"]),
    ("earlier reasoning stays where it is always taken", OpenAiDialect(reasoning_back="always"),
     [HI, {"role": "assistant", "content": "a", "reasoning_content": "hm"}, {"role": "assistant", "content": "b"}],
     [HI, {"role": "assistant", "content": "a", "reasoning_content": "hm"}, {"role": "assistant", "content": "b"}], []),
    ("under the vendor's own name", OpenAiDialect(reasoning_back="always", reasoning_name="reasoning"),
     [HI, {"role": "assistant", "content": "a", "reasoning_content": "hm"}],
     [HI, {"role": "assistant", "content": "a", "reasoning": "hm"}], []),
    ("where calls need it, it goes without calls", OpenAiDialect(reasoning_back="with_calls"),
     [HI, {"role": "assistant", "content": "a", "reasoning_content": "hm"}, HI],
     [HI, {"role": "assistant", "content": "a"}, HI], ["reasoning_content"]),
    ("and stands in every answer once there are calls", OpenAiDialect(reasoning_back="with_calls"),
     [HI, {"role": "assistant", "content": "a"}, HI, {**CALLING, "reasoning_content": "hm"}, RESULT],
     [HI, {"role": "assistant", "content": "a", "reasoning_content": ""}, HI, {**CALLING, "reasoning_content": "hm"},
      RESULT], []),
    ("the text of signed blocks takes its place", OpenAiDialect(reasoning_back="with_calls"),
     [HI, {**CALLING, "thinking_blocks": [BLOCK, {"type": "redacted_thinking", "data": "x"}]}, RESULT],
     [HI, {**CALLING, "reasoning_content": "hm"}, RESULT], ["thinking_blocks"]),
    ("a failed tool is not marked", PLAIN, [HI, CALLING, {**RESULT, "is_error": True}], [HI, CALLING, RESULT],
     ["is_error"]),
    ("pictures of a tool follow in a message of the user's, after all results", PLAIN,
     [HI, {**CALLING, "tool_calls": [CALL, {**CALL, "id": "c2"}]}, {**RESULT, "content": [TEXT, PICTURE]},
      {"role": "tool", "tool_call_id": "c2", "content": "2"}, HI],
     [HI, {**CALLING, "tool_calls": [CALL, {**CALL, "id": "c2"}]}, {**RESULT, "content": [TEXT]},
      {"role": "tool", "tool_call_id": "c2", "content": "2"},
      {"role": "user", "content": [{"type": "text", "text": "From the result of the tool call c1:"}, PICTURE]}, HI],
     ["Pictures and files"]),
    ("a result that is only a picture has a text", PLAIN, [HI, CALLING, {**RESULT, "content": [PICTURE]}],
     [HI, CALLING, {**RESULT, "content": [{"type": "text", "text": "The result follows in the next message."}]},
      {"role": "user", "content": [{"type": "text", "text": "From the result of the tool call c1:"}, PICTURE]}],
     ["Pictures and files"]),
    ("a document is a file", PLAIN,
     [{"role": "user", "content": [{"type": "document", "source": {"type": "text", "data": "abc"}}]}],
     [{"role": "user", "content": [{"type": "text", "text": "abc"}]}], ["document is sent as text"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("dialect", "messages", "expected", "notes"), [case[1:] for case in CHANGED], ids=[case[0] for case in CHANGED]
)
def test_what_a_vendor_does_not_take(
    dialect: OpenAiDialect, messages: Messages, expected: Messages, notes: list[str]
) -> None:
    request = asked(messages=messages)
    assert sent(dialect, request)["messages"] == expected
    assert [note[: len(start)] for note, start in zip(request.notes, notes, strict=True)] == notes
    # The same again says nothing twice.
    sent(dialect, request)
    assert len(request.notes) == len(notes)


@pytest.mark.parametrize(
    "part",
    [{"type": "search_result"}, {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}}],
    ids=["another vendor's part", "a document that no part can be"],
)
def test_content_that_cannot_be_carried_is_refused_and_not_left_out(part: dict[str, Any]) -> None:
    with pytest.raises(ParamUnsupported) as caught:
        sent(PLAIN, asked(messages=[HI, {"role": "user", "content": [TEXT, part]}]))
    assert caught.value.param == "messages[1].content[1]"


def test_a_strict_request_is_refused_with_the_name_of_what_would_be_lost() -> None:
    request = asked(messages=[HI, CALLING, {**RESULT, "is_error": True}])
    request.is_strict = True
    with pytest.raises(ParamUnsupported) as caught:
        sent(PLAIN, request)
    assert caught.value.param == "is_error"


def test_a_strict_request_does_without_marks_of_the_cache_and_others_signatures() -> None:
    answer = {"role": "assistant", "content": "a", "thinking_blocks": [BLOCK], "reasoning_content": "hm"}
    request = asked(messages=[{**HI, "cache_control": MARK}, answer, HI])
    request.is_strict = True
    assert sent(PLAIN, request)["messages"] == [HI, {"role": "assistant", "content": "a"}, HI]


def test_messages_beside_a_changed_one_keep_their_spelling() -> None:
    body = b'{"messages":[{"role":"user",  "content":"a", "x":1.0},{"role":"developer","content":"b"}]}'
    wire = PLAIN.build(parse_chat_request(body), candidate(), is_stream=False)
    assert b'{"role":"user",  "content":"a", "x":1.0}' in wire.body


DETAILS = b'[{"type": "reasoning.encrypted", "data": "gA\\u002b/8==", "n": 1.0, "index": 0}]'
SIGNED = b'{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","reasoning":"c",' + (
    b'"reasoning_details":' + DETAILS + b'},{"role":"user","content":"d"}]}'
)


@pytest.mark.parametrize("name", ["openrouter", "minimax", "openai-compatible"])
def test_details_of_reasoning_go_back_byte_for_byte(name: str) -> None:
    request = parse_chat_request(SIGNED)
    wire = PROVIDERS[name].dialect.build(request, candidate(), is_stream=False)
    assert b'"reasoning_details":' + DETAILS in wire.body
    assert request.notes == []


@pytest.mark.parametrize(
    "name", ["openai", "groq", "anthropic", "google", "bedrock", "openai-responses", "cohere", "mistral"]
)
def test_no_other_vendor_gets_them_and_it_is_told(name: str) -> None:
    request = parse_chat_request(SIGNED)
    wire = PROVIDERS[name].dialect.build(request, candidate(), is_stream=False)
    assert b"8==" not in wire.body
    assert any("reasoning_details" in note for note in request.notes)


def test_details_that_say_nothing_are_left_out_without_a_word() -> None:
    request = parse_chat_request(SIGNED.replace(DETAILS, b"null"))
    assert b"reasoning_details" not in PLAIN.build(request, candidate(), is_stream=False).body
    assert request.notes == []
