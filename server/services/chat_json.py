"""The typed form of a chat completion as JSON and back: what the typed methods add to the raw ones.

Driven by the options of `perpetuo.rest.v1` on the message types; the rules stand with the writer and the reader. No
`json_format`, no `Struct`: order, number spelling and unknown members survive. It must not know any message by name.
"""

from functools import cache
from typing import TypeVar

import msgspec
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from msgspec import Raw

from server.errors import RequestInvalid
from server.services.chat_reader import Put, Readers
from server.services.chat_writer import UnwritableError, Write, Writers

M = TypeVar("M", bound=Message)


def message_to_json(message: Message) -> bytes:
    """The JSON of a message, always one object or, of a union, one value.

    Raises RequestInvalid for bytes that should be JSON and are not, and for numbers that are not finite; `param` is the
    path of the member.
    """
    try:
        return _writer_of(message.DESCRIPTOR)(message)
    except UnwritableError as fault:
        member = "".join(reversed(fault.steps)).removeprefix(".")
        raise RequestInvalid(f"'{member}' {fault.reason}.", param=member) from None


def json_to_message(data: bytes, message_class: type[M]) -> M:
    """The message that a JSON text says; what its type does not know is kept verbatim.

    Raises RequestInvalid when the text is not JSON or not of the message's kind (an object, for most).
    """
    message = message_class()
    try:
        _reader_of(message.DESCRIPTOR)(message, Raw(data))
    except msgspec.ValidationError as exc:
        raise RequestInvalid(f"The JSON is no {message.DESCRIPTOR.name}: {exc}.") from None
    except (ValueError, RecursionError) as exc:
        raise RequestInvalid(f"The JSON cannot be read: {exc}.") from None
    return message


@cache
def _writer_of(descriptor: Descriptor) -> Write:
    return Writers().of(descriptor)


@cache
def _reader_of(descriptor: Descriptor) -> Put:
    return Readers().of(descriptor)
