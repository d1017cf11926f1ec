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

Headers = Sequence[tuple[bytes, bytes]]
Metadata = tuple[tuple[str, str | bytes], ...]
Entries = list[tuple[str, str | bytes]]

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
# Of more, or of longer ones, nothing is remembered.
_MAX_PLANNED: Final = 48
_MAX_PLANNED_BYTES: Final = 1024
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
    names = tuple([name for name, _ in headers])
    plan = _plan(names) if len(names) <= _MAX_PLANNED and sum(map(len, names)) <= _MAX_PLANNED_BYTES else None
    entries, hops = _read_all(headers) if plan is None else _read(headers, plan)
    chain = ", ".join([*hops, peer] if peer else hops)
    if chain:
        entries.append((FORWARDED_FOR, chain))
    return tuple(entries)


Plan = tuple[tuple[tuple[int, str], ...], tuple[int, ...]]
"""At which places stand headers that become text under a name, and those that tell hops."""


@lru_cache(maxsize=_MAX_KNOWN_NAMES)
def _plan(names: tuple[bytes, ...]) -> Plan | None:
    """What is read of headers with these names, which are the same for every request of a client.

    None where a header has to be looked at by itself.
    """
    entries: list[tuple[int, str]] = []
    hops: list[int] = []
    for place, raw in enumerate(names):
        if raw in _INBOUND:
            entries.append((place, _INBOUND[raw]))
        elif raw == _FORWARDED_FOR:
            hops.append(place)
        elif raw.startswith(_METADATA_PREFIX) or (raw.startswith(_INBOUND_PREFIX) and raw.endswith(b"-bin")):
            return None
        elif raw.startswith(_INBOUND_PREFIX) and _NAME_CHARS.issuperset(name := raw.decode("ascii", "replace")):
            entries.append((place, name))
    return tuple(entries), tuple(hops)


def _read(headers: Sequence[tuple[bytes, bytes]], plan: Plan) -> tuple[Entries, list[str]]:
    """The entries that a plan finds, and the hops."""
    entries: Entries = []
    for place, name in plan[0]:
        text = headers[place][1].decode("latin-1")
        if text.isascii() and text.isprintable():
            entries.append((name, text))
    return entries, [hop for place in plan[1] if (hop := _printable(headers[place][1]))]


def _read_all(headers: Headers) -> tuple[Entries, list[str]]:
    """The same, each header looked at by itself."""
    entries: Entries = []
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
    return entries, [hop for hop in hops if hop]


def outbound(initial: Iterable[tuple[str, str | bytes]]) -> list[tuple[bytes, bytes]]:
    """The response headers for a call's initial metadata: allowed ones as they are, others as `grpc-metadata-…`."""
    made: list[tuple[bytes, bytes]] = []
    for name, value in initial:
        header = _header_name(name, _METADATA_PREFIX)
        if header is not None:
            made.append((header, _text(value)))
    return made


def outbound_lines(initial: Sequence[tuple[str, str | bytes]], doubled: tuple[str, str]) -> bytes | None:
    """The same as lines of a head, where all values are printable text; None where each has to be looked at.

    Of `doubled`, the first is a name of metadata, which has to come first and only once, and goes out under both.
    """
    try:
        names, values = zip(*initial, strict=True)
        plain = "".join(values)
    except (TypeError, ValueError):
        return None
    return text_lines(names, values, doubled) if plain.isascii() and plain.isprintable() else None


def text_lines(names: tuple[str, ...], values: tuple[str, ...], doubled: tuple[str, str]) -> bytes | None:
    """The same of names and values apart, which are known to be printable text."""
    template = _lines(names, doubled)
    if template is None:
        return None
    parts = template.copy()
    parts[1::2] = (values[0], *values, "")
    return "".join(parts).encode()


@lru_cache(maxsize=_MAX_KNOWN_NAMES)
def _lines(names: tuple[str, ...], doubled: tuple[str, str]) -> list[str] | None:
    """The lines of headers whose names come together, in pieces: each second one is a value that is to be put in."""
    headers = [_header_name(name, _METADATA_PREFIX) for name in names]
    if not names or names[0] != doubled[0] or names.count(doubled[0]) != 1 or None in headers:
        return None
    shown = [header.decode() for header in headers if header is not None]
    pieces = [piece for name in (doubled[1], *shown[1:]) for piece in (f"\r\n{name}: ", "")]
    return [f"{shown[0]}: ", "", *pieces, "\r\n", ""]


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


def _add(entries: Entries, name: str, value: bytes) -> None:
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
