"""What is recognized without a parser, and all that is left to it."""

import pytest

from edge.unread import plain_post

BODY = b'{"model":"m"}'


def request(head: bytes, body: bytes = BODY) -> bytes:
    return head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    ("head", "path"),
    [
        pytest.param(b"POST /v1/a HTTP/1.1\nhost: a\ncontent-length: 13", b"/v1/a", id="the usual"),
        pytest.param(b"POST /v1/a?x=1 HTTP/1.1\nContent-Length:13", b"/v1/a", id="with a query, in other letters"),
        pytest.param(b"POST /v1/a HTTP/1.1\nContent-Length: 13 \nConnection: Keep-Alive", b"/v1/a", id="kept alive"),
    ],
)
def test_a_plain_request_is_recognized(head: bytes, path: bytes) -> None:
    found = plain_post(request(head))
    assert found is not None
    assert found.path == path


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(request(b"GET /v1/a HTTP/1.1\nhost: a"), id="another method"),
        pytest.param(request(b"POST /v1/a HTTP/1.0\ncontent-length: 13"), id="another version"),
        pytest.param(request(b"POST http://a/v1/a HTTP/1.1\ncontent-length: 13"), id="a whole address"),
        pytest.param(request(b"POST /v1/a b HTTP/1.1\ncontent-length: 13"), id="a space in the path"),
        pytest.param(request(b"POST /v1/a HTTP/1.1\nhost: a"), id="no length"),
        pytest.param(request(b"POST /v1/a HTTP/1.1\ncontent-length: 14"), id="a body that is to come"),
        pytest.param(request(b"POST /v1/a HTTP/1.1\ncontent-length: 12"), id="more behind it"),
        pytest.param(request(b"POST /v1/a HTTP/1.1\ncontent-length: 13") * 2, id="two of them"),
        pytest.param(request(b"POST /v1/a HTTP/1.1\ncontent-length: 13\ncontent-length: 13"), id="two lengths"),
        pytest.param(request(b"POST /v1/a HTTP/1.1\ncontent-length: 13\ncontent-length : 0"), id="a hidden length"),
        pytest.param(request(b"POST /v1/a HTTP/1.1\ncontent-length: 13, 13"), id="a list of lengths"),
        pytest.param(request(b"POST /v1/a HTTP/1.1\ncontent-length: +13"), id="a sign"),
        pytest.param(request(b"POST /v1/a HTTP/1.1\ncontent-length: 1\n 3"), id="a line that goes on"),
        pytest.param(request(b"POST /v1/a HTTP/1.1\ncontent-length: 13\ntransfer-encoding: chunked"), id="chunks"),
        pytest.param(request(b"POST /v1/a HTTP/1.1\ncontent-length: 13\nexpect: 100-continue"), id="one that waits"),
        pytest.param(request(b"POST /v1/a HTTP/1.1\ncontent-length: 13\nconnection: close"), id="the last one"),
        pytest.param(
            request(b"POST /v1/a HTTP/1.1\ncontent-length: 13\nconnection: keep-alive, upgrade"),
            id="more than kept alive",
        ),
        pytest.param(request(b"POST /v1/a HTTP/1.1\ncontent-length: 13\nupgrade: h2c"), id="another protocol"),
        pytest.param(
            b"POST /v1/a HTTP/1.1\r\ncontent-length: 13\r\nx: \ncontent-length: 0\r\n\r\n" + BODY, id="a bare line feed"
        ),
        pytest.param(b"POST /v1/a HTTP/1.1\r\ncontent-length: 13\r\nx: \ry\r\n\r\n" + BODY, id="a bare return"),
        pytest.param(b"POST /v1/a HTTP/1.1\ncontent-length: 13\n\n" + BODY, id="only line feeds"),
        pytest.param(request(b"POST /v1/a HTTP/1.1\ncontent-length: 13\nx: " + b"x" * 20_000), id="a large head"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"POST /v1/a HTTP/1.1\r\ncontent-le", id="a piece"),
    ],
)
def test_everything_else_is_left_to_the_parser(data: bytes) -> None:
    assert plain_post(data) is None


def test_headers_are_known_by_their_names() -> None:
    found = plain_post(request(b"POST /v1/a HTTP/1.1\nX-Api-Key: b\ncontent-length: 13"))
    assert found is not None
    assert b"x-api-key" in found
    assert b"api-key" not in found


@pytest.mark.parametrize(
    ("data", "is_known"),
    [
        pytest.param(request(b"POST /v1/a HTTP/1.1\nhost: a\ncontent-length: 13"), True, id="the very same"),
        pytest.param(
            request(b"POST /v1/a HTTP/1.1\nhost: a\ncontent-length: 13", b'{"model":"n"}'), True, id="another body"
        ),
        pytest.param(request(b"POST /v1/a HTTP/1.1\nhost: b\ncontent-length: 13"), False, id="another head"),
        pytest.param(request(b"POST /v1/a HTTP/1.1\nhost: a\ncontent-length: 13") + b"P", False, id="more behind it"),
        pytest.param(request(b"POST /v1/a HTTP/1.1\nhost: a\ncontent-length: 13")[:-1], False, id="less of it"),
        pytest.param(
            request(b"POST /v1/a HTTP/1.1\nhost: a\ncontent-length: 9", b"{}       ."), False, id="another length"
        ),
    ],
)
def test_a_head_is_known_when_it_comes_again(data: bytes, *, is_known: bool) -> None:
    found = plain_post(request(b"POST /v1/a HTTP/1.1\nhost: a\ncontent-length: 13"))
    assert found is not None
    assert found.comes_again(data) is is_known


@pytest.mark.parametrize(("padding", "is_small"), [(0, True), (4000, False)], ids=["a small head", "a large one"])
def test_only_a_small_head_is_kept(padding: int, *, is_small: bool) -> None:
    found = plain_post(request(b"POST /v1/a HTTP/1.1\ncontent-length: 13\nx: " + b"x" * padding))
    assert found is not None
    assert found.is_small is is_small
