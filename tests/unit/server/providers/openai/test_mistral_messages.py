"""Messages for Mistral, which refuses members that it does not know."""

from typing import Any

import pytest
from mistralai.client.models import ChatCompletionRequest

from server.errors import ParamUnsupported
from server.providers.openai.mistral_messages import ID_CHARS, call_id_of
from server.providers.registry import PROVIDERS
from tests.providers.judge import faults
from tests.unit.server.providers.openai.asking import HI, asked, sent

DIALECT = PROVIDERS["mistral"].dialect
OWN = [
    {"type": "thinking", "thinking": [{"type": "text", "text": "t"}], "signature": "s=="},
    {"type": "text", "text": "a"},
]


def call(call_id: str = "D681PevKs", arguments: str = '{"n": 9007199254740993}', **members: Any) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": "f", "arguments": arguments}, **members}


def messages(*given: dict[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    request = asked(messages=list(given))
    body = sent(DIALECT, request)
    assert faults({"model": "m", **body}, ChatCompletionRequest) == []
    found: list[dict[str, Any]] = body["messages"]
    return found, request.notes


@pytest.mark.parametrize("call_id", ["D681PevKs", "call_PTLP8xhu3uwZk4l3nlnrrJha", "", "ä", "i-nKGDr5g", "x" * 4000])
def test_an_id_is_nine_letters_and_digits_and_always_the_same(call_id: str) -> None:
    made = call_id_of(call_id)
    assert len(made) == ID_CHARS
    assert made.isascii()
    assert made.isalnum()
    assert call_id_of(call_id) == made
    assert (made == call_id) is (call_id == "D681PevKs")


def test_ids_that_do_not_fit_are_told_apart() -> None:
    assert len({call_id_of(f"call_{number}") for number in range(10_000)}) == 10_000


def test_calls_and_results_still_meet() -> None:
    calling = {"role": "assistant", "content": None, "tool_calls": [call("call_1"), call("D681PevKs")]}
    results = [{"role": "tool", "tool_call_id": name, "content": "r"} for name in ("call_1", "D681PevKs")]
    found, _ = messages(HI, calling, *results)
    ids = [each["id"] for each in found[1]["tool_calls"]]
    assert ids == [call_id_of("call_1"), "D681PevKs"] == [each["tool_call_id"] for each in found[2:]]
    assert found[1]["tool_calls"][0]["function"]["arguments"] == '{"n": 9007199254740993}'


def test_no_arguments_are_the_empty_object() -> None:
    calling = {"role": "assistant", "content": None, "tool_calls": [call(arguments="")]}
    found, _ = messages(HI, calling, {"role": "tool", "tool_call_id": "D681PevKs", "content": "r"})
    assert found[1]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_its_own_thoughts_go_back_as_they_came() -> None:
    own = {
        "role": "assistant",
        "content": "a",
        "reasoning_content": "t",
        "extra_content": {"mistral": {"content": OWN}},
    }
    found, notes = messages(HI, own, HI)
    assert found[1] == {"role": "assistant", "content": OWN}
    assert notes == []


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"reasoning_content": "t"}, "reasoning_content"),
        ({"thinking_blocks": [{"type": "thinking", "thinking": "t"}]}, "thinking_blocks"),
        ({"extra_content": {"google": {"thought_signature": "x"}}}, "extra_content"),
        ({"extra_content": {"mistral": {"content": "no chunks"}}}, "extra_content"),
        ({"tool_calls": [call(extra_content={"google": {}})]}, "extra_content"),
        ({"annotations": [{"type": "url_citation"}]}, "annotations"),
        ({"audio": {"id": "x"}}, "audio"),
        ({"x_new": 1}, "messages[1].x_new"),
    ],
)
def test_what_another_vendor_wrote_is_left_out_and_told(members: dict[str, Any], says: str) -> None:
    result = {"role": "tool", "tool_call_id": "D681PevKs", "content": "r"}
    found, notes = messages(
        HI, {"role": "assistant", "content": "a", **members}, result if "tool_calls" in members else HI
    )
    assert found[1].keys() <= {"role", "content", "tool_calls"}
    assert any(note.startswith(says) for note in notes)


def test_a_message_as_openais_client_gives_it_back_is_taken_without_a_word() -> None:
    nulls = dict.fromkeys(("refusal", "audio", "function_call", "tool_calls"))
    given: dict[str, Any] = {"role": "assistant", "content": "a", "annotations": [], **nulls}
    found, notes = messages(HI, given, HI)
    assert found[1] == {"role": "assistant", "content": "a", "tool_calls": None}
    assert notes == []


def test_a_refusal_is_a_text() -> None:
    assert messages(HI, {"role": "assistant", "content": None, "refusal": "no"}, HI)[0][1]["content"] == "no"


@pytest.mark.parametrize(
    ("last", "prefix"),
    [
        ({"role": "assistant", "content": "It is"}, True),
        ({"role": "assistant", "content": "x", "prefix": False}, True),
        (HI, None),
    ],
    ids=["the assistant's", "the assistant's, marked", "the user's"],
)
def test_a_last_word_of_the_assistant_is_gone_on_with(last: dict[str, Any], prefix: object) -> None:
    assert messages(HI, last)[0][-1].get("prefix") is prefix


PARTS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "a document",
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
        {"type": "document_url", "document_url": "data:application/pdf;base64,JVBERi0=", "document_name": "a.pdf"},
    ),
    ("an upload", {"type": "file", "file": {"file_id": "f1"}}, {"type": "file", "file_id": "f1"}),
    (
        "sound",
        {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
        {"type": "input_audio", "input_audio": "UklG"},
    ),
    (
        "a picture",
        {"type": "image_url", "image_url": {"url": "https://a.example/a.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://a.example/a.png", "detail": "low"}},
    ),
]


@pytest.mark.parametrize(("part", "expected"), [case[1:] for case in PARTS], ids=[case[0] for case in PARTS])
def test_a_part(part: dict[str, Any], expected: dict[str, Any]) -> None:
    assert messages({"role": "user", "content": [part]})[0][0]["content"] == [expected]


def test_extras_of_a_part_are_told() -> None:
    part = {"type": "text", "text": "a", "extra_content": {"google": {}}}
    found, notes = messages({"role": "user", "content": [part]})
    assert found[0]["content"] == [{"type": "text", "text": "a"}]
    assert any(note.startswith("extra_content") for note in notes)


def test_a_strict_request_is_refused_for_what_is_left_out() -> None:
    request = asked(messages=[HI, {"role": "assistant", "content": "a", "x_new": 1}, HI])
    request.is_strict = True
    with pytest.raises(ParamUnsupported) as caught:
        sent(DIALECT, request)
    assert caught.value.param == "messages[1].x_new"
