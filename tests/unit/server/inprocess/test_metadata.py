"""Metadata are checked, measured and copied."""

from typing import Any

import grpc
import pytest

from server.inprocess.metadata import InvalidMetadataError, from_client, from_server, size_bytes

GOOD: dict[str, tuple[Any, Any]] = {
    "nothing": (None, ()),
    "an empty list": ([], ()),
    "pairs of a list": ([["a", "1"], ("b", "2")], (("a", "1"), ("b", "2"))),
    "a metadata object": (grpc.aio.Metadata(("a", "1")), (("a", "1"),)),
    "all characters of a key": ((("0-9_z.x", "1"),), (("0-9_z.x", "1"),)),
    "all of printable ASCII": ((("a", " !~"),), (("a", " !~"),)),
    "bytes under a text key": ((("a", b"x"),), (("a", "x"),)),
    "any bytes under a binary key": ((("a-bin", b"\x00\xff"),), (("a-bin", b"\x00\xff"),)),
    "repetitions in their order": ((("a", "2"), ("a", "1")), (("a", "2"), ("a", "1"))),
}


@pytest.mark.parametrize("name", GOOD)
def test_takes(name: str) -> None:
    given, kept = GOOD[name]
    assert from_client(given) == from_server(given) == kept


BAD: dict[str, Any] = {
    "upper case": ("Key", "v"),
    "a space": ("a b", "v"),
    "a colon": (":path", "v"),
    "no key": ("", "v"),
    "a key of bytes": (b"a", "v"),
    "text outside ASCII": ("a", "é"),
    "a tab": ("a", "x\ty"),
    "a line end": ("a", "x\n"),
    "bytes outside ASCII": ("a", b"\xc3\xa9"),
    "a number": ("a", 1),
    "text under a binary key": ("a-bin", "x"),
    "the type of the body": ("content-type", "text/plain"),
    "a header of the connection": ("te", "trailers"),
    "a timeout by the back door": ("grpc-timeout", "1S"),
    "any other name of gRPC": ("grpc-anything", "x"),
}


@pytest.mark.parametrize("name", BAD)
def test_refuses(name: str) -> None:
    with pytest.raises(InvalidMetadataError):
        from_client((BAD[name],))
    with pytest.raises(InvalidMetadataError):
        from_server((BAD[name],))


def test_some_names_of_grpc_belong_to_one_side() -> None:
    trace, status = ("grpc-trace-bin", b"1"), ("grpc-status-details-bin", b"2")
    assert from_client((trace,)) == (trace,)
    assert from_server((status, ("grpc-retry-pushback-ms", "-1")))[0] == status
    with pytest.raises(InvalidMetadataError):
        from_client((status,))
    with pytest.raises(InvalidMetadataError):
        from_server((trace,))


def test_a_refusal_names_the_key_and_not_the_value() -> None:
    with pytest.raises(InvalidMetadataError, match="'authorization'") as caught:
        from_client((("authorization", "Bearer s3cret\n"),))
    assert "s3cret" not in str(caught.value)


def test_the_size_counts_names_values_and_what_http2_adds() -> None:
    assert size_bytes((("abc", "12345"), ("x-bin", b"12"))) == (3 + 5 + 32) + (5 + 2 + 32)
