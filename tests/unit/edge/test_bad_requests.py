"""Bad requests over real sockets: each is refused with its status and the one documented error body."""

import re
from typing import Any

import pytest

from tests.unit.edge.conftest import MAX_BODY_BYTES, MAX_PARSED_BODY_BYTES, Face

OWN_ID = re.compile(r"req_[0-9a-hjkmnp-tv-z]{26}\Z")
JSON = {"content-type": "application/json"}

BAD = [
    pytest.param("GET", "/nowhere", {}, None, 404, "route_unknown", None, id="an unknown path"),
    pytest.param("PUT", "/items/1", {}, None, 405, "method_not_allowed", None, id="a method that the path has not"),
    pytest.param("GET", "/items/%zz", {}, None, 400, "request_invalid", None, id="a malformed escape"),
    pytest.param("GET", "/items/%ff", {}, None, 400, "request_invalid", None, id="an escape that is not UTF-8"),
    pytest.param("GET", "/items/", {}, None, 404, "route_unknown", None, id="an empty segment"),
    pytest.param("GET", "/items/1?count=x", {}, None, 400, "request_invalid", "count", id="a word for a number"),
    pytest.param("GET", "/items/1?count=1&count=2", {}, None, 400, "request_invalid", "count", id="a parameter twice"),
    pytest.param("POST", "/items", JSON, b"{", 400, "request_invalid", None, id="malformed JSON"),
    pytest.param("POST", "/items", JSON, b"[]", 400, "request_invalid", None, id="an array for an object"),
    pytest.param("POST", "/items", JSON, b'{"id":1}', 400, "request_invalid", "id", id="a number for a string"),
    pytest.param("POST", "/items", JSON, b'{"id":"a","id":"b"}', 400, "request_invalid", "id", id="a duplicate"),
    pytest.param("POST", "/items", JSON, b'{"nope":1}', 400, "request_invalid", "nope", id="an unknown member"),
    pytest.param("POST", "/items", JSON, b'{"tags":["a",1]}', 400, "request_invalid", "tags[1]", id="a bad element"),
    pytest.param("POST", "/items", JSON, b"[" * 10_000, 400, "request_invalid", None, id="10,000 levels"),
    pytest.param("POST", "/items", JSON, b'"\xff"', 400, "request_invalid", None, id="bytes that are not UTF-8"),
    pytest.param("POST", "/items", JSON, b"a=b", 400, "request_invalid", None, id="a form"),
    pytest.param(
        "POST", "/items", {"content-type": "text/xml"}, b"<a/>", 415, "media_type_unsupported", None, id="XML"
    ),
    pytest.param(
        "POST",
        "/v1/chat/completions",
        {"content-type": "multipart/form-data; boundary=x"},
        b"{}",
        415,
        "media_type_unsupported",
        None,
        id="a multipart form for a chat",
    ),
    pytest.param(
        "POST",
        "/items",
        {"content-type": "application/json; charset=latin-1"},
        b"{}",
        415,
        "media_type_unsupported",
        None,
        id="another charset",
    ),
    pytest.param(
        "POST", "/items", {"content-encoding": "gzip"}, b"\x1f\x8b", 415, "media_type_unsupported", None, id="gzip"
    ),
    pytest.param(
        "POST", "/items", JSON, b" " * (MAX_PARSED_BODY_BYTES + 1), 413, "body_too_large", None, id="a large body"
    ),
    pytest.param(
        "POST",
        "/v1/chat/completions",
        JSON,
        b" " * (MAX_BODY_BYTES + 1),
        413,
        "body_too_large",
        None,
        id="a large raw body",
    ),
    pytest.param(
        "GET",
        "/items/1",
        {"x-request-timeout": "soon"},
        None,
        400,
        "request_invalid",
        "x-request-timeout",
        id="a word for seconds",
    ),
    pytest.param(
        "GET",
        "/items/1",
        {"grpc-timeout": "5"},
        None,
        400,
        "request_invalid",
        "grpc-timeout",
        id="a timeout without a unit",
    ),
    pytest.param(
        "GET",
        "/items/1",
        {"grpc-metadata-grpc-foo": "1"},
        None,
        400,
        "request_invalid",
        "grpc-foo",
        id="a reserved metadata name",
    ),
    pytest.param("POST", "/health", JSON, b"{}", 405, "method_not_allowed", None, id="a POST to a page"),
]


@pytest.mark.parametrize(("method", "path", "headers", "body", "status", "code", "param"), BAD)
async def test_a_bad_request_is_refused_with_the_documented_body(
    face: Face,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes | None,
    status: int,
    code: str,
    param: str | None,
) -> None:
    answer = await face.client.request(method, path, headers=headers, content=body)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    error: dict[str, Any] = answer.json()["error"]
    assert list(error) == ["message", "type", "code", "param", "request_id", "details", "docs_url"]
    assert (error["code"], error["param"]) == (code, param)
    assert error["type"] == ("not_found_error" if status == 404 else "invalid_request_error")
    assert error["details"] == {}
    assert OWN_ID.match(error["request_id"])
    assert answer.headers["x-request-id"] == answer.headers["request-id"] == error["request_id"]
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert ("allow" in answer.headers) == (status == 405)
