"""The frames of a tunnel as the core reads and writes them: what `tunnel.proto` says, in MessagePack.

Frames that come are checked as they are read, and so typed; those that go are tuples, which cost least to make.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

VERSION: Final = 1
MAX_BATCH_BYTES: Final = 4 * 1024 * 1024
WINDOW_BYTES: Final = 64 * 1024
"""Credit of a call at its beginning."""

PIECE_BYTES: Final = 32 * 1024
PIECE_COST_BYTES: Final = 32
"""What a piece takes of the credit beside its length, so that empty ones take some too."""

HELLO: Final = 0
ANSWER: Final = 1
HEAD: Final = 2
PIECE: Final = 3
EVENTS: Final = 4
END: Final = 5
REFUSED: Final = 6
LEAVING: Final = 7
BODY: Final = 8
MAX_HEADS: Final = 1000

Frame = tuple[Any, ...]

_ARRAY: Final = b"\xdd"  # of at most 2**32 - 1


class Begin(msgspec.Struct, array_like=True, tag=0, frozen=True, gc=False):
    """A call."""

    id: int
    method: str
    is_stream: bool
    metadata: tuple[tuple[Any, Any], ...]
    payload: bytes
    timeout_s: float | None = None


class Cancel(msgspec.Struct, array_like=True, tag=1, frozen=True, gc=False):
    """Nobody waits for the call any more."""

    id: int


class Credit(msgspec.Struct, array_like=True, tag=2, frozen=True, gc=False):
    """So many bytes more may be sent."""

    id: int
    size_bytes: int


class Head(msgspec.Struct, array_like=True, tag=3, frozen=True, gc=False):
    """What calls of a method have in common."""

    id: int
    method: str
    metadata: tuple[tuple[Any, Any], ...]


class Body(msgspec.Struct, array_like=True, tag=4, frozen=True, gc=False):
    """A call with such a head."""

    id: int
    head_id: int
    body: bytes


class ForgetHeads(msgspec.Struct, array_like=True, tag=5, frozen=True, gc=False):
    """All heads are forgotten."""


read_batch: Final = msgspec.msgpack.Decoder(list[Begin | Cancel | Credit | Head | Body | ForgetHeads]).decode
"""The frames of a batch. Raises msgspec.MsgspecError for what is none."""

write_frame: Final = msgspec.msgpack.Encoder().encode
"""A frame as bytes."""


def write_batch(frames: Sequence[bytes]) -> bytes:
    """Frames that are written already as one batch: an array of them."""
    return b"".join((_ARRAY, len(frames).to_bytes(4, "big"), *frames))
