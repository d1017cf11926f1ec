"""Arguments of tools become objects without a byte of them changed; what is no object is told."""

import msgspec
import pytest

from server.chat.request import parse_chat_request
from server.chat.turns import Call
from server.providers.tool_input import input_of

BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'

CASES = [
    ("an object as it was written", '{"b": 1.0, "a":1e2}', False, b'{"b": 1.0, "a":1e2}', False),
    ("an object with blanks around it", ' {"a":1}\n', False, b'{"a":1}', False),
    ("nothing", "", False, b"{}", False),
    ("a text of a custom tool", "ls -l", True, b'{"input":"ls -l"}', False),
    ("a list", "[1]", False, b'{"arguments":"[1]"}', True),
    ("half an object", '{"a":', False, b'{"arguments":"{\\"a\\":"}', True),
]


@pytest.mark.parametrize(
    ("text", "is_custom", "expected", "is_told"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_arguments_become_an_object(text: str, is_custom: bool, expected: bytes, is_told: bool) -> None:
    request = parse_chat_request(BODY, stream=False)
    call = Call(id="call_1", name="tool", arguments=text, path="messages[0].tool_calls[0]", is_custom=is_custom)
    assert msgspec.json.encode(input_of(request, call)) == expected
    assert any("messages[0].tool_calls[0]" in note for note in request.notes) is is_told
