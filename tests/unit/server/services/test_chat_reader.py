"""What is read: kinds, nulls, what does not fit, and the order of what is not known."""

from typing import Any, TypeVar, cast

import msgspec
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, struct_pb2, wrappers_pb2
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from perpetuo.v1 import chat_pb2

from server.services.chat_reader import Readers
from server.services.chat_writer import Writers

M = TypeVar("M", bound=Message)


def read(text: bytes, message_class: type[M]) -> M:
    message = message_class()
    Readers().of(cast(Descriptor, message.DESCRIPTOR))(message, msgspec.Raw(text))
    return message


Request = chat_pb2.CreateChatCompletionRequest
Extra = chat_pb2.Extra


def kept(key: str, text: bytes) -> Request:
    return Request(extra=[Extra(key=key, json=text)])


READ: dict[str, tuple[bytes, Message]] = {
    "nothing": (b"{}", Request()),
    "scalars": (
        b'{"model":"m","temperature":1,"n":2,"stream":false,"seed":9007199254740993}',
        Request(model="m", temperature=1.0, n=2, stream=False, seed=9007199254740993),
    ),
    "null is unset": (
        b'{"temperature":null,"stop":null,"tools":null,"logit_bias":null,"stream_options":null}',
        Request(),
    ),
    "an empty list is empty": (b'{"tools":[],"modalities":[]}', Request()),
    "an empty object is set": (b'{"stream_options":{}}', Request(stream_options=chat_pb2.StreamOptions())),
    "text of a union": (b'{"stop":"x"}', Request(stop=chat_pb2.StringOrList(text="x"))),
    "a list of a union": (
        b'{"stop":["b","a"]}',
        Request(stop=chat_pb2.StringOrList(list=chat_pb2.StringList(values=["b", "a"]))),
    ),
    "an empty list of a union": (b'{"stop":[]}', Request(stop=chat_pb2.StringOrList(list=chat_pb2.StringList()))),
    "anything of a union": (b'{"stop":5.0}', Request(stop=chat_pb2.StringOrList(json=b"5.0"))),
    "a list of a union that does not fit": (
        b'{"stop":["a", 1]}',
        Request(stop=chat_pb2.StringOrList(json=b'["a", 1]')),
    ),
    "JSON verbatim": (b'{"tool_choice": {"z": 1.0} }', Request(tool_choice=b'{"z": 1.0}')),
    "unknown members in order": (
        b'{"z":1.0,"n":1,"a": [ 1 ] ,"m":null}',
        Request(n=1, extra=[Extra(key="z", json=b"1.0"), Extra(key="a", json=b"[ 1 ]"), Extra(key="m", json=b"null")]),
    ),
    "a member called like the field for unknown ones": (b'{"extra":1}', kept("extra", b"1")),
    "another kind": (b'{"temperature":"hot"}', kept("temperature", b'"hot"')),
    "a number beyond the range": (b'{"n":3000000000}', kept("n", b"3000000000")),
    "an integer beyond 64 bits": (b'{"seed":9223372036854775808}', kept("seed", b"9223372036854775808")),
    "a fraction for an integer": (b'{"n":1.0}', kept("n", b"1.0")),
    "an integer that no double holds": (b'{"temperature":9007199254740993}', kept("temperature", b"9007199254740993")),
    "a number that no double holds": (b'{"temperature":1e400}', kept("temperature", b"1e400")),
    "a list with null": (b'{"modalities":["a",null]}', kept("modalities", b'["a",null]')),
    "a list of messages with one that is none": (b'{"tools":[{"type":"x"},5]}', kept("tools", b'[{"type":"x"},5]')),
    "a message that is none": (b'{"stream_options":[]}', kept("stream_options", b"[]")),
    "a message with no room for unknown members": (b'{"gateway":{"x":1}}', kept("gateway", b'{"x":1}')),
    "unknown members inside": (
        b'{"stream_options":{"include_usage":true,"x":1}}',
        Request(stream_options=chat_pb2.StreamOptions(include_usage=True, extra=[Extra(key="x", json=b"1")])),
    ),
    "base64": (b'{"value":"/wA="}', wrappers_pb2.BytesValue(value=b"\xff\x00")),
}


@pytest.mark.parametrize(("text", "message"), READ.values(), ids=READ.keys())
def test_reads(text: bytes, message: Message) -> None:
    assert read(text, type(message)) == message


MONEY: dict[str, tuple[bytes, int | None]] = {
    "zero": (b"0", 0),
    "a fraction": (b"0.000012", 12_000),
    "an exponent": (b"1.2e-05", 12_000),
    "whole dollars": (b"3", 3_000_000_000),
    "the most": (b"9223372036.854775807", 2**63 - 1),
    "negative": (b"-0.25", -250_000_000),
    "null": (b"null", None),
}


@pytest.mark.parametrize(("text", "nanousd"), MONEY.values(), ids=MONEY.keys())
def test_reads_dollars_exactly(text: bytes, nanousd: int | None) -> None:
    metadata = read(b'{"cost_usd":' + text + b"}", chat_pb2.GatewayMetadata)
    assert (metadata.cost_nanousd if metadata.HasField("cost_nanousd") else None) == nanousd


@pytest.mark.parametrize("text", [b"1e-10", b"9223372036.854775808", b"1e999999", b"1e-999999", b'"1"', b"true", b"{}"])
def test_refuses_dollars_that_are_no_nano_dollars(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"no place in GatewayMetadata"):
        read(b'{"cost_usd":' + text + b"}", chat_pb2.GatewayMetadata)


@pytest.mark.parametrize("message_class", [struct_pb2.Struct, wrappers_pb2.FloatValue], ids=["a map", "a float"])
def test_a_type_without_a_form_is_refused_when_compiled(message_class: type[Message]) -> None:
    with pytest.raises(TypeError, match="without a form"):
        Readers().of(cast(Descriptor, message_class.DESCRIPTOR))


def tree_class() -> type[Any]:
    """A message type that contains itself."""
    file = descriptor_pb2.FileDescriptorProto(name="tree.proto", package="test", syntax="proto3")
    tree = file.message_type.add(name="Tree")
    kinds = descriptor_pb2.FieldDescriptorProto
    tree.field.add(name="name", number=1, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
    tree.field.add(name="trees", number=2, type=kinds.TYPE_MESSAGE, label=kinds.LABEL_REPEATED, type_name=".test.Tree")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("test.Tree"))


def test_a_type_that_contains_itself_is_compiled_once() -> None:
    text = b'{"name":"a","trees":[{"name":"b","trees":[{"name":"c"}]},{"name":"d"}]}'
    tree = read(text, tree_class())
    assert Writers().of(tree.DESCRIPTOR)(tree) == text
