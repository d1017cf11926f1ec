"""Data in requests: what it is, whatever it says of itself."""

import base64

import pytest

from server.chat.media import Media, decode_text, read_media, sniff


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


KINDS = {
    "image/png": b"\x89PNG\r\n\x1a\n....",
    "image/jpeg": b"\xff\xd8\xff\xe0....",
    "image/gif": b"GIF89a......",
    "image/webp": b"RIFF\x00\x00\x00\x00WEBPVP8 ",
    "image/bmp": b"BM..........",
    "image/heic": b"\x00\x00\x00\x18ftypheic",
    "image/avif": b"\x00\x00\x00\x18ftypavif",
    "video/mp4": b"\x00\x00\x00\x18ftypisom",
    "application/pdf": b"%PDF-1.7....",
    "audio/wav": b"RIFF\x00\x00\x00\x00WAVEfmt ",
    "audio/mpeg": b"ID3\x04........",
    "audio/ogg": b"OggS........",
    "audio/flac": b"fLaC........",
}


@pytest.mark.parametrize(("kind", "data"), KINDS.items())
def test_the_first_bytes_tell_the_type(kind: str, data: bytes) -> None:
    assert sniff(b64(data)) == kind
    assert sniff(b64(data + b"x" * 1000)) == kind
    assert read_media(f"data:text/plain;base64,{b64(data)}") == Media(kind, b64(data))


def test_bytes_that_tell_nothing() -> None:
    assert sniff(b64(b"hello, world")) is None
    assert sniff("") is None
    assert sniff("%%%") is None


TEXT = b64(b"hi")
READ: dict[str, tuple[str, Media | None]] = {
    "a type that is declared": (f"data:text/plain;base64,{TEXT}", Media("text/plain", TEXT)),
    "in capitals, with parameters": (f"DATA:Text/Plain;charset=utf-8;BASE64,{TEXT}", Media("text/plain", TEXT)),
    "without a type": (f"data:;base64,{TEXT}", Media("", TEXT)),
    "not in base64": ("data:text/plain,h%69", Media("text/plain", TEXT)),
    "without a comma": ("data:text/plain;base64", None),
    "bare base64": (TEXT, Media("", TEXT)),
    "an address": ("https://example.com/a.png", None),
    "neither": ("what is this?", None),
    "nothing": ("", None),
}


@pytest.mark.parametrize(("text", "media"), READ.values(), ids=READ.keys())
def test_reads_data(text: str, media: Media | None) -> None:
    assert read_media(text) == media


def test_text_is_decoded_and_other_bytes_are_not() -> None:
    assert decode_text(Media("text/plain", b64("Grüezi".encode()))) == "Grüezi"
    assert decode_text(Media("", b64(b"\xff\xfe"))) is None
    assert decode_text(Media("", "%")) is None
