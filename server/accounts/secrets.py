"""The gateway's own secrets: one master key and one token secret, and the keys for each purpose derived from them.

They come from the operator (replicas must share them) or are made on first start in the data directory, readable by
their owner alone. Nothing here prints a secret, and one purpose's key tells nothing about another's (HKDF, RFC 5869).
"""

import contextlib
import os
import re
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MIN_BYTES = 32

_MASTER_KEY_FILE = "master.key"
_JWT_SECRET_FILE = "jwt.key"
_KEY_BYTES = 32
_HEX = re.compile(r"[0-9a-f]{64}")


class SecretsInvalidError(Exception):
    """A secret of the gateway is too short, unreadable, or readable by others. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """A key of 32 bytes for each purpose: sealing provider keys, hashing gateway keys, signing tokens."""

    vault_key: bytes = field(repr=False)
    key_pepper: bytes = field(repr=False)
    jwt_key: bytes = field(repr=False)
    older_vault_keys: tuple[bytes, ...] = field(default=(), repr=False)

    @classmethod
    def load(
        cls,
        data_dir: Path,
        master_key: str | None = None,
        jwt_secret: str | None = None,
        old_master_key: str | None = None,
    ) -> Self:
        """Takes the secrets as given, or reads them from `data_dir`, where they are made if they are not there.

        `old_master_key` is the one before: what it sealed can be opened, nothing is sealed with it any more.

        Those given are at least 32 bytes of text, surrounding white space apart. Raises SecretsInvalidError.
        """
        master = _given(master_key, "master key") or _kept(data_dir / _MASTER_KEY_FILE)
        old = _given(old_master_key, "old master key")
        jwt = _given(jwt_secret, "token secret") or _kept(data_dir / _JWT_SECRET_FILE)
        return cls(
            vault_key=_derive(master, b"perpetuo/1/vault"),
            key_pepper=_derive(master, b"perpetuo/1/gateway-keys"),
            jwt_key=_derive(jwt, b"perpetuo/1/tokens"),
            older_vault_keys=() if old is None else (_derive(old, b"perpetuo/1/vault"),),
        )


def secret_from(environment: Mapping[str, str], name: str) -> str | None:
    """The secret in the variable `name`, or in the file that the variable `name` + `_FILE` names.

    Raises SecretsInvalidError when both are set or the file cannot be read.
    """
    value, path = environment.get(name), environment.get(f"{name}_FILE")
    if value and path:
        raise SecretsInvalidError(f"Both {name} and {name}_FILE are set; set one of them.")
    if path:
        return secret_from_file(Path(path))
    return value or None


def secret_from_file(path: Path) -> str:
    """The text of a file that the operator made. Raises SecretsInvalidError when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretsInvalidError(f"The secret file {path} cannot be read as text.") from error


def _given(text: str | None, what: str) -> bytes | None:
    secret = (text or "").strip().encode()
    if not secret:
        return None
    if len(secret) < MIN_BYTES:
        raise SecretsInvalidError(
            f"The {what} is {len(secret)} bytes long and must be at least {MIN_BYTES}: make one with "
            "`openssl rand -hex 32`."
        )
    return secret


def _kept(path: Path) -> bytes:
    """The secret in a file of ours; two processes that start at once agree on one."""
    try:
        if not path.exists():
            _make(path)
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretsInvalidError(f"The secret file {path} cannot be made or read: {error}.") from error
    if mode & 0o077:
        raise SecretsInvalidError(f"The secret file {path} can be read by others (mode {mode:04o}): chmod 600 {path}")
    if not _HEX.fullmatch(text):
        raise SecretsInvalidError(
            f"The secret file {path} must hold 64 hexadecimal digits and does not: restore it from a backup. "
            "A new one would make what the old one sealed unreadable."
        )
    return text.encode()


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(secrets.token_hex(_KEY_BYTES) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        # A link never replaces: of two that start at once, one makes the file and both read that one.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _derive(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=purpose).derive(secret)
