"""References to kept items: found by their ids, and replaced by what they refer to."""

import json
from typing import Any

import pytest
from msgspec import Raw

from server.ingress.responses.references import items_of, references, response_of, with_items

TAIL = "01m838vz7sfk6t9kmmgf1jmp9r"


def body(*items: Any, **members: Any) -> bytes:
    return json.dumps({"model": "m", "input": list(items), **members}).encode()


def reference(item_id: str) -> dict[str, str]:
    return {"type": "item_reference", "id": item_id}


def test_each_id_is_named_once_and_other_items_are_none() -> None:
    said = {"role": "user", "content": "item_reference"}
    assert references(body(reference("msg_1"), said, reference("rs_2"), reference("msg_1"))) == ["msg_1", "rs_2"]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"item_reference",
        b'{"input":"item_reference"}',
        b'{"item_reference":1}',
        b'{"input":[],"input":[{"type":"item_reference","id":"a"}]}',
        b'{"input":[{"type":"item_reference","id":7}]}',
        b'{"input":[{"type":"item_reference"}]}',
        b'{"input":[1,"item_reference"]}',
        b'{"input":"\xff item_reference"}',
    ],
)
def test_what_cannot_be_read_has_none(text: bytes) -> None:
    assert references(text) == []


@pytest.mark.parametrize(
    ("item_id", "response_id"),
    [
        (f"msg_{TAIL}_0", f"resp_{TAIL}"),
        (f"fco_{TAIL}_in12", f"resp_{TAIL}"),
        ("msg_68a1b2", ""),
        (f"msg_{TAIL}", ""),
        ("", ""),
    ],
)
def test_an_id_that_was_made_here_leads_to_its_response(item_id: str, response_id: str) -> None:
    assert response_of(item_id) == response_id


def test_items_of_a_response_are_what_it_answered_and_what_it_said() -> None:
    output = {"type": "message", "id": f"msg_{TAIL}_0", "role": "assistant", "content": []}
    items = [{"role": "user", "content": "hi"}]
    found = items_of(f"resp_{TAIL}", json.dumps(items).encode(), json.dumps({"output": [output]}).encode())
    assert set(found) == {f"msg_{TAIL}_in0", f"msg_{TAIL}_0"}
    assert json.loads(bytes(found[f"msg_{TAIL}_0"])) == output


def test_items_stand_in_the_place_of_their_references() -> None:
    said = {"role": "user", "content": "hi"}
    made = with_items(body(reference("a"), said, reference("b"), top_p=1.0), {"a": Raw(b'{"role":"user"}')})
    assert json.loads(made)["input"] == [{"role": "user"}, said, reference("b")]
    assert b'"top_p":1.0' in made
