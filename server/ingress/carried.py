"""What a vendor signed, carried through a face that has no place for it, to the client and back.

The blocks and items stand as JSON, in base64, behind a mark of the gateway's own, in a member that clients hand back as
it is. Nothing in it is secret to who holds it, and nothing in it is trusted: it only ever goes back to its vendor.
"""

import base64
import binascii
from typing import Final

import msgspec
from msgspec import Raw, Struct

MARK: Final = "perpetuo:"


class Carried(Struct, frozen=True, omit_defaults=True):
    """Signed reasoning: Anthropic's blocks, and the Responses API's items."""

    thinking_blocks: list[Raw] = []
    reasoning_items: list[Raw] = []


_CARRIED: Final = msgspec.json.Decoder(Carried)
_ENCODER: Final = msgspec.json.Encoder()


def pack(carried: Carried) -> str:
    """The text that carries it."""
    return MARK + base64.b64encode(_ENCODER.encode(carried)).decode()


def unpack(text: str) -> Carried | None:
    """What a text carries; None if it is not the gateway's. One that is broken carries nothing."""
    if not text.startswith(MARK):
        return None
    try:
        return _CARRIED.decode(base64.b64decode(text[len(MARK) :], validate=True))
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError):
        return Carried()
