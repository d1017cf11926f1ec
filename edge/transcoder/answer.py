"""Compiles a binding's answer side: a message in, the bytes of an HTTP body out.

It writes no headers and no framing. A google.api.HttpBody leaves as it is, under its own content type.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from perpetuo.rest.v1 import annotations_pb2 as rest_options

from edge.transcoder.json_encode import Encode, Writers, compile_encoder, compile_field_encoder
from edge.transcoder.profile import Profile
from edge.transcoder.rule import HTTP_BODY, Rule

_WRAPPED = (b'{"success":true,"data":', b"}")


class RawBody(Protocol):
    """A google.api.HttpBody, whatever pool it comes from."""

    content_type: str
    data: bytes


Raw = Callable[[Message], RawBody]
"""From an answer to the raw body that it holds."""

Events = Callable[[Message], Sequence[bytes]]
"""From one message of a stream to the events that it holds, in order."""


def compile_raw(rule: Rule, descriptor: Descriptor) -> Raw | None:
    """The reader of an answer's raw body; None for an answer that is written as JSON."""
    if not rule.response_body:
        return _itself if descriptor.full_name == HTTP_BODY else None
    field = descriptor.fields_by_name[rule.response_body]
    if field.is_repeated or field.message_type is None or field.message_type.full_name != HTTP_BODY:
        return None
    name = field.name

    def raw(message: Any) -> RawBody:
        return cast("RawBody", getattr(message, name))

    return raw


def compile_answer(rule: Rule, descriptor: Descriptor, profile: Profile, writers: Writers | None = None) -> Encode:
    """The encoder of an answer, in its envelope; of a raw answer its bytes. `writers` as for `compile_encoder`."""
    encode = _plain(rule, descriptor, profile, writers)
    if rule.envelope != rest_options.ENVELOPE_SUCCESS_DATA:
        return encode
    before, after = _WRAPPED
    return lambda message: before + encode(message) + after


def compile_events(rule: Rule, descriptor: Descriptor, profile: Profile, writers: Writers | None = None) -> Events:
    """The encoder of one message of a stream into its events, none of them in an envelope.

    A message is one event, but for one whose only field is repeated raw JSON: that is a batch, each entry an event.
    """
    if not rule.response_body and is_batch(descriptor):
        name = descriptor.fields[0].name

        def batch(message: Any) -> Sequence[bytes]:
            return tuple(getattr(message, name))

        return batch
    encode = _plain(rule, descriptor, profile, writers)
    return lambda message: (encode(message),)


def is_batch(descriptor: Descriptor) -> bool:
    """True for a message whose only field is repeated raw JSON."""
    if len(descriptor.fields) != 1 or not descriptor.fields[0].is_repeated:
        return False
    return bool(descriptor.fields[0].GetOptions().Extensions[rest_options.raw_json])


def _plain(rule: Rule, descriptor: Descriptor, profile: Profile, writers: Writers | None) -> Encode:
    raw = compile_raw(rule, descriptor)
    if raw is not None:
        return _data(raw)
    if rule.response_body:
        return compile_field_encoder(descriptor.fields_by_name[rule.response_body], profile, writers)
    return compile_encoder(descriptor, profile, writers)


def _data(raw: Raw) -> Encode:
    return lambda message: raw(message).data


def _itself(message: Message) -> RawBody:
    return cast("RawBody", message)
