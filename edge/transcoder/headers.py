"""HTTP headers as gRPC metadata and back, by allow-lists; what is on none of them does not pass.

`Grpc-Metadata-X` carries any other entry in, `Grpc-Metadata-` and `Grpc-Trailer-` carry it out, as in grpc-gateway.
Names that the transport owns are refused, because the channel itself would let them through.
"""

import base64
import binascii
from collections.abc import Iterable, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from edge.transcoder.faults import invalid

Headers = Iterable[tuple[bytes, bytes]]
Metadata = tuple[tuple[str, str | bytes], ...]

FORWARDED_FOR: Final = "x-forwarded-for"
_INBOUND: Final = MappingProxyType(
    {
        b"authorization": "authorization",
        b"cache-control": "cache-control",
        b"x-api-key": "x-api-key",
        b"traceparent": "traceparent",
        b"tracestate": "tracestate",
        b"x-request-id": "x-request-id",
        b"x-workspace-id": "x-workspace-id",
        b"idempotency-key": "idempotency-key",
        b"user-agent": "user-agent",
        b"anthropic-beta": "anthropic-beta",
        b"anthropic-version": "anthropic-version",
    }
)
_INBOUND_PREFIX: Final = b"x-perpetuo-"
_METADATA_PREFIX: Final = b"grpc-metadata-"
_TRAILER_PREFIX: Final = b"grpc-trailer-"
_MAX_KNOWN_NAMES: Final = 512
_FORWARDED_FOR: Final = b"x-forwarded-for"
_RESERVED: Final = frozenset({"connection", "content-type", "host", "te", "x-forwarded-for", "x-forwarded-host"})
_NAME_CHARS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-.")
_OUTBOUND: Final = frozenset({"content-disposition", "idempotent-replayed", "retry-after", "x-request-id"})
_OUTBOUND_PREFIXES: Final = ("x-ratelimit-", "x-perpetuo-", "anthropic-ratelimit-")
_SWALLOWED: Final = frozenset({"content-type", "date", "server", "te", "trailer", "transfer-encoding", "user-agent"})


def inbound(headers: Headers, peer: str | None) -> Metadata:
    """The metadata of a call, in the order of the headers, duplicates kept.

    Args:
        headers: names in lower case, as ASGI gives them.
        peer: address of the connection, the last hop of `x-forwarded-for`; None if it has none.

    Raises:
        TranscodeError: 400, a `Grpc-Metadata-` header with a reserved name or broken base64.
    """
    entries: list[tuple[str, str | bytes]] = []
    hops: list[str] = []
    for name, value in headers:
        known = _INBOUND.get(name)
        if known is not None:
            text = _printable(value)
            if text is not None:
                entries.append((known, text))
        elif name.startswith(_INBOUND_PREFIX):
            _add(entries, name.decode("ascii", "replace"), value)
        elif name.startswith(_METADATA_PREFIX):
            _add(entries, _metadata_name(name[len(_METADATA_PREFIX) :]), value)
        elif name == _FORWARDED_FOR:
            hops.append(_printable(value) or "")
    chain = ", ".join(hop for hop in (*hops, peer) if hop)
    if chain:
        entries.append((FORWARDED_FOR, chain))
    return tuple(entries)


def outbound(initial: Iterable[tuple[str, str | bytes]]) -> list[tuple[bytes, bytes]]:
    """The response headers for a call's initial metadata: allowed ones as they are, others as `grpc-metadata-…`."""
    made: list[tuple[bytes, bytes]] = []
    for name, value in initial:
        header = _header_name(name, _METADATA_PREFIX)
        if header is not None:
            made.append((header, _text(value)))
    return made


def outbound_trailers(
    trailing: Iterable[tuple[str, str | bytes]], *, accepts_trailers: bool
) -> list[tuple[bytes, bytes]]:
    """The response headers for a call's trailing metadata: allowed ones; others as `grpc-trailer-…` if asked for.

    `accepts_trailers` is whether the request said `TE: trailers`.
    """
    return [
        (header, _text(value))
        for name, value in trailing
        if (header := _header_name(name, _TRAILER_PREFIX)) is not None and (accepts_trailers or _is_allowed_out(name))
    ]


def accepts_trailers(te: Sequence[str]) -> bool:
    """Whether the values of `TE` ask for trailers."""
    return any(part.strip().lower() == "trailers" for value in te for part in value.split(","))


def _add(entries: list[tuple[str, str | bytes]], name: str, value: bytes) -> None:
    """Adds one entry; a name or value that metadata cannot hold is left out."""
    if not name or not _NAME_CHARS.issuperset(name):
        return
    if name.endswith("-bin"):
        entries.append((name, _from_base64(name, value)))
    elif (text := _printable(value)) is not None:
        entries.append((name, text))


def _printable(value: bytes) -> str | None:
    """A header value as text; None if it holds anything but printable ASCII."""
    text = value.decode("latin-1")
    return text if text.isascii() and text.isprintable() else None


def _metadata_name(raw: bytes) -> str:
    name = raw.decode("ascii", "replace").lower()
    if name in _RESERVED or name.startswith(("grpc-", ":")):
        raise invalid(f"The metadata name {name} is reserved.", name)
    return name


def _from_base64(name: str, value: bytes) -> bytes:
    bare = value.strip().rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    try:
        return base64.b64decode(bare + b"=" * (-len(bare) % 4), validate=True)
    except binascii.Error:
        raise invalid(f"The header Grpc-Metadata-{name} takes base64.", name) from None


def _is_allowed_out(name: str) -> bool:
    return name in _OUTBOUND or name.startswith(_OUTBOUND_PREFIXES)


@lru_cache(maxsize=_MAX_KNOWN_NAMES)
def _header_name(name: str, prefix: bytes) -> bytes | None:
    """The header for an entry of metadata, behind the prefix unless it goes out as it is; None for what does not."""
    if _is_swallowed(name):
        return None
    return name.encode() if _is_allowed_out(name) else prefix + name.encode()


def _is_swallowed(name: str) -> bool:
    return name in _SWALLOWED or name.startswith(("grpc-", ":")) or not _NAME_CHARS.issuperset(name)


def _text(value: str | bytes) -> bytes:
    """A metadata value as a header value: binary as base64 without padding, other text with nothing but ASCII."""
    if isinstance(value, bytes):
        return base64.b64encode(value).rstrip(b"=")
    if value.isascii() and value.isprintable():
        return value.encode()
    return "".join(char if char.isascii() and char.isprintable() else "?" for char in value).encode()
