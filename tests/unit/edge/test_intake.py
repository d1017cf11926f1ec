"""Bodies within limits, media types, and the peek for `stream`."""

from collections.abc import MutableMapping
from typing import Any

import pytest

from edge.intake import ClientGoneError, Receive, media_type, read_body, wants_stream
from edge.transcoder.faults import TranscodeError

LIMIT_BYTES = 10


class Sender:
    """A client that sends pieces, and leaves when it has none left."""

    def __init__(self, *pieces: bytes, is_whole: bool = True) -> None:
        self._messages: list[MutableMapping[str, Any]] = [
            {"type": "http.request", "body": piece, "more_body": True} for piece in pieces
        ]
        if is_whole:
            self._messages[-1]["more_body"] = False
        self.reads = 0

    async def receive(self) -> MutableMapping[str, Any]:
        self.reads += 1
        return self._messages.pop(0) if self._messages else {"type": "http.disconnect"}


async def read(sender: Sender, headers: dict[bytes, bytes] | None = None) -> bytes:
    receive: Receive = sender.receive
    return await read_body(headers or {}, receive, LIMIT_BYTES)


@pytest.mark.parametrize(
    ("pieces", "body"),
    [
        pytest.param([b""], b"", id="nothing"),
        pytest.param([b"0123456789"], b"0123456789", id="as much as fits"),
        pytest.param([b"01", b"", b"23"], b"0123", id="several pieces"),
        pytest.param([b"0123", b""], b"0123", id="an empty last piece"),
    ],
)
async def test_a_body_is_read_whole(pieces: list[bytes], body: bytes) -> None:
    assert await read(Sender(*pieces)) == body


@pytest.mark.parametrize(
    ("pieces", "declared", "reads"),
    [
        pytest.param([b"01234567890"], None, 1, id="one piece too large"),
        pytest.param([b"0123456789", b"0", b"1"], None, 3, id="the rest is read so that the client gets its answer"),
        pytest.param([b"0123456789"] * 9, None, 6, id="but not without end"),
        pytest.param([b"01234567890"], b"11", 1, id="a declared length a little too large"),
        pytest.param([b"0"], b"1000000000", 0, id="a declared length far too large is not read at all"),
    ],
)
async def test_a_body_too_large_is_refused(pieces: list[bytes], declared: bytes | None, reads: int) -> None:
    sender = Sender(*pieces)
    with pytest.raises(TranscodeError, match="larger than 10 bytes") as caught:
        await read(sender, {} if declared is None else {b"content-length": declared})
    assert (caught.value.http_status, caught.value.reason) == (413, "BODY_TOO_LARGE")
    assert sender.reads == reads


@pytest.mark.parametrize(
    ("pieces", "declared"),
    [([], None), ([b"01"], None), ([b"0123456789", b"0"], None), ([b"01"], b"12")],
    ids=["before anything", "in the middle", "beyond the limit", "beyond the declared limit"],
)
async def test_a_client_that_leaves_is_noticed(pieces: list[bytes], declared: bytes | None) -> None:
    with pytest.raises(ClientGoneError):
        await read(Sender(*pieces, is_whole=False), {} if declared is None else {b"content-length": declared})


@pytest.mark.parametrize("encoding", [b"gzip", b"br", b"identity, gzip"])
async def test_an_encoded_body_is_refused_unread(encoding: bytes) -> None:
    sender = Sender(b"x")
    with pytest.raises(TranscodeError, match="Content-Encoding") as caught:
        await read(sender, {b"content-encoding": encoding})
    assert (caught.value.http_status, sender.reads) == (415, 0)


async def test_an_identity_encoding_is_none() -> None:
    assert await read(Sender(b"x"), {b"content-encoding": b" Identity"}) == b"x"


@pytest.mark.parametrize(
    ("declared", "is_json", "expected"),
    [
        ("application/json", True, "application/json"),
        ("Application/JSON; charset=utf-8", True, "application/json"),
        ('application/json; charset="UTF-8"', True, "application/json"),
        ("application/vnd.api+json", True, "application/json"),
        ("application/x-www-form-urlencoded", True, "application/json"),
        ("", True, "application/json"),
        ("image/png", False, "image/png"),
        ("", False, "application/octet-stream"),
    ],
)
def test_a_media_type_is_taken(declared: str, is_json: bool, expected: str) -> None:
    headers = {b"content-type": declared.encode()} if declared else {}
    assert media_type(headers, b"{}", is_json=is_json) == expected


@pytest.mark.parametrize(
    "declared",
    [
        "text/plain",
        "application/xml",
        "multipart/form-data; boundary=x",
        "text/x+json",
        "application/json; charset=utf-16",
    ],
)
def test_another_media_type_is_refused_unless_there_is_no_body(declared: str) -> None:
    headers = {b"content-type": declared.encode()}
    with pytest.raises(TranscodeError) as caught:
        media_type(headers, b"{}", is_json=True)
    assert (caught.value.http_status, caught.value.reason) == (415, "MEDIA_TYPE_UNSUPPORTED")
    assert media_type(headers, b"", is_json=True) == "application/json"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"stream":true}', True),
        (b'{"model":"m","stream" : true,"x":[{"stream":false}]}', True),
        (rb'{"\u0073tream":true}', True),
        (rb'{"strea\u006D":true,"x":"a\nb\u4e00"}', True),
        (rb'{"x":"a\nb\u4e00"}', False),
        (b'{"stream":false}', False),
        (b'{"stream":1}', False),
        (b'{"stream":"true"}', False),
        (b'{"streams":true}', False),
        (b'{"a":{"stream":true}}', False),
        (b'{"stream":true', False),
        (b'"stream"', False),
        (b'{"\xff":1,"stream":true', False),
        (b'{"stream":true,"x":' + b"[" * 100_000, False),
        (b"", False),
    ],
)
def test_a_stream_is_wanted_only_by_a_plain_true_at_the_top(body: bytes, expected: bool) -> None:
    assert wants_stream(body) is expected
