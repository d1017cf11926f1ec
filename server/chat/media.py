"""Pictures, sound and files inside a request: `data:` URLs, and what the data really is.

What a URL says of its data is not trusted: the first bytes tell. Pure; nothing is fetched, and no more than the first
bytes are decoded.
"""

import base64
import binascii
from typing import Final
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from server.errors import ParamUnsupported, PerpetuoError

_SNIFFED_CHARS: Final = 64
_NEEDS: Final = "needs"
_BYTES: Final = "bytes"
_PREFIXES: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
)
_RIFF_KINDS: Final = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_BRANDS: Final = {b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heif", b"avif": "image/avif"}


class Media(Struct, frozen=True):
    """Data in base64 and its media type, which is empty when neither the bytes nor the sender tell."""

    media_type: str
    data: str


def read_media(text: str) -> Media | None:
    """The data of a `data:` URL or of bare base64; None for an address, or for what is neither."""
    if text[:5].lower() == "data:":
        return _read_data_url(text)
    if "://" in text[:16]:
        return None
    kind = sniff(text)
    return None if kind is None and not _is_base64(text) else Media(kind or "", text)


def sniff(data: str) -> str | None:
    """The media type that the first bytes of base64 data show; None when they show none."""
    try:
        head = base64.b64decode(data[:_SNIFFED_CHARS], validate=False)
    except (binascii.Error, ValueError):
        return None
    if head[:4] == b"RIFF":
        return _RIFF_KINDS.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    return next((kind for prefix, kind in _PREFIXES if head.startswith(prefix)), None)


def decode_text(media: Media) -> str | None:
    """The text that the data is in UTF-8; None when it is not text."""
    try:
        return base64.b64decode(media.data, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def needs_bytes(why: str, path: str) -> ParamUnsupported:
    """The refusal of a picture that is an address, by a provider that would take its bytes."""
    return ParamUnsupported(f"{why} ('{path}').", param=path, details={_NEEDS: _BYTES})


def is_for_bytes(refusal: PerpetuoError) -> bool:
    """Whether it is such a refusal, so that the bytes would help."""
    return refusal.details.get(_NEEDS) == _BYTES


def _read_data_url(url: str) -> Media | None:
    head, comma, data = url[5:].partition(",")
    if not comma:
        return None
    declared, *parameters = [word.strip().lower() for word in head.split(";")]
    if "base64" not in parameters:
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return Media(sniff(data) or declared, data)


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text[:_SNIFFED_CHARS], validate=True))
    except (binascii.Error, ValueError):
        return False
