"""Compressed bodies: whole and in pieces, and what must not be inflated."""

import gzip
import random
import zlib

import pytest

from server.errors import UpstreamBadResponse
from server.upstream.inflate import Inflater

TEXT = b"It is sunny in Paris today. " * 4000


def raw_deflate(text: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(text) + packer.flush()


def inflate(inflater: Inflater, packed: bytes, step: int) -> bytes:
    parts = []
    for start in range(0, len(packed), step):
        inflater.feed(packed[start : start + step])
        while data := inflater.take():
            parts.append(data)
    inflater.finish()
    return b"".join(parts)


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        pytest.param("gzip", gzip.compress(TEXT), id="gzip"),
        pytest.param("x-gzip", gzip.compress(TEXT), id="gzip by its old name"),
        pytest.param("gzip", gzip.compress(TEXT[:5000]) + gzip.compress(TEXT[5000:]), id="gzip in two members"),
        pytest.param("deflate", zlib.compress(TEXT), id="deflate as it is meant"),
        pytest.param("deflate", raw_deflate(TEXT), id="deflate as some send it"),
    ],
)
def test_gives_the_text_back(encoding: str, packed: bytes, step: int) -> None:
    assert inflate(Inflater(encoding), packed, step) == TEXT


def test_a_piece_is_bounded() -> None:
    text = random.Random(1).randbytes(3 << 20)
    inflater = Inflater("gzip")
    inflater.feed(gzip.compress(text))
    sizes = []
    while data := inflater.take():
        sizes.append(len(data))
    assert sum(sizes) == len(text)
    assert max(sizes) <= 256 * 1024


def test_a_bomb_ends_early() -> None:
    inflater = Inflater("gzip")
    inflater.feed(gzip.compress(b"\0" * (8 << 20)))
    given = 0
    with pytest.raises(UpstreamBadResponse, match="100 times"):
        while data := inflater.take():
            given += len(data)
    assert given <= 1 << 20


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        pytest.param("gzip", b"not gzip at all", id="not gzip"),
        pytest.param("gzip", gzip.compress(TEXT)[:-4], id="cut short"),
        pytest.param("deflate", zlib.compress(TEXT) + b"more", id="more than the text"),
    ],
)
def test_what_is_not_as_declared_is_refused(encoding: str, packed: bytes) -> None:
    with pytest.raises(UpstreamBadResponse, match="not compressed as its headers say"):
        inflate(Inflater(encoding), packed, 1 << 20)


def test_an_empty_body_needs_no_compressed_text() -> None:
    assert inflate(Inflater("gzip"), b"", 1) == b""


def test_what_was_not_asked_for_and_is_not_known_is_refused() -> None:
    with pytest.raises(UpstreamBadResponse, match="not asked for"):
        Inflater("br")
