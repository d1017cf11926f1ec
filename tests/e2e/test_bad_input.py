"""Bad input over REST: always the one error body, the right status, the member named, and a request id."""

import json
import socket
from typing import Any

import httpx2
import pytest

from cli.mock.upstream import MockUpstream
from tests.e2e.gateway import Account, Gateway, add_provider, sign_up

CHAT = "/v1/chat/completions"
GOOD: dict[str, Any] = {"model": "demo/echo", "messages": [{"role": "user", "content": "hi"}]}


def body(**change: Any) -> bytes:
    return json.dumps({**GOOD, **change}).encode()


def messages(*items: Any) -> bytes:
    return body(messages=list(items))


USER = {"role": "user", "content": "hi"}
BODIES = [
    ("not JSON", b"{nope", 400, None),
    ("nothing at all", b"", 400, None),
    ("an array", b"[]", 400, None),
    ("a string", b'"hi"', 400, None),
    ("null", b"null", 400, None),
    ("text that is not UTF-8", b'{"model": "\xff"}', 400, None),
    ("NaN", b'{"model":"demo/echo","messages":[{"role":"user","content":"x"}],"temperature":NaN}', 400, None),
    (
        "too deep",
        b'{"model":"demo/echo","messages":[{"role":"user","content":"x"}],"x":' + b"[" * 70 + b"]" * 70 + b"}",
        400,
        None,
    ),
    ("deeper than any reader", b"[" * 100_000, 400, None),
    ("a member twice", b'{"model":"a","model":"b","messages":[{"role":"user","content":"x"}]}', 400, "model"),
    (
        "a member twice, deep inside",
        b'{"messages":[{"role":"user","content":"x","content":"y"}]}',
        400,
        "messages[0].content",
    ),
    ("no messages", b'{"model":"demo/echo"}', 400, "messages"),
    ("messages that are none", body(messages=[]), 400, "messages"),
    ("messages of the wrong type", body(messages="hi"), 400, "messages"),
    ("a message that is no object", messages("hi"), 400, "messages[0]"),
    ("a message without a role", messages(USER, {"content": "x"}), 400, "messages[1].role"),
    ("a role that is none", messages({"role": "wizard", "content": "x"}), 400, "messages[0].role"),
    ("content of the wrong type", messages(USER, USER, {"role": "user", "content": 7}), 400, "messages[2].content"),
    (
        "a part without a type",
        messages({"role": "user", "content": [{"text": "x"}]}),
        400,
        "messages[0].content[0].type",
    ),
    ("a model that is no text", body(model=7), 400, "model"),
    ("a temperature out of bounds", body(temperature=3), 400, "temperature"),
    ("a temperature that is a text", body(temperature="hot"), 400, "temperature"),
    ("max_tokens of nothing", body(max_tokens=0), 400, "max_tokens"),
    ("stream that is no boolean", body(stream="yes"), 400, "stream"),
    ("an unknown knob", body(gateway={"colour": "red"}), 400, "gateway.colour"),
    ("an unknown strategy", body(gateway={"strategy": "luck"}), 400, "gateway.strategy"),
    ("an unknown model", body(model="demo/ecko"), 404, "model"),
]


def check(answer: httpx2.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) >= {"message", "type", "code", "param", "request_id", "details"}
    assert error["request_id"].startswith("req_")
    assert answer.headers["x-request-id"] == answer.headers["request-id"] == error["request_id"]
    assert answer.headers["x-should-retry"] in ("true", "false")
    assert error["message"].strip()
    assert "Traceback" not in answer.text
    return error


@pytest.mark.parametrize(("sent", "status", "param"), [case[1:] for case in BODIES], ids=[case[0] for case in BODIES])
async def test_bad_bodies(perpetuo: Gateway, sent: bytes, status: int, param: str | None) -> None:
    async with httpx2.AsyncClient(base_url=perpetuo.url, timeout=60) as client:
        answer = await client.post(CHAT, content=sent, headers={"authorization": f"Bearer {perpetuo.demo_key}"})
    assert check(answer, status)["param"] == param


async def test_an_unknown_model_is_answered_with_the_closest_names(perpetuo: Gateway) -> None:
    async with httpx2.AsyncClient(base_url=perpetuo.url, timeout=60) as client:
        answer = await client.post(
            CHAT, content=body(model="demo/ecko"), headers={"authorization": f"Bearer {perpetuo.demo_key}"}
        )
    error = check(answer, 404)
    assert error["code"] == "model_not_found"
    assert "demo/echo" in error["message"]


