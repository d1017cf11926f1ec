"""The typed form against the JSON that a REST caller sends: nothing is lost in either direction."""

import json
from decimal import Decimal
from typing import Any, cast

import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from perpetuo.rest.v1 import annotations_pb2 as rest
from perpetuo.v1 import chat_pb2

from server.chat.request import parse_chat_request
from server.errors import RequestInvalid
from server.services.chat_json import json_to_message, message_to_json
from tests.unit.server.chat.bodies import Bodies
from tests.unit.server.services.chat_messages import JSON_VALUES, messages

TYPES: list[type[Message]] = [
    chat_pb2.CreateChatCompletionRequest,
    chat_pb2.CreateChatCompletionResponse,
    chat_pb2.StreamChatCompletionResponse,
]


@pytest.mark.parametrize("message_class", TYPES, ids=lambda cls: cls.__name__)
def test_a_message_survives_json(message_class: type[Message]) -> None:
    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(messages(cast(Descriptor, message_class.DESCRIPTOR)))
    def survives(message: Message) -> None:
        assert json_to_message(message_to_json(message), message_class) == message

    survives()


def exact(text: bytes) -> Any:
    """The value of a JSON text, numbers as exact decimals."""
    return json.loads(text, parse_int=Decimal, parse_float=Decimal)


def expected(value: Any, descriptor: Descriptor) -> Any:
    """What JSON is worth to a message: null and empty lists of its own members are their absence."""
    if not isinstance(value, dict):
        return value
    known = {field.GetOptions().Extensions[rest.json_member] or field.name: field for field in descriptor.fields}
    worth = {}
    for name, item in value.items():
        field = known.get(name)
        if field is None or field.GetOptions().Extensions[rest.raw_json]:
            worth[name] = item
        elif item is not None and not (field.is_repeated and item == []):
            worth[name] = expected_member(item, field.message_type)
    # A raw member's null is its absence too.
    return {name: item for name, item in worth.items() if item is not None or name not in known}


def expected_member(item: Any, message_type: Descriptor | None) -> Any:
    if message_type is None:
        return item
    if message_type.full_name == chat_pb2.MessageContent.DESCRIPTOR.full_name:
        message_type = chat_pb2.ContentPart.DESCRIPTOR
    return [expected(one, message_type) for one in item] if isinstance(item, list) else expected(item, message_type)


def unknown_names(value: Any, descriptor: Descriptor) -> list[str]:
    known = {field.name for field in descriptor.fields}
    return [name for name in value if name not in known]


@pytest.mark.parametrize("block", range(5))
def test_json_survives_a_message(block: int) -> None:
    message_class = chat_pb2.CreateChatCompletionRequest
    for seed in range(block * 100, block * 100 + 100):
        body = Bodies(seed).request()
        message = json_to_message(body, message_class)
        written = message_to_json(message)
        assert exact(written) == expected(exact(body), message_class.DESCRIPTOR), f"seed {seed}"
        sent, back = exact(body), exact(written)
        assert unknown_names(back, message_class.DESCRIPTOR) == unknown_names(sent, message_class.DESCRIPTOR)
        for one, other in zip(sent["messages"], back["messages"], strict=True):
            descriptor = chat_pb2.ChatMessage.DESCRIPTOR
            assert unknown_names(other, descriptor) == unknown_names(one, descriptor)
        assert json_to_message(written, message_class) == message
        parse_chat_request(written)


@settings(max_examples=200, deadline=None, database=None)
@given(JSON_VALUES)
def test_any_value_in_any_member_is_kept(value: object) -> None:
    for name in ("temperature", "n", "stop", "seed", "logit_bias", "user", "stream", "modalities", "nobody"):
        body = json.dumps({name: value}).encode()
        written = exact(message_to_json(json_to_message(body, chat_pb2.CreateChatCompletionRequest)))
        is_absence = name != "nobody" and (value is None or (name == "modalities" and value == []))
        assert written == ({} if is_absence else exact(body))


CHUNK = (
    b'{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1732000000,"model":"m","choices":[{"index":0,'
    b'"delta":{"role":"assistant","content":"","refusal":null,"reasoning":"hm"},"logprobs":null,"finish_reason":null}],'
    b'"usage":null,"obfuscation":"x"}'
)


def test_reads_a_chunk() -> None:
    chunk = json_to_message(CHUNK, chat_pb2.StreamChatCompletionResponse)
    choice = chunk.choices[0]
    assert (chunk.id, chunk.created, choice.index, choice.delta.role) == ("chatcmpl-1", 1732000000, 0, "assistant")
    assert choice.delta.HasField("content")
    assert not choice.delta.HasField("refusal")
    assert not choice.HasField("finish_reason")
    assert not chunk.HasField("usage")
    assert [(extra.key, extra.json) for extra in choice.delta.extra] == [("reasoning", b'"hm"')]
    assert [(extra.key, extra.json) for extra in chunk.extra] == [("obfuscation", b'"x"')]


def test_reads_metadata_with_dollars_as_nano_dollars() -> None:
    body = b'{"gateway_metadata":{"routed_to":"m","cost_usd":0.000012,"cache_hit":true,"notes":["n"]}}'
    metadata = json_to_message(body, chat_pb2.CreateChatCompletionResponse).gateway_metadata
    assert (metadata.routed_to, metadata.cost_nanousd, metadata.cache_hit) == ("m", 12_000, True)
    assert list(metadata.notes) == ["n"]


TEXTS = {
    "nothing": b"",
    "a word": b"x",
    "an array": b"[]",
    "null": b"null",
    "a string": b'"x"',
    "a bomb": b'{"a":' * 100_000,
}


@pytest.mark.parametrize("data", TEXTS.values(), ids=TEXTS.keys())
def test_refuses_what_is_no_object(data: bytes) -> None:
    with pytest.raises(RequestInvalid):
        json_to_message(data, chat_pb2.CreateChatCompletionRequest)


def test_names_the_member_whose_bytes_are_not_json() -> None:
    function = chat_pb2.FunctionDefinition(name="f", parameters=b'{"a":1},"model":"stolen"')
    request = chat_pb2.CreateChatCompletionRequest(tools=[chat_pb2.Tool(), chat_pb2.Tool(function=function)])
    with pytest.raises(RequestInvalid, match="must be one JSON value") as refused:
        message_to_json(request)
    assert refused.value.param == "tools[1].function.parameters"


def test_an_empty_union_is_null() -> None:
    assert message_to_json(chat_pb2.MessageContent()) == b"null"
