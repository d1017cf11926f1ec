"""The frames of a tunnel as the edge reads and writes them: what `tunnel.proto` says, in MessagePack.

Frames that come are checked as they are read, and so typed; those that go are tuples, which cost least to make.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import msgspec

VERSION: Final = 1
PIECE_COST_BYTES: Final = 32
"""What a piece takes of the credit beside its length."""

BEGIN: Final = 0
CANCEL: Final = 1
CREDIT: Final = 2
HEAD: Final = 3
BODY: Final = 4
FORGET_HEADS: Final = 5
MAX_HEADS: Final = 1000

Pairs = tuple[tuple[str, Any], ...]
Frame = tuple[Any, ...]

_ARRAY: Final = b"\xdd"  # of at most 2**32 - 1


class Hello(msgspec.Struct, array_like=True, tag=0, frozen=True, gc=False):
    """The first frame: what the core takes."""

    version: int
    max_calls: int
    max_request_bytes: int
    window_bytes: int


class Answer(msgspec.Struct, array_like=True, tag=1, frozen=True, gc=False):
    """The whole answer of a call."""

    id: int
    initial: Pairs
    payload: bytes
    trailing: Pairs


class Head(msgspec.Struct, array_like=True, tag=2, frozen=True, gc=False):
    """The beginning of an answer."""

    id: int
    initial: Pairs


class Piece(msgspec.Struct, array_like=True, tag=3, frozen=True, gc=False):
    """A response, or a piece of one."""

    id: int
    payload: bytes
    is_last: bool


class Events(msgspec.Struct, array_like=True, tag=4, frozen=True, gc=False):
    """A response that is nothing but a list."""

    id: int
    entries: list[bytes]


class End(msgspec.Struct, array_like=True, tag=5, frozen=True, gc=False):
    """How a call ended."""

    id: int
    code: int
    details: str
    initial: Pairs
    trailing: Pairs


class Refused(msgspec.Struct, array_like=True, tag=6, frozen=True, gc=False):
    """The call was not begun; nor will others be that begin so, if it `is_for_good`."""

    id: int
    is_for_good: bool = False


class Leaving(msgspec.Struct, array_like=True, tag=7, frozen=True, gc=False):
    """The core stops."""


class Body(msgspec.Struct, array_like=True, tag=8, frozen=True, gc=False):
    """The whole answer of a call without messages: JSON, and initial metadata as names and values.

    `is_text`: all values are printable ASCII text.
    """

    id: int
    names: tuple[str, ...]
    values: tuple[Any, ...]
    is_text: bool
    body: bytes

    announced: ClassVar[None] = None
    """Not told from values of its own."""

    @property
    def metadata(self) -> Pairs:
        """The initial metadata."""
        return tuple(zip(self.names, self.values, strict=True))


read_batch: Final = msgspec.msgpack.Decoder(
    list[Hello | Answer | Head | Piece | Events | End | Refused | Leaving | Body]
).decode
"""The frames of a batch. Raises msgspec.MsgspecError for what is none."""

write_frame: Final = msgspec.msgpack.Encoder().encode
"""A frame as bytes."""


def write_batch(frames: Sequence[bytes]) -> bytes:
    """Frames that are written already as one batch: an array of them."""
    return b"".join((_ARRAY, len(frames).to_bytes(4, "big"), *frames))
