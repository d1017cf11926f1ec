"""The vault: seals provider keys for storage, and opens them.

AES-256-GCM with a random nonce of 96 bits. What is sealed is bound to its place (purpose, workspace, row), so a
ciphertext that is moved to another row or workspace does not open. Layout: version (1 byte), key id (8), nonce (12),
ciphertext with its tag (16).
"""

import hashlib
import hmac
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

WRONG_MASTER_KEY = (
    "What the database holds was sealed with another master key. Start with that one (PERPETUO_MASTER_KEY, or "
    "master.key in the data directory), or name it as the old one (--old-master-key-file)."
)
"""What an operator is told who starts with a master key that opens nothing."""

_VERSION = 1
_KEY_ID_BYTES = 8
_NONCE_BYTES = 12
_TAG_BYTES = 16
_HEADER_BYTES = 1 + _KEY_ID_BYTES + _NONCE_BYTES
_MASK_FROM_CHARS = 16


class SealBrokenError(Exception):
    """What is sealed cannot be opened: it was changed, moved, or sealed with another master key."""


class WrongKeyError(SealBrokenError):
    """It was sealed with a master key that this gateway does not have."""


class Place(Struct, frozen=True):
    """Where a sealed value belongs: what it is for, and the ids of its workspace and row."""

    purpose: str
    workspace_id: str
    row_id: str

    def bound(self) -> bytes:
        """The bytes that the seal is bound to."""
        parts = (str(_VERSION), self.purpose, self.workspace_id, self.row_id)
        if any("|" in part for part in parts):
            raise ValueError("a place must not contain '|'")
        return "|".join(parts).encode()


class Vault:
    """Seals with one key, and also opens what `older` keys of 32 bytes have sealed."""

    def __init__(self, key: bytes, older: Sequence[bytes] = ()) -> None:
        self._key_id = _id_of(key)
        self._ciphers = {_id_of(known): AESGCM(known) for known in (*older, key)}

    def seal(self, plaintext: str, place: Place) -> bytes:
        """The sealed text; twice the same text is sealed differently."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self._key_id].encrypt(nonce, plaintext.encode(), place.bound())
        return bytes((_VERSION,)) + self._key_id + nonce + sealed

    def is_current(self, sealed: bytes) -> bool:
        """Whether the newest key sealed it, as far as its header says."""
        return sealed[:1] == bytes((_VERSION,)) and sealed[1 : 1 + _KEY_ID_BYTES] == self._key_id

    def open(self, sealed: bytes, place: Place) -> str:
        """The text. Raises WrongKeyError when no key of ours sealed it, SealBrokenError when it was tampered with."""
        if len(sealed) < _HEADER_BYTES + _TAG_BYTES or sealed[0] != _VERSION:
            raise SealBrokenError("a sealed value is cut short or of an unknown version")
        cipher = self._ciphers.get(sealed[1 : 1 + _KEY_ID_BYTES])
        if cipher is None:
            raise WrongKeyError("a sealed value was sealed with another master key")
        try:
            opened = cipher.decrypt(sealed[1 + _KEY_ID_BYTES : _HEADER_BYTES], sealed[_HEADER_BYTES:], place.bound())
        except InvalidTag as error:
            raise SealBrokenError("a sealed value was changed, or moved from the row that it was sealed for") from error
        return opened.decode()


def masked(api_key: str) -> str:
    """What may be shown of an API key: `sk-...abcd`; nothing at all of one below 16 characters."""
    if len(api_key) < _MASK_FROM_CHARS:
        return "****"
    return f"{api_key[:3]}...{api_key[-4:]}"


def _id_of(key: bytes) -> bytes:
    return hmac.digest(key, b"perpetuo key id", hashlib.sha256)[:_KEY_ID_BYTES]