REQUESTS = [
    ("no credential", "POST", CHAT, {}, body(), 401, "invalid_api_key"),
    ("a wrong key", "POST", CHAT, {"authorization": "Bearer pk_nope"}, body(), 401, "invalid_api_key"),
    (
        "a key of the wrong kind of path",
        "GET",
        "/api/auth/me",
        {"authorization": "Bearer pk_demo"},
        b"",
        401,
        "token_invalid",
    ),
    ("a wrong token", "GET", "/api/auth/me", {"authorization": "Bearer a.b.c"}, b"", 401, "token_invalid"),
    ("an unknown path", "GET", "/v1/chat/completion", {}, b"", 404, "route_unknown"),
    ("the root", "POST", "/", {}, b"", 404, "route_unknown"),
    ("a wrong method", "PUT", CHAT, {}, body(), 405, "method_not_allowed"),
    (
        "a media type that is not JSON",
        "POST",
        CHAT,
        {"content-type": "text/xml", "authorization": "Bearer pk_demo"},
        body(),
        415,
        "media_type_unsupported",
    ),
    (
        "a compressed body",
        "POST",
        CHAT,
        {"content-encoding": "gzip", "authorization": "Bearer pk_demo"},
        body(),
        415,
        "media_type_unsupported",
    ),
    (
        "a log-in with an unknown member",
        "POST",
        "/auth/login",
        {},
        b'{"email":"a@b.co","password":"x","remember":true}',
        400,
        "request_invalid",
    ),
    (
        "a log-in that is wrong",
        "POST",
        "/auth/login",
        {},
        b'{"email":"nobody@example.com","password":"secure123"}',
        401,
        "login_failed",
    ),
    (
        "a weak password",
        "POST",
        "/auth/signup",
        {},
        b'{"email":"weak@example.com","password":"short"}',
        400,
        "password_weak",
    ),
    (
        "an address that is none",
        "POST",
        "/api/auth/signup",
        {},
        b'{"email":"weak","password":"secure123"}',
        400,
        "request_invalid",
    ),
    ("a malformed escape", "GET", "/v1/models/%zz", {"authorization": "Bearer pk_demo"}, b"", 400, "request_invalid"),
    (
        "a time-out that is none",
        "POST",
        CHAT,
        {"x-request-timeout": "soon", "authorization": "Bearer pk_demo"},
        body(),
        400,
        "request_invalid",
    ),
]


@pytest.mark.parametrize(
    ("method", "path", "headers", "sent", "status", "code"),
    [case[1:] for case in REQUESTS],
    ids=[c[0] for c in REQUESTS],
)
async def test_bad_requests(
    perpetuo: Gateway, method: str, path: str, headers: dict[str, str], sent: bytes, status: int, code: str
) -> None:
    async with httpx2.AsyncClient(base_url=perpetuo.url, timeout=60) as client:
        answer = await client.request(method, path, headers=headers, content=sent)
    error = check(answer, status)
    assert error["code"] == code
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")
    if status == 405:
        assert answer.headers["allow"] == "POST"
    if path == "/v1/chat/completion":
        assert CHAT in error["message"]
    if path.startswith("/auth/"):
        assert answer.json()["success"] is False


async def test_a_body_above_the_limit_is_refused_before_it_is_sent(perpetuo: Gateway) -> None:
    with socket.create_connection(("127.0.0.1", perpetuo.port), timeout=10) as connection:
        head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer pk_demo\r\ncontent-length: 400000000\r\n\r\n"
        connection.sendall(head.encode())
        answer = connection.recv(65536).decode()
    assert answer.startswith("HTTP/1.1 413 ")


async def test_a_body_above_the_limit_is_answered_once_it_is_sent(perpetuo: Gateway) -> None:
    sent = body(user="x" * (33 * 1024 * 1024))
    async with httpx2.AsyncClient(base_url=perpetuo.url, timeout=30) as client:
        answer = await client.post(CHAT, content=sent, headers={"authorization": "Bearer pk_demo"})
    assert "32 MiB" in check(answer, 413)["message"]


async def test_a_taken_address_is_a_conflict(perpetuo: Gateway, account: Account) -> None:
    async with httpx2.AsyncClient(base_url=perpetuo.url, timeout=60) as client:
        answer = await client.post(
            "/auth/signup", json={"email": "TESTER@example.com", "password": "secure-password-123"}
        )
    assert check(answer, 409)["code"] == "already_exists"


PROVIDERS = [
    ("an unknown provider", {"provider": "opnai", "api_key": "sk-1"}, "request_invalid", "provider"),
    (
        "a base URL without a scheme",
        {"provider": "openai", "api_key": "sk-1", "base_url": "example.com"},
        "base_url_refused",
        "base_url",
    ),
    (
        "a base URL with a password",
        {"provider": "openai", "api_key": "sk-1", "base_url": "https://a:b@example.com"},
        "base_url_refused",
        "base_url",
    ),
    (
        "no base URL where there is none to fall back to",
        {"provider": "openai-compatible", "api_key": "sk-1"},
        "request_invalid",
        "base_url",
    ),
    (
        "a priority out of bounds",
        {"provider": "openai", "api_key": "sk-1", "priority": 0},
        "request_invalid",
        "priority",
    ),
    ("an unknown member", {"provider": "openai", "apikey": "sk-1"}, "request_invalid", "apikey"),
]


