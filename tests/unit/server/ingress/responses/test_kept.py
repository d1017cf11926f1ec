"""What is kept of a response, as history and as a list, judged by the SDK's own type."""

import json
from typing import Any

import pytest
from openai.types.responses import ResponseItem, ResponseItemList
from pydantic import TypeAdapter

from server.errors import RequestInvalid
from server.ingress.responses.kept import history_of, listed, page_of

ITEMS: list[dict[str, Any]] = [
    {"role": "user", "content": "Hi"},
    {"type": "message", "role": "assistant", "content": "Yes"},
    {"type": "reasoning", "id": "rs_7", "summary": [], "encrypted_content": "x"},
    {"type": "function_call", "call_id": "call_1", "name": "now", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "call_1", "output": "12"},
    {"role": "user", "content": [{"type": "input_text", "text": "And?"}]},
]
TEXT = json.dumps(ITEMS).encode()


def test_the_history_is_what_was_answered_and_what_was_said() -> None:
    response = json.dumps({"id": "resp_1", "output": [{"type": "message", "role": "assistant", "content": []}]})
    found = [json.loads(bytes(raw)) for raw in history_of(TEXT, response.encode())]
    assert found == [*ITEMS, {"type": "message", "role": "assistant", "content": []}]


def test_each_item_has_an_id_and_the_long_form_that_the_sdk_knows() -> None:
    found = listed(TEXT, "resp_1")
    for item in found:
        TypeAdapter(ResponseItem).validate_python(item)
    assert [item["id"] for item in found] == ["msg_1_in0", "msg_1_in1", "rs_7", "fc_1_in3", "fco_1_in4", "msg_1_in5"]
    assert found[0]["content"] == [{"type": "input_text", "text": "Hi"}]
    assert found[1]["content"] == [{"type": "output_text", "text": "Yes", "annotations": []}]
    assert found[5]["content"] == ITEMS[5]["content"]


def test_pages_follow_each_other_in_either_order() -> None:
    items = listed(TEXT, "resp_1")
    for order, ids in (("asc", [item["id"] for item in items]), ("", [item["id"] for item in items][::-1])):
        found: list[str] = []
        while True:
            page = page_of(items, 4, order, found[-1] if found else "")
            ResponseItemList.model_validate({"object": "list", **page})
            found += [item["id"] for item in page["data"]]
            assert (page["first_id"], page["last_id"]) == (page["data"][0]["id"], page["data"][-1]["id"])
            if not page["has_more"]:
                break
        assert found == ids


def test_a_page_of_nothing() -> None:
    assert page_of([], 0, "", "") == {"data": [], "first_id": "", "last_id": "", "has_more": False}


@pytest.mark.parametrize(
    ("limit", "order", "after", "param"),
    [(101, "", "", "limit"), (-1, "", "", "limit"), (1, "up", "", "order"), (1, "asc", "msg_x", "after")],
)
def test_what_is_no_page_is_refused_by_its_name(limit: int, order: str, after: str, param: str) -> None:
    with pytest.raises(RequestInvalid) as caught:
        page_of(listed(TEXT, "resp_1"), limit, order, after)
    assert caught.value.param == param
