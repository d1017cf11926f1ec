"""Vectors in the encoding that the caller asked for, whichever the provider sent.

Base64 is of 32-bit floats, lowest byte first, as OpenAI writes it.
"""

import base64
import binascii
import sys
from array import array
from typing import Final, Literal

import msgspec
from msgspec import Raw, Struct

from server.errors import UpstreamBadResponse

_FLOAT32: Final = "f"
_FLOAT_BYTES: Final = 4
_ENCODER: Final = msgspec.json.Encoder()
_NUMBERS: Final = msgspec.json.Decoder(list[float])
_TEXT: Final = msgspec.json.Decoder(str)


class Vector(Struct):
    """One vector. `embedding` is a list of numbers or base64."""

    index: int
    embedding: Raw
    object: str = "embedding"


class Vectors(Struct):
    """An answer as it comes from a dialect."""

    data: list[Vector]
    model: str
    usage: Raw
    gateway_metadata: Raw
    object: str = "list"


_VECTORS: Final = msgspec.json.Decoder(Vectors)


def embedding_from(body: bytes, encoding: Literal["float", "base64"]) -> bytes:
    """The answer for the caller. Raises UpstreamBadResponse for a vector that cannot be read."""
    answer = _VECTORS.decode(body)
    for vector in answer.data:
        is_text = bytes(memoryview(vector.embedding)[:1]) == b'"'
        if is_text is not (encoding == "base64"):
            vector.embedding = Raw(_ENCODER.encode(_numbers(vector) if is_text else _packed(vector)))
    return _ENCODER.encode(
        {
            "object": answer.object,
            "data": answer.data,
            "model": answer.model,
            "usage": answer.usage,
            "gateway_metadata": answer.gateway_metadata,
        }
    )


def _numbers(vector: Vector) -> list[float]:
    try:
        data = base64.b64decode(_TEXT.decode(vector.embedding), validate=True)
    except (binascii.Error, msgspec.DecodeError):
        data = b"?"
    if not data or len(data) % _FLOAT_BYTES:
        raise UpstreamBadResponse(f"The provider's vector {vector.index} is not what base64 of numbers is.")
    return _in_order(array(_FLOAT32, data)).tolist()


def _packed(vector: Vector) -> str:
    try:
        numbers = array(_FLOAT32, _NUMBERS.decode(vector.embedding))
    except (msgspec.DecodeError, OverflowError):
        raise UpstreamBadResponse(f"The provider's vector {vector.index} is not a list of numbers.") from None
    return base64.b64encode(_in_order(numbers).tobytes()).decode()


def _in_order(numbers: "array[float]") -> "array[float]":
    """From this machine's order of bytes to the lowest first, and back."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
