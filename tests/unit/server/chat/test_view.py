"""The typed view: absent, null and set are three things, and what is not known does not disturb."""

import msgspec
import pytest
from openai.types.chat import completion_create_params as openai_params

from server.chat.view import CacheControl, ChatView, GatewayKnobs, Message, Part, Thinking

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


def test_reads_what_other_vendors_need() -> None:
    view = view_of(
        b'"thinking":{"type":"enabled","budget_tokens":2048},"top_k":-1,"betas":["a-2026-01-01"],'
        b'"cache_control":{"type":"ephemeral"}'
    )
    assert view.thinking == Thinking("enabled", 2048)
    assert (view.top_k, view.betas, view.cache_control) == (-1, ["a-2026-01-01"], CacheControl("ephemeral"))


def test_keeps_signed_reasoning_as_it_came() -> None:
    block = b'{"type":"thinking","thinking":"h\\u006d","signature":"EqQB/+=","x":1.0}'
    message = msgspec.json.decode(
        b'{"role":"assistant","content":null,"reasoning_content":"hm","thinking_blocks":[' + block + b"]}", type=Message
    )
    assert message.thinking_blocks
    assert msgspec.json.encode(message.thinking_blocks) == b"[" + block + b"]"
    assert message.reasoning_content == "hm"


def test_marks_of_the_prompt_cache_are_read_wherever_they_may_stand() -> None:
    mark = b'"cache_control":{"type":"ephemeral","ttl":"1h"}'
    view = msgspec.json.decode(
        b'{"messages":[{"role":"user",' + mark + b',"content":[{"type":"text","text":"x",' + mark + b"}]}],"
        b'"tools":[{"type":"function","function":{"name":"f"},' + mark + b"}]}",
        type=ChatView,
    )
    (message,) = view.messages
    assert view.tools
    (tool,) = view.tools
    assert isinstance(message.content, list)
    assert [message.cache_control, message.content[0].cache_control, tool.cache_control] == [
        CacheControl("ephemeral", "1h")
    ] * 3
