"""The typed view: absent, null and set are three things, and what is not known does not disturb."""

import msgspec
import pytest
from openai.types.chat import completion_create_params as openai_params

from server.chat.view import ChatView, GatewayKnobs, Message, Part

HELLO = b'"messages":[{"role":"user","content":"hi"}]'


def view_of(members: bytes) -> ChatView:
    return msgspec.json.decode(b"{" + HELLO + b"," + members + b"}", type=ChatView)


PRESENCE = {
    "absent": (b'"x":1', msgspec.UNSET),
    "null": (b'"temperature":null', None),
    "zero": (b'"temperature":0', 0.0),
    "set": (b'"temperature":1.5', 1.5),
}


@pytest.mark.parametrize(("members", "value"), PRESENCE.values(), ids=PRESENCE.keys())
def test_tells_absent_from_null_from_zero(members: bytes, value: object) -> None:
    temperature = view_of(members).temperature
    assert temperature == value
    assert (temperature is msgspec.UNSET) == (value is msgspec.UNSET)


def test_what_is_absent_counts_as_false() -> None:
    assert not view_of(b'"x":1').tools


def test_knows_every_member_that_openai_documents() -> None:
    documented = set(openai_params.CompletionCreateParamsBase.__annotations__) | {"stream"}
    assert documented <= set(ChatView.__struct_fields__)


def test_reads_content_as_text_or_as_parts() -> None:
    text = msgspec.json.decode(b'{"role":"user","content":"hi"}', type=Message)
    parts = msgspec.json.decode(b'{"role":"user","content":[{"type":"text","text":"hi"}]}', type=Message)
    assert text.content == "hi"
    assert parts.content == [Part("text", "hi")]


def test_keeps_schemas_verbatim() -> None:
    schema = b'{"z": 1.0, "a": 9007199254740993}'
    view = view_of(b'"tools":[{"type":"function","function":{"name":"f","parameters":' + schema + b"}}]")
    assert view.tools
    function = view.tools[0].function
    assert function
    assert isinstance(function.parameters, msgspec.Raw)
    assert bytes(function.parameters) == schema


def test_keeps_seeds_of_any_size() -> None:
    assert view_of(b'"seed":123456789012345678901234567890').seed == 123456789012345678901234567890


def test_knobs_refuse_what_they_do_not_know() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `speed`"):
        msgspec.json.decode(b'{"speed":"fast"}', type=GatewayKnobs)
