"""What is written: presence, nulls, numbers, order, and what is refused."""

import math
from typing import Any, cast

import pytest
from google.protobuf import struct_pb2, wrappers_pb2
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from perpetuo.v1 import chat_pb2

from server.services.chat_writer import UnwritableError, Writers, dollars, verbatim


def write(message: Message) -> bytes:
    return Writers().of(cast(Descriptor, message.DESCRIPTOR))(message)


Extra = chat_pb2.Extra
WRITTEN: dict[str, tuple[Message, bytes]] = {
    "nothing set": (chat_pb2.CreateChatCompletionRequest(), b"{}"),
    "zero that is set": (
        chat_pb2.CreateChatCompletionRequest(temperature=0, stream=False, user=""),
        b'{"temperature":0.0,"user":"","stream":false}',
    ),
    "fields without presence": (chat_pb2.ImageUrl(), b'{"url":""}'),
    "zero without presence": (chat_pb2.TokenUsage(), b'{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}'),
    "null when absent": (chat_pb2.Choice(index=1), b'{"index":1,"finish_reason":null,"logprobs":null}'),
    "set though null when absent": (
        chat_pb2.Choice(finish_reason="stop", logprobs=b"[]"),
        b'{"index":0,"finish_reason":"stop","logprobs":[]}',
    ),
    "64-bit numbers": (chat_pb2.CreateChatCompletionRequest(seed=2**63 - 1), b'{"seed":9223372036854775807}'),
    "negative numbers": (chat_pb2.CreateChatCompletionRequest(seed=-(2**63)), b'{"seed":-9223372036854775808}'),
    "text that needs escapes": (
        chat_pb2.ImageUrl(url='a"\\\n\u00e9\u4e16'),
        '{"url":"a\\"\\\\\\n\u00e9\u4e16"}'.encode(),
    ),
    "JSON verbatim": (
        chat_pb2.FunctionDefinition(name="f", parameters=b'{"z": 1.0 ,"a":9007199254740993}'),
        b'{"name":"f","parameters":{"z": 1.0 ,"a":9007199254740993}}',
    ),
    "unknown members in order": (
        chat_pb2.ImageUrl(url="u", extra=[Extra(key="z", json=b"1.0"), Extra(key='a"', json=b"[ ]")]),
        b'{"url":"u","z":1.0,"a\\"":[ ]}',
    ),
    "an empty message that is set": (
        chat_pb2.CreateChatCompletionRequest(stream_options=chat_pb2.StreamOptions()),
        b'{"stream_options":{}}',
    ),
    "a union of text": (chat_pb2.MessageContent(text=""), b'""'),
    "a union of parts": (
        chat_pb2.MessageContent(parts=chat_pb2.ContentParts(parts=[chat_pb2.ContentPart(type="x")])),
        b'[{"type":"x"}]',
    ),
    "a union of no parts": (chat_pb2.MessageContent(parts=chat_pb2.ContentParts()), b"[]"),
    "a union of anything": (chat_pb2.StringOrList(json=b"5.0"), b"5.0"),
    "an empty union": (chat_pb2.StringOrList(), b"null"),
    "dollars": (
        chat_pb2.GatewayMetadata(cost_nanousd=12_000),
        b'{"routed_to":"","complexity":"","latency_ms":0,"cache_hit":false,"provider":"","request_id":"","strategy":"",'
        b'"attempts":0,"cost_usd":0.000012}',
    ),
    "bytes as base64": (wrappers_pb2.BytesValue(value=b"\xff\x00"), b'{"value":"/wA="}'),
}


@pytest.mark.parametrize(("message", "text"), WRITTEN.values(), ids=WRITTEN.keys())
def test_writes(message: Message, text: bytes) -> None:
    assert write(message) == text


def tool(**members: Any) -> Message:
    function = chat_pb2.FunctionDefinition(name="f", **members)
    return chat_pb2.CreateChatCompletionRequest(tools=[chat_pb2.Tool(), chat_pb2.Tool(function=function)])


UNWRITABLE: dict[str, tuple[Message, str]] = {
    "text that is no JSON": (tool(parameters=b"{nonsense"), "tools[1].function.parameters"),
    "two values": (tool(parameters=b"{} {}"), "tools[1].function.parameters"),
    "no value": (tool(parameters=b""), "tools[1].function.parameters"),
    "a value that closes the object": (tool(parameters=b'1},"x":{"a":1'), "tools[1].function.parameters"),
    "bytes that are not UTF-8": (tool(parameters=b'"\xff"'), "tools[1].function.parameters"),
    "nesting without end": (tool(parameters=b"[" * 100_000 + b"]" * 100_000), "tools[1].function.parameters"),
    "an unknown member": (tool(extra=[Extra(key="a", json=b"1"), Extra(key="b", json=b"1,")]), "tools[1].function.b"),
    "infinity": (chat_pb2.CreateChatCompletionRequest(temperature=math.inf), "temperature"),
    "not a number": (chat_pb2.CreateChatCompletionRequest(top_p=math.nan), "top_p"),
    "inside a union": (
        chat_pb2.ChatMessage(
            content=chat_pb2.MessageContent(
                parts=chat_pb2.ContentParts(parts=[chat_pb2.ContentPart(extra=[Extra(key="x", json=b"x")])])
            )
        ),
        "content[0].x",
    ),
}


@pytest.mark.parametrize(("message", "path"), UNWRITABLE.values(), ids=UNWRITABLE.keys())
def test_refuses_and_tells_where(message: Message, path: str) -> None:
    with pytest.raises(UnwritableError) as fault:
        write(message)
    assert "".join(reversed(fault.value.steps)) == f".{path}"


MONEY = {
    0: b"0",
    1: b"0.000000001",
    12_000: b"0.000012",
    10**9: b"1",
    1_500_000_000: b"1.5",
    -250_000_000: b"-0.25",
    2**63 - 1: b"9223372036.854775807",
}


@pytest.mark.parametrize(("nanousd", "text"), MONEY.items(), ids=map(str, MONEY))
def test_writes_dollars_exactly(nanousd: int, text: bytes) -> None:
    assert dollars(nanousd) == text


def test_verbatim_is_the_same_bytes() -> None:
    text = b' { "a" : 1.0 } '
    assert verbatim(text) is text


@pytest.mark.parametrize("message_class", [struct_pb2.Struct, wrappers_pb2.FloatValue], ids=["a map", "a float"])
def test_a_type_without_a_form_is_refused_when_compiled(message_class: type[Message]) -> None:
    with pytest.raises(TypeError, match="without a form"):
        Writers().of(cast(Descriptor, message_class.DESCRIPTOR))
