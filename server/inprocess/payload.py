"""Messages that change hands: copied at the border, so that neither side sees what the other does later.

Copying a protobuf message in memory was measured at half of serialising and parsing it (0.6 against 1.5 us for a body
of 3 KB, 100 against 330 us for 4 MB), so that is done whenever both sides use the plain serialiser and parser of the
same class; otherwise the message goes through the serialiser of its sender and the parser of its receiver. Raw bytes
are immutable and are handed over as they are.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

from google.protobuf.message import Message

T = TypeVar("T")

Serializer = Callable[[Any], bytes] | None
Deserializer = Callable[[bytes], Any] | None


class Writer:
    """The sending side of one direction of a method."""

    __slots__ = ("_is_plain", "_serialize")

    def __init__(self, serialize: Serializer) -> None:
        self._serialize = serialize
        self._is_plain = getattr(serialize, "__name__", "") == "SerializeToString"

    def seal(self, message: Any) -> "Sealed":
        """Copies a message. Raises what the serialiser raises, TypeError for what is not a message."""
        if self._is_plain and isinstance(message, Message):
            copied = type(message)()
            copied.CopyFrom(message)
            return Sealed(copied, None, copied.ByteSize())
        return self._serialized(message)

    def hand_over(self, message: Any) -> "Sealed":
        """The same without a copy: neither side may change the message any more."""
        if self._is_plain and isinstance(message, Message):
            return Sealed(message, None, message.ByteSize())
        return self._serialized(message)

    def _serialized(self, message: Any) -> "Sealed":
        raw = message if self._serialize is None else self._serialize(message)
        if not isinstance(raw, bytes):
            raise TypeError(f"a message must be serialised to bytes, got {type(raw).__name__}")
        return Sealed(None, raw, len(raw))


class Sealed:
    """A message on its way, owned by nobody: a copy of its own class, or its bytes. `size_bytes` as on the wire."""

    __slots__ = ("message", "raw", "size_bytes")

    def __init__(self, message: Message | None, raw: bytes | None, size_bytes: int) -> None:
        self.message = message
        self.raw = raw
        self.size_bytes = size_bytes


class Reader(Generic[T]):
    """The receiving side of one direction of a method. `message_class` is what it takes as it is, if anything."""

    __slots__ = ("_deserialize", "message_class")

    def __init__(self, deserialize: Callable[[bytes], T] | None) -> None:
        self._deserialize = deserialize
        self.message_class = _class_parsed_by(deserialize)

    def open(self, sealed: Sealed) -> T:
        """The receiver's message. Raises what the parser raises."""
        message: Any = sealed.message
        if message is not None and type(message) is self.message_class:
            return cast(T, message)
        raw: Any = message.SerializeToString() if message is not None else sealed.raw
        return cast(T, raw) if self._deserialize is None else self._deserialize(raw)


def _class_parsed_by(deserialize: Deserializer) -> type[Message] | None:
    owner = getattr(deserialize, "__self__", None)
    is_plain = getattr(deserialize, "__name__", "") == "FromString"
    return owner if is_plain and isinstance(owner, type) and issubclass(owner, Message) else None
