"""Where a whole answer takes one more member: most need not be taken apart to say how the gateway got them.

This must not judge an answer; those that need more than a member at their end are told from those that do not.
"""

from typing import Final

import msgspec
from msgspec import Struct

from server.chat.ids import ID_PREFIX

_OURS_ALREADY: Final = f'{{"id":"{ID_PREFIX}'.encode()
_OURS_SPACED: Final = f'{{"id": "{ID_PREFIX}'.encode()
_OURS_BYTES: Final = len(_OURS_SPACED)
_METADATA: Final = b'"gateway_metadata"'
_MEMBER: Final = b',"gateway_metadata":'
_CLOSED: Final = 0x7D
"""The end of an object."""
_SPACE: Final = 0x20
"""No white space of JSON is above it."""
_ENCODER: Final = msgspec.json.Encoder()


def open_end(body: bytes, *, is_plain: bool = False) -> int:
    """How many bytes of an answer stand before where `gateway_metadata` can be appended; 0 if more has to be done.

    `is_plain`: it is known to have no `gateway_metadata`, and need not be searched.
    """
    # Compared by slices: `startswith` costs twice as much.
    head = body[:_OURS_BYTES]
    if head != _OURS_SPACED and head[:-1] != _OURS_ALREADY:
        return 0
    if body[-1] != _CLOSED or not (is_plain or body.find(_METADATA) < 0):
        return 0
    end = len(body) - 1
    return end if body[end - 1] > _SPACE else len(body[:end].rstrip())


def with_metadata_at(body: bytes, end: int, metadata: Struct) -> bytes:
    """The answer with its `gateway_metadata` behind the first `end` bytes, which is its `open_end`."""
    return b"".join((body[:end], _MEMBER, _ENCODER.encode(metadata), b"}"))
