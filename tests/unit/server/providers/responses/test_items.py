"""Messages as items."""

from typing import Any

import pytest

from server.errors import ParamUnsupported, RequestInvalid
from tests.unit.server.providers.responses.asked import HI, built

Json = dict[str, Any]
CALL: Json = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1.0}'}}
FREE: Json = {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "x y"}}
REASONING: Json = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gA+/=="}
PICTURE: Json = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
SEEN: Json = {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "auto"}
RESULT: Json = {"role": "tool", "tool_call_id": "c1", "content": "1"}
OUT: Json = {"type": "function_call_output", "call_id": "c1", "output": "1"}
CALLED: Json = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1.0}'}


def said(**more: Any) -> Json:
    return {"role": "assistant", "content": None, **more}


CASES: list[tuple[str, list[Json], list[Json], list[str]]] = [
    ("system messages stay where they stand",
     [{"role": "system", "content": "a"}, HI, {"role": "developer", "content": [{"type": "text", "text": "b"}]}, HI],
     [{"role": "system", "content": "a"}, HI,
      {"role": "developer", "content": [{"type": "input_text", "text": "b"}]}, HI], []),
    ("pictures, files by data, by id and by address",
     [{"role": "user", "content": [PICTURE, {"type": "file", "file": {"file_data": "data:a;base64,QQ=="}},
                                   {"type": "file", "file": {"file_id": "file-1"}},
                                   {"type": "file", "file": {"file_data": "https://example.com/a.pdf"}}]}],
     [{"role": "user", "content": [SEEN, {"type": "input_file", "file_data": "data:a;base64,QQ=="},
                                   {"type": "input_file", "file_id": "file-1"},
                                   {"type": "input_file", "file_url": "https://example.com/a.pdf"}]}], []),
    ("an answer, its calls and their results",
     [HI, said(content="a", tool_calls=[CALL, FREE]), RESULT,
      {"role": "tool", "tool_call_id": "c2", "content": [PICTURE]}],
     [HI, {"role": "assistant", "content": "a"}, CALLED,
      {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "x y"}, OUT,
      {"type": "custom_tool_call_output", "call_id": "c2", "output": [SEEN]}], []),
    ("a call without arguments", [HI, said(tool_calls=[{**CALL, "function": {"name": "f", "arguments": ""}}]), RESULT],
     [HI, {**CALLED, "arguments": "{}"}, OUT], []),
    ("reasoning goes before what it led to, as it came",
     [HI, said(reasoning_items=[REASONING], tool_calls=[CALL]), RESULT],
     [HI, REASONING, CALLED, OUT], []),
    ("another vendor's reasoning stays behind",
     [HI, said(content="a", reasoning_content="hm", thinking_blocks=[{"type": "thinking", "thinking": "hm"}]), HI],
     [HI, {"role": "assistant", "content": "a"}, HI],
     ["messages[1].reasoning_content", "messages[1].thinking_blocks"]),
    ("an output that was kept goes back as it came",
     [HI, said(content="a", extra_content={"openai": {"output": [REASONING, CALLED]}}, tool_calls=[CALL]), RESULT],
     [HI, REASONING, CALLED, OUT], []),
    ("extras of others are nothing", [HI, said(content="a", extra_content={"google": {"x": 1}}), HI],
     [HI, {"role": "assistant", "content": "a"}, HI], []),
    ("a refusal is what was said", [HI, said(refusal="no"), HI], [HI, {"role": "assistant", "content": "no"}, HI], []),
    ("a failed tool cannot be marked, a name neither",
     [{**HI, "name": "ann"}, said(tool_calls=[CALL]), {**RESULT, "is_error": True}], [HI, CALLED, OUT],
     ["messages[0].name", "messages[2].is_error"]),
    ("the older form of calls",
     [HI, said(function_call={"name": "f", "arguments": "{}"}), {"role": "function", "name": "f", "content": "1"}],
     [HI, {"type": "function_call", "call_id": "function_1", "name": "f", "arguments": "{}"},
      {"type": "function_call_output", "call_id": "function_1", "output": "1"}], []),
]  # fmt: skip


@pytest.mark.parametrize(("messages", "items", "notes"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_messages_as_items(messages: list[Json], items: list[Json], notes: list[str]) -> None:
    body, noted = built(messages=messages)
    assert body["input"] == items
    assert [note.split(" ")[0] for note in noted] == sorted(notes, key=lambda name: int(name[9]))


@pytest.mark.parametrize(
    "part",
    [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}, {"type": "search_result"}],
    ids=["sound", "another vendor's part"],
)
def test_content_that_no_item_holds_is_refused(part: Json) -> None:
    with pytest.raises(ParamUnsupported) as caught:
        built(messages=[{"role": "user", "content": [part]}])
    assert caught.value.param == "messages[0].content[0].type"


def test_a_call_without_its_result_is_refused_here_with_its_id() -> None:
    with pytest.raises(RequestInvalid, match="c1") as caught:
        built(messages=[HI, said(tool_calls=[CALL]), HI])
    assert caught.value.param == "messages[1].tool_calls[0].id"


def test_a_strict_request_names_what_would_be_lost() -> None:
    with pytest.raises(ParamUnsupported) as caught:
        built(strict=True, messages=[{**HI, "name": "ann"}])
    assert caught.value.param == "messages[0].name"