@pytest.mark.parametrize(
    ("sent", "code", "param"), [case[1:] for case in PROVIDERS], ids=[case[0] for case in PROVIDERS]
)
async def test_bad_provider_entries(
    perpetuo: Gateway, account: Account, sent: dict[str, Any], code: str, param: str
) -> None:
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=account.bearer, timeout=60) as client:
        answer = await client.post("/api/keys/providers", json=sent)
    error = check(answer, 400)
    assert (error["code"], error["param"]) == (code, param)


UPSTREAMS = [
    ("limits", "mock/status-429?retry_after=7", 429, "rate_limit_exceeded"),
    ("has no quota", "mock/status-402", 429, "insufficient_quota"),
    ("fails", "mock/status-500", 503, "upstream_unavailable"),
    ("refuses our key", "mock/status-401", 502, "upstream_auth"),
    ("forbids", "mock/status-403", 502, "upstream_forbidden"),
    ("does not know the model", "mock/status-404", 404, "model_not_found"),
    ("redirects", "mock/redirect", 502, "upstream_redirect"),
    ("answers HTML", "mock/html", 502, "upstream_bad_response"),
    ("answers nothing", "mock/empty", 502, "upstream_bad_response"),
    ("cuts the answer", "mock/cut-at?byte=60", 502, "upstream_bad_response"),
]


@pytest.mark.parametrize(("model", "status", "code"), [case[1:] for case in UPSTREAMS], ids=[c[0] for c in UPSTREAMS])
@pytest.mark.parametrize("stream", [False, True], ids=["in one piece", "streamed"])
async def test_failing_upstreams(
    perpetuo: Gateway, account: Account, model: str, status: int, code: str, stream: bool
) -> None:
    async with httpx2.AsyncClient(base_url=perpetuo.url, timeout=20) as client:
        answer = await client.post(
            CHAT, content=body(model=model, stream=stream), headers={"authorization": f"Bearer {account.key}"}
        )
    error = check(answer, status)
    if not (stream and model.startswith("mock/cut-at")):
        assert error["code"] == code
    if model.startswith("mock/status-429"):
        assert answer.headers["retry-after"] == "7"
    assert "sk-upstream-secret" not in answer.text


BROKEN = ["mock/reset-after?n=3", "mock/no-finish", "mock/cut-at?byte=900", "mock/slow?n=5&ms=30+error-event?n=4"]


@pytest.mark.parametrize("model", BROKEN)
async def test_a_stream_that_breaks_ends_with_an_error_and_without_done(
    perpetuo: Gateway, account: Account, model: str
) -> None:
    async with httpx2.AsyncClient(base_url=perpetuo.url, timeout=20) as client:
        answer = await client.post(
            CHAT, content=body(model=model, stream=True), headers={"authorization": f"Bearer {account.key}"}
        )
    assert answer.status_code == 200
    events = [line[6:] for line in answer.text.split("\n") if line.startswith("data: ")]
    assert "[DONE]" not in events
    error = json.loads(events[-1])["error"]
    assert error["code"] == "upstream_stream_interrupted"
    assert error["request_id"] == answer.headers["x-request-id"]
    assert len(events) > 1


WHOLE = ["mock/no-done", "mock/crlf", "mock/cr", "mock/split-every-byte", "mock/delay-first?ms=30", "mock/bom+comments"]


@pytest.mark.parametrize("model", WHOLE)
async def test_an_odd_but_whole_stream_ends_with_done(perpetuo: Gateway, account: Account, model: str) -> None:
    async with httpx2.AsyncClient(base_url=perpetuo.url, timeout=20) as client:
        answer = await client.post(
            CHAT, content=body(model=model, stream=True), headers={"authorization": f"Bearer {account.key}"}
        )
    assert answer.status_code == 200
    events = [line[6:] for line in answer.text.split("\n") if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    assert "gateway_metadata" in json.loads(events[-2])


async def test_a_failing_provider_falls_back_to_the_next(perpetuo: Gateway, upstream: MockUpstream) -> None:
    made = await sign_up(perpetuo.url, "fallback@example.com")
    await add_provider(perpetuo.url, made, upstream.base_url, priority=2, models=["plain"])
    await add_provider(perpetuo.url, made, "http://127.0.0.1:9", priority=1, models=["plain"])
    async with httpx2.AsyncClient(base_url=perpetuo.url, timeout=20) as client:
        for stream in (False, True):
            answer = await client.post(
                CHAT, content=body(model="plain", stream=stream), headers={"authorization": f"Bearer {made.key}"}
            )
            assert answer.status_code == 200, answer.text
            assert '"attempts":2' in answer.text.replace(" ", "")
