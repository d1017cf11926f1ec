"""The secrets of gateway keys: how they look, how they are checked without a look-up, and how they are hashed.

A secret is `pk_` or `gw_`, 32 random characters (190 bits) and 6 characters of checksum over all before, so that a typo
or a cut-off paste is refused without asking the database. What is kept is its HMAC-SHA256 under a pepper that is not in
the database; a fast hash is right for a secret that nobody can guess.
"""

import hashlib
import re
import secrets
import zlib
from typing import Literal

KeyPrefix = Literal["pk", "gw"]

MAX_CHARS = 128

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_CHARS = 32
_CHECK_CHARS = 6
_SHAPE = re.compile(r"(?:pk|gw)_[0-9A-Za-z]{38}")
_SHOWN_CHARS = 8
_BLOCK_BYTES = 64


def new_secret(prefix: KeyPrefix) -> str:
    """A fresh secret, 41 characters."""
    body = f"{prefix}_{_base62(secrets.randbelow(62**_RANDOM_CHARS), _RANDOM_CHARS)}"
    return body + _checksum(body)


def is_well_formed(secret: str) -> bool:
    """Whether the secret has the shape and the checksum of ours: it may still not exist."""
    return _SHAPE.fullmatch(secret) is not None and _checksum(secret[:-_CHECK_CHARS]) == secret[-_CHECK_CHARS:]


def shown_prefix(secret: str) -> str:
    """What lists show of a secret: `gw_abc12...`."""
    return f"{secret[:_SHOWN_CHARS]}..."


class KeyHasher:
    """HMAC-SHA256 (RFC 2104) under one pepper, its two padded blocks hashed in advance: half the time of `hmac`."""

    def __init__(self, pepper: bytes) -> None:
        if len(pepper) > _BLOCK_BYTES:
            raise ValueError("the pepper must fit in one block of SHA-256")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in pepper.ljust(_BLOCK_BYTES, b"\0")))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in pepper.ljust(_BLOCK_BYTES, b"\0")))

    def digest(self, secret: str) -> bytes:
        """The 32 bytes that are kept instead of the secret."""
        inner = self._inner.copy()
        inner.update(secret.encode("utf-8", "surrogatepass"))
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECK_CHARS)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
