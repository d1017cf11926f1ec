"""Passwords: which are good enough, and how they are kept.

Argon2id with at least the parameters of OWASP's Password Storage Cheat Sheet (19 MiB, 2 passes, 1 lane), computed in a
small pool of threads, since one hash takes tens of milliseconds: never on the event loop, and never more at once than
the pool holds. A password is never logged, never in a message, and never compared by `==`.
"""

import asyncio
import base64
import os
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError
from msgspec import Struct

from server.accounts.weak_passwords import is_weak
from server.errors import Overloaded, PasswordWeak

MIN_BYTES = 8
MAX_BYTES = 1024

_MEMORY_KIB = 19 * 1024
_PASSES = 2
_LANES = 1
_SALT_BYTES = 16
_HASH_BYTES = 32
_THREADS = 2
_MAX_WAITING = 64
_RETRY_AFTER_S = 1.0

T = TypeVar("T")


class Verdict(Struct, frozen=True):
    """Whether a password is the right one, and a new hash to keep if the old one was made with weaker parameters."""

    is_right: bool
    new_hash: str | None = None


def check_password(password: str, param: str = "password") -> None:
    """Raises PasswordWeak naming the rule that the password breaks."""
    try:
        size_bytes = len(password.encode())
    except UnicodeEncodeError as error:
        raise PasswordWeak("The password must be valid Unicode text.", param=param) from error
    if size_bytes < MIN_BYTES:
        raise PasswordWeak(f"The password must be at least {MIN_BYTES} bytes long.", param=param)
    if size_bytes > MAX_BYTES:
        raise PasswordWeak(f"The password must be at most {MAX_BYTES} bytes long.", param=param)
    if is_weak(password) or len(set(password)) == 1:
        raise PasswordWeak("The password is one of the most common ones; choose another.", param=param)


class Passwords:
    """Hashes and verifies off the event loop, a few at a time."""

    def __init__(self) -> None:
        self._hasher = argon2.PasswordHasher(_PASSES, _MEMORY_KIB, _LANES, _HASH_BYTES, _SALT_BYTES)
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="argon2")
        self._waiting = 0
        self._decoy = _decoy()

    async def hash(self, password: str) -> str:
        """The hash to keep, with its parameters and a fresh salt. Raises Overloaded when too many wait."""
        return await self._run(self._hasher.hash, _normalized(password))

    async def verify(self, password_hash: str | None, password: str) -> Verdict:
        """Compares a password with a kept hash; None stands for an unknown user and costs the same.

        Raises Overloaded when too many wait.
        """
        is_right = await self._run(self._matches, password_hash or self._decoy, _normalized(password))
        if password_hash is None or not is_right:
            return Verdict(is_right=False)
        if self._hasher.check_needs_rehash(password_hash):
            return Verdict(is_right=True, new_hash=await self.hash(password))
        return Verdict(is_right=True)

    def close(self) -> None:
        """Lets running hashes end, and drops those that wait."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _matches(self, password_hash: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, function: Callable[..., T], *arguments: str | bytes) -> T:
        if self._waiting >= _MAX_WAITING:
            raise Overloaded("Too many sign-ins at this moment; try again.", retry_after_s=_RETRY_AFTER_S)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)
        finally:
            self._waiting -= 1


def _normalized(password: str) -> bytes:
    """The bytes to hash: composed Unicode, so that every keyboard spells an accent alike.

    What is too long to be anybody's password is cut, so that a wrong guess of a megabyte costs no more than another.
    """
    return unicodedata.normalize("NFC", password[: MAX_BYTES + 1]).encode("utf-8", "surrogatepass")


def _decoy() -> str:
    """A hash that no password has, with our parameters: to verify against it takes as long as against a real one."""
    salt, digest = (base64.b64encode(os.urandom(size)).rstrip(b"=").decode() for size in (_SALT_BYTES, _HASH_BYTES))
    return f"$argon2id$v=19$m={_MEMORY_KIB},t={_PASSES},p={_LANES}${salt}${digest}"
