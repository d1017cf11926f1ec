"""What is known of a method before it is called."""

from google.protobuf.wrappers_pb2 import StringValue
from perpetuo.v1 import completions_pb2

from edge.tunnel.method import Method

LIMITS_BYTES = (100, 200)


def test_messages_are_coded_as_the_stub_says() -> None:
    method = Method(
        "/a/B", (StringValue.SerializeToString, StringValue.FromString), print, LIMITS_BYTES, is_stream=False
    )
    message = StringValue(value="x")
    assert method.read(method.write(message)) == message
    assert (method.max_send_bytes, method.max_receive_bytes) == LIMITS_BYTES


def test_bytes_pass_as_they_are_without_coders() -> None:
    method = Method("/a/B", (None, None), print, LIMITS_BYTES, is_stream=False)
    assert method.read(method.write(b"raw")) == b"raw"


def test_a_list_becomes_the_response_whose_only_field_it_is() -> None:
    kind = completions_pb2.StreamRawChatCompletionResponse
    method = Method("/a/B", (None, kind.FromString), print, LIMITS_BYTES, is_stream=True)
    assert method.of_entries([b"a", b"b"]) == kind(events=[b"a", b"b"])
    assert method.write_entries([b"a"]) == kind(events=[b"a"]).SerializeToString()
