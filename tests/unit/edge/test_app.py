"""The REST face over real sockets: what a client gets for good and for bad requests."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio
from perpetuo.v1 import errors_pb2

from edge.app import EdgeOptions, create_app
from edge.transcoder.binding import BindingError
from tests.unit.edge.conftest import MAX_BODY_BYTES, MAX_PARSED_BODY_BYTES, Face
from tests.unit.edge.echo import REQUEST_ID, service
from tests.unit.edge.protos import compile_protos

OWN_ID = re.compile(r"req_[0-9a-hjkmnp-tv-z]{26}\Z")
JSON = {"content-type": "application/json"}


async def test_an_answer_is_the_message_with_the_calls_metadata_as_headers(face: Face) -> None:
    answer = await face.client.get("/items/a%2Fb?count=7", headers={"te": "trailers"})
    assert answer.status_code == 200
    assert answer.json()["id"] == "a/b"
    assert answer.json()["size"] == 7
    assert answer.json()["tags"] == []
    headers = dict(answer.headers)
    assert headers["x-request-id"] == headers["request-id"] == REQUEST_ID
    assert headers["content-type"] == "application/json"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-ratelimit-limit"] == "20"
    assert headers["x-ratelimit-remaining"] == "19"
    assert headers["grpc-metadata-x-other"] == "1"
    assert headers["grpc-metadata-x-data-bin"] == "AP8"
    assert headers["grpc-trailer-x-late"] == "2"
    assert "server" not in headers
    assert answer.headers.get_list("x-request-id") == [REQUEST_ID]


async def test_allowed_headers_become_metadata_and_others_do_not(face: Face) -> None:
    sent = {"authorization": "Bearer t", "x-api-key": "k", "cookie": "c", "grpc-metadata-mine": "m", "x-stray": "s"}
    metadata = (await face.client.get("/items/1", headers=sent)).json()["metadata"]
    assert metadata["authorization"] == "Bearer t"
    assert metadata["x-api-key"] == "k"
    assert metadata["mine"] == "m"
    assert metadata["x-forwarded-for"] == "127.0.0.1"
    assert {"cookie", "x-stray", "grpc-metadata-mine"}.isdisjoint(metadata)


@pytest.mark.parametrize("header", ["x-request-timeout", "grpc-timeout"])
async def test_a_timeout_becomes_the_calls_deadline(face: Face, header: str) -> None:
    value = {"x-request-timeout": "5.5", "grpc-timeout": "5S"}[header]
    assert (await face.client.get("/items/1", headers={header: value})).json()["metadata"]["deadline"] == "set"
    assert (await face.client.get("/items/1")).json()["metadata"]["deadline"] == ""
    late = await face.client.get(
        "/hang", headers={header: {"x-request-timeout": "0.05", "grpc-timeout": "50m"}[header]}
    )
    assert late.status_code == 504
    assert late.json()["error"]["code"] == "deadline_exceeded"
    assert OWN_ID.match(late.json()["error"]["request_id"])


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=UTF-8",
        "application/merge-patch+json",
        "application/x-www-form-urlencoded",
        "",
    ],
)
async def test_json_is_read_under_every_name_that_clients_give_it(face: Face, content_type: str) -> None:
    headers = {"content-type": content_type} if content_type else {}
    answer = await face.client.post("/items", content=b'{"id":"x","size":9007199254740993}', headers=headers)
    assert answer.status_code == 200
    assert answer.json() == {"id": "x", "size": 9007199254740993, "tags": [], "metadata": {}}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("POST", "/items", b"", id="no body is an empty object"),
        pytest.param("DELETE", "/items/1", b"{", id="a body where none belongs is not read"),
        pytest.param("GET", "/items/1", b'{"id":2}', id="a body of a GET is not read"),
    ],
)
async def test_a_body_that_does_not_matter_does_no_harm(face: Face, method: str, path: str, body: bytes) -> None:
    assert (await face.client.request(method, path, content=body)).status_code == 200


async def test_a_wrapped_path_wraps_answers_and_errors(face: Face) -> None:
    answer = await face.client.post("/wrapped/items", json={"id": "x"})
    assert answer.json() == {"success": True, "data": {"id": "x", "size": 0, "tags": [], "metadata": {}}}
    bad = await face.client.post("/wrapped/items", json={"nope": "x"})
    assert bad.status_code == 400
    assert list(bad.json()) == ["success", "error"]
    assert bad.json()["success"] is False
    failed = await face.client.get("/wrapped/fail/CONFLICT")
    assert (failed.status_code, failed.json()["success"]) == (409, False)


async def test_an_answer_can_be_one_member(face: Face) -> None:
    assert (await face.client.get("/items/c/tags")).json() == ["a", "b", "c"]


async def test_a_raw_body_passes_unread_and_comes_back_byte_for_byte(face: Face) -> None:
    body = b'{ "zeta" : 1.0,"alpha":9007199254740993, "model":null }'
    answer = await face.client.post("/v1/chat/completions", content=body, headers=JSON)
    assert answer.content == body
    assert answer.headers["content-type"] == "application/json"
    malformed = await face.client.post("/v1/chat/completions", content=b'{"stream":tr', headers=JSON)
    assert malformed.content == b'{"stream":tr'


async def test_a_raw_body_of_another_kind_keeps_its_type(face: Face) -> None:
    answer = await face.client.post("/upload", content=b"\x89PNG", headers={"content-type": "image/png"})
    assert (answer.json()["id"], answer.json()["size"]) == ("image/png", 4)


async def test_head_is_get_without_a_body(face: Face) -> None:
    answer = await face.client.head("/items/1")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 0


async def test_a_body_without_a_length_is_measured_as_it_comes(face: Face) -> None:
    async def pieces() -> Any:
        for _ in range(20):
            yield b" " * (MAX_PARSED_BODY_BYTES // 10)

    answer = await face.client.post("/items", content=pieces(), headers=JSON)
    assert answer.status_code == 413
    assert "65536 bytes" in answer.json()["error"]["message"]
    assert (await face.client.post("/v1/chat/completions", content=pieces(), headers=JSON)).status_code == 200


async def test_a_limit_in_whole_mebibytes_is_named_so(face: Face) -> None:
    answer = await face.client.post("/v1/chat/completions", content=b" " * (MAX_BODY_BYTES + 1), headers=JSON)
    assert answer.json()["error"]["message"] == "The body is larger than 1 MiB."


async def test_a_wrong_method_is_told_the_right_ones(face: Face) -> None:
    answer = await face.client.put("/items/1")
    assert answer.headers["allow"] == "DELETE, GET, HEAD"
    options = await face.client.options("/items/1")
    assert (options.status_code, options.content) == (204, b"")
    assert options.headers["allow"] == "DELETE, GET, HEAD, OPTIONS"
    assert OWN_ID.match(options.headers["request-id"])
    assert (await face.client.options("/nowhere")).status_code == 404


async def test_an_unknown_path_is_told_the_nearest(face: Face) -> None:
    assert "/items" in (await face.client.get("/item/1")).json()["error"]["message"]


@pytest.mark.parametrize(
    ("reason", "status", "kind", "code", "should_retry"),
    [
        ("KEY_INVALID", 401, "authentication_error", "invalid_api_key", "false"),
        ("MODEL_NOT_ALLOWED", 403, "permission_error", "model_not_allowed", "false"),
        ("MODEL_UNKNOWN", 404, "not_found_error", "model_not_found", "false"),
        ("CONFLICT", 409, "invalid_request_error", "conflict", "false"),
        ("RATE_LIMITED", 429, "rate_limit_error", "rate_limit_exceeded", "true"),
        ("UPSTREAM_QUOTA", 429, "insufficient_quota", "insufficient_quota", "false"),
        ("INTERNAL", 500, "api_error", "internal_error", "false"),
        ("UPSTREAM_DNS", 502, "api_error", "upstream_dns", "false"),
        ("OVERLOADED", 503, "overloaded_error", "overloaded", "true"),
        ("UPSTREAM_TIMEOUT", 504, "api_error", "upstream_timeout", "false"),
    ],
)
async def test_a_reason_of_the_core_is_answered_as_the_table_says(
    face: Face, reason: str, status: int, kind: str, code: str, should_retry: str
) -> None:
    answer = await face.client.get(f"/fail/{reason}")
    assert answer.status_code == status
    assert answer.json()["error"] == {
        "message": f"It is {reason} — so there.",
        "type": kind,
        "code": code,
        "param": "items[0].id",
        "request_id": REQUEST_ID,
        "details": {"modelId": "x"},
        "docs_url": f"/docs/errors/{reason.lower()}",
    }
    assert answer.headers["x-should-retry"] == should_retry
    assert answer.headers["x-request-id"] == answer.headers["request-id"] == REQUEST_ID
    assert answer.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)
    assert answer.headers.get("retry-after") == {"RATE_LIMITED": "7", "OVERLOADED": "1"}.get(reason)
    assert answer.headers["x-ratelimit-limit"] == "20"


@pytest.mark.parametrize(
    ("status", "http_status"),
    [("unknown", 500), ("internal", 500), ("unavailable", 503), ("data_loss", 500), ("resource_exhausted", 503)],
)
async def test_a_text_from_inside_is_never_shown(face: Face, status: str, http_status: int) -> None:
    answer = await face.client.get(f"/fail/{status}")
    assert answer.status_code == http_status
    assert "10.0.0.7" not in answer.text
    assert "boom" not in answer.text
    assert OWN_ID.match(answer.json()["error"]["request_id"])


async def test_an_answer_without_a_json_form_is_a_500_of_ours(face: Face) -> None:
    answer = await face.client.post("/items", json={"id": "defect"})
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    assert OWN_ID.match(answer.json()["error"]["request_id"])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/chat/completions"),
        ("POST", "/v1/v1/chat/completions"),
        ("POST", "/v1/chat/completions/"),
        ("POST", "//v1//chat/completions"),
        ("GET", "/models"),
        ("GET", "/v1/models/"),
        ("GET", "/models/some/model"),
    ],
)
async def test_slips_in_the_base_url_are_forgiven_on_model_paths(face: Face, method: str, path: str) -> None:
    answer = await face.client.request(method, f"http://127.0.0.1:{face.port}{path}", content=b"{}")
    assert answer.status_code == 200
    if path.endswith("some/model"):
        assert answer.json()["id"] == "some/model"


async def test_a_slip_on_another_path_is_not(face: Face) -> None:
    assert (await face.client.get("/items/1/")).status_code == 404
    assert (await face.client.get("//items/1")).status_code == 404


@pytest.mark.parametrize("shared_face", ["apart"], indirect=True)
async def test_web_pages_of_named_origins_may_call(face: Face) -> None:
    origin = {"origin": "https://console.example"}
    preflight = await face.client.options(
        "/items",
        headers={**origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization"},
    )
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "https://console.example"
    answer = await face.client.get("/items/1", headers=origin)
    assert answer.headers["access-control-allow-origin"] == "https://console.example"
    assert "x-request-id" in answer.headers["access-control-expose-headers"]
    other = await face.client.get("/items/1", headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers


async def test_a_core_that_cannot_be_reached_is_a_503_to_try_again(unused_channel: grpc.aio.Channel) -> None:
    app = create_app(unused_channel, EdgeOptions(services=[service()], reasons=errors_pb2.ErrorReason.DESCRIPTOR))
    sent: list[Any] = []
    await app(_scope("GET", "/items/1"), _nothing, _keep(sent))
    assert sent[0]["status"] == 503
    assert json.loads(sent[1]["body"])["error"]["type"] == "overloaded_error"
    assert "127.0.0.1" not in sent[1]["body"].decode()


async def test_a_service_that_cannot_be_bound_fails_at_start(unused_channel: grpc.aio.Channel) -> None:
    pool = compile_protos(
        """
        syntax = "proto3"; package bad.v1; import "google/api/annotations.proto";
        service BadService {
          rpc One(Empty) returns (Empty) { option (google.api.http) = {get: "/x/{id}"}; }
          rpc Two(Empty) returns (Empty) { option (google.api.http) = {get: "/x/{id}"}; }
        }
        message Empty { string id = 1; }
        """
    )
    options = EdgeOptions(
        services=[pool.FindServiceByName("bad.v1.BadService")], reasons=errors_pb2.ErrorReason.DESCRIPTOR
    )
    with pytest.raises(BindingError, match=r"BadService\.One.*BadService\.Two"):
        create_app(unused_channel, options)


async def test_an_unexpected_exception_is_a_500_with_the_documented_body(unused_channel: grpc.aio.Channel) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise LookupError("secret")

    options = EdgeOptions(
        services=[service()], reasons=errors_pb2.ErrorReason.DESCRIPTOR, pages={"/broken": broken, "/docs/": broken}
    )
    app = create_app(unused_channel, options)
    for path in ("/broken", "/docs/", "/docs/a/b"):
        sent: list[Any] = []
        with pytest.raises(LookupError):
            await app(_scope("GET", path), _nothing, _keep(sent))
        assert sent[0]["status"] == 500
        assert json.loads(sent[1]["body"])["error"]["code"] == "internal_error"
        assert b"secret" not in sent[1]["body"]


async def test_a_websocket_is_closed(unused_channel: grpc.aio.Channel) -> None:
    app = create_app(unused_channel, EdgeOptions(services=[service()], reasons=errors_pb2.ErrorReason.DESCRIPTOR))
    sent: list[Any] = []
    await app({**_scope("GET", "/items/1"), "type": "websocket"}, _nothing, _keep(sent))
    assert sent == [{"type": "websocket.close"}]


@pytest_asyncio.fixture(loop_scope="session")
async def unused_channel(unused_tcp_port: int) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{unused_tcp_port}") as channel:
        yield channel


def _scope(method: str, path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "client": ("127.0.0.1", 1),
    }


async def _nothing() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


def _keep(sent: list[Any]) -> Any:
    async def send(message: Any) -> None:
        sent.append(message)

    return send
