"""Metadata as the wire would carry it: checked, measured and copied.

The rules are those of gRPC over HTTP/2: keys of `[0-9a-z_.-]`, printable ASCII values, bytes under keys that end in
`-bin`. It must not touch the transport. Stricter than grpc.aio on one point: names that belong to the protocol
(`grpc-…`, `te`, `content-type`) are refused where a socket would drop or misread them.
"""

from collections.abc import Iterable
from functools import lru_cache
from itertools import chain

import grpc
from msgspec import Struct

Pairs = tuple[tuple[str, str | bytes], ...]
MetadataLike = Iterable[tuple[str, str | bytes]]

_KEY_CHARACTERS = "0123456789abcdefghijklmnopqrstuvwxyz_.-"
_PROTOCOL_NAMES = frozenset({"te", "content-type"})
_RESERVED_PREFIX = "grpc-"
_CLIENT_MAY_SEND = frozenset({"grpc-trace-bin", "grpc-tags-bin", "grpc-previous-rpc-attempts"})
_SERVER_MAY_SEND = frozenset({"grpc-status-details-bin", "grpc-retry-pushback-ms", "grpc-server-stats-bin"})
_ENTRY_OVERHEAD_BYTES = 32
_MAX_KNOWN_KEYS = 512


class InvalidMetadataError(grpc.aio.InternalError):
    """A key or a value that cannot go over HTTP/2. The message names the key, never the value."""


def from_client(metadata: MetadataLike | None) -> Pairs:
    """Copies what a caller sends. Raises InvalidMetadataError."""
    return _checked(metadata, _CLIENT_MAY_SEND) if metadata else ()


def from_server(metadata: MetadataLike | None) -> Pairs:
    """Copies what a handler sends. Raises InvalidMetadataError."""
    return _checked(metadata, _SERVER_MAY_SEND) if metadata else ()


class Texts(Struct, frozen=True):
    """Metadata that are nothing but text; `size_bytes` as HTTP/2 counts it against a limit."""

    names: tuple[str, ...]
    values: tuple[str, ...]
    size_bytes: int


def texts_of(pairs: Pairs, allowed: frozenset[str] = _SERVER_MAY_SEND) -> Texts | None:
    """What a handler sends, where all of it is text that can be sent; None where each has to be looked at."""
    if not pairs:
        return Texts((), (), 0)
    try:
        names, values = zip(*pairs, strict=True)
        text = "".join(values)
        names_bytes = _text_names_bytes(names, allowed)
    except (TypeError, ValueError, InvalidMetadataError):
        return None
    if names_bytes < 0 or not text.isascii() or not text.isprintable():
        return None
    return Texts(names, values, names_bytes + len(text))


def size_bytes(pairs: Pairs) -> int:
    """Size as HTTP/2 counts it against a limit: names, values and 32 bytes for each entry."""
    return sum(map(len, chain.from_iterable(pairs))) + _ENTRY_OVERHEAD_BYTES * len(pairs)


def _checked(metadata: MetadataLike, allowed: frozenset[str]) -> Pairs:
    """All entries at once where they are text under names that always come together, else one by one."""
    pairs = tuple(metadata)
    texts = texts_of(pairs, allowed)
    if texts is not None:
        return tuple(zip(texts.names, texts.values, strict=True))
    return tuple([_pair(key, value, allowed) for key, value in pairs])


def _pair(key: object, value: object, allowed: frozenset[str]) -> tuple[str, str | bytes]:
    if key.__class__ is str and value.__class__ is str and not _takes_bytes(key, allowed):
        if value.isascii() and value.isprintable():
            return key, value
        raise InvalidMetadataError(f"the value of metadata {key!r} is not printable ASCII")
    if not isinstance(key, str):
        raise InvalidMetadataError(f"metadata key {key!r} is not text")
    if _takes_bytes(key, allowed):
        if not isinstance(value, bytes):
            raise InvalidMetadataError(f"metadata {key!r} ends in -bin, so its value must be bytes")
        return key, value
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise InvalidMetadataError(f"the value of metadata {key!r} is not printable ASCII")
    return key, value


@lru_cache(maxsize=_MAX_KNOWN_KEYS)
def _text_names_bytes(keys: tuple[str, ...], allowed: frozenset[str]) -> int:
    """What keys whose values are all text count against a limit; -1 for others. Raises as for one key."""
    if not all(isinstance(key, str) and not _takes_bytes(key, allowed) for key in keys):
        return -1
    return sum(map(len, keys)) + _ENTRY_OVERHEAD_BYTES * len(keys)


@lru_cache(maxsize=_MAX_KNOWN_KEYS)
def _takes_bytes(key: str, allowed: frozenset[str]) -> bool:
    """Whether values of the key are bytes. Raises for a key that may not be sent; the same few keys always come."""
    if not key or key.strip(_KEY_CHARACTERS):
        raise InvalidMetadataError(f"metadata key {key!r} has characters other than 0-9 a-z _ . -")
    if (key.startswith(_RESERVED_PREFIX) and key not in allowed) or key in _PROTOCOL_NAMES:
        raise InvalidMetadataError(f"metadata key {key!r} belongs to the protocol")
    return key.endswith("-bin")
