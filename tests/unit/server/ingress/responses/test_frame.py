"""The response around an answer, judged by the SDK's own type."""

import json

import msgspec
from msgspec import Raw
from openai.types.responses import Response

from server.ingress.responses.frame import Frame


def test_what_was_not_sent_has_its_default() -> None:
    frame = Frame("resp_1", {})
    found = json.loads(msgspec.json.encode(frame.snapshot("in_progress", [])))
    Response.model_validate(found)
    assert (found["temperature"], found["tool_choice"], found["tools"], found["store"]) == (1.0, "auto", [], False)


def test_what_was_sent_is_repeated_as_it_came() -> None:
    members = {"temperature": Raw(b"0.50"), "tools": Raw(b"[]"), "user": Raw(b"null"), "input": Raw(b"1")}
    text = msgspec.json.encode(Frame("resp_1", members).snapshot("completed", [], usage={"a": 1}))
    assert b'"temperature":0.50' in text
    found = json.loads(text)
    assert (found["user"], found["usage"]) == (None, {"a": 1})
    assert "input" not in found


def test_items_have_ids_of_their_own() -> None:
    frame = Frame("resp_1", {})
    assert [frame.item_id("msg", 0), frame.item_id("fc", 1)] == ["msg_1_0", "fc_1_1"]


def test_a_providers_own_response_is_as_it_came_unless_the_gateway_did_something() -> None:
    native = Raw(b'{"id":"resp_theirs","store":false}')
    assert Frame("resp_1", {}).own(native) is native
    assert Frame("resp_1", {"store": Raw(b"false")}).own(native) is native
    kept = json.loads(bytes(Frame("resp_1", {"store": Raw(b"true")}).own(native)))
    assert kept == {"id": "resp_1", "store": True, "previous_response_id": None}
