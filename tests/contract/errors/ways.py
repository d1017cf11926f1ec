"""The ways to a failing service, and what a caller sees of the failure on each.

A way asks and reads; what should be seen is the tests' business.
"""

import math
from dataclasses import dataclass, field
from typing import Any, Protocol

import grpc
import httpx2
import msgspec
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from perpetuo.v1 import auth_pb2, auth_pb2_grpc, completions_pb2_grpc

from tests.contract.errors.stage import KEY, Wish, stream_request, unary_request
from tests.contract.errors.table import Row

BEARER = {"authorization": f"Bearer {KEY}"}
_CHAT = "/v1/chat/completions"
_LOG_IN = "/auth/login"
_DETAILS_MAX_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Told:
    """What a caller was told of a failure. `seen` is all text and bytes that reached it; `wait_s` is in seconds.

    `events` came before it. The rest is what only one kind of way has.
    """

    message: str
    param: str | None
    variables: dict[str, str]
    request_id: str
    wait_s: float | None
    seen: str
    events: list[bytes] = field(default_factory=list)
    body: dict[str, Any] = field(default_factory=dict)
    http_status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    grpc_code: grpc.StatusCode = grpc.StatusCode.UNKNOWN
    details: dict[str, Any] = field(default_factory=dict)
    details_bytes: int = 0
    initial: dict[str, Any] = field(default_factory=dict)
    trailing: dict[str, Any] = field(default_factory=dict)


class Way(Protocol):
    """One way to the services."""

    async def unary(self, wish: Wish) -> Told:
        """Asks a method with one answer."""

    async def wrapped(self, wish: Wish) -> Told:
        """Asks a method whose REST answers are wrapped."""

    async def stream(self, wish: Wish) -> Told:
        """Asks a method with a stream."""

    async def without_key(self) -> Told:
        """Asks without a credential."""

    def check(self, row: Row, told: Told, wait_s: float | None) -> None:
        """Holds what was told before any event against the table; `wait_s` is what the raiser knew."""

    def check_late(self, row: Row, told: Told, wait_s: float | None) -> None:
        """Holds what was told behind an event against the table."""


class RestWay:
    """Over HTTP."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def unary(self, wish: Wish) -> Told:
        return self._read(await self._post(_CHAT, wish))

    async def stream(self, wish: Wish) -> Told:
        wish.stream = True
        return self._read(await self._post(_CHAT, wish))

    async def wrapped(self, wish: Wish) -> Told:
        body = {"email": msgspec.json.encode(wish).decode(), "password": "x"}
        answer = await self._client.post(_LOG_IN, content=msgspec.json.encode(body))
        assert list(answer.json()) == ["success", "error"]
        assert answer.json()["success"] is False
        return self._read(answer)

    async def without_key(self) -> Told:
        return self._read(await self._client.post(_CHAT, content=b"{}"))

    async def _post(self, path: str, wish: Wish) -> httpx2.Response:
        return await self._client.post(path, content=msgspec.json.encode(wish), headers=BEARER)

    def _read(self, answer: httpx2.Response) -> Told:
        events: list[bytes] = []
        last = answer.content
        if answer.headers["content-type"].startswith("text/event-stream"):
            *events, last = [event.removeprefix(b"data: ") for event in answer.content.split(b"\n\n")[:-1]]
        body = msgspec.json.decode(last)
        error = body["error"]
        wait = answer.headers.get("retry-after")
        return Told(
            message=error["message"],
            param=error["param"],
            variables=error["details"],
            request_id=error["request_id"],
            wait_s=None if wait is None else float(wait),
            seen=f"{answer.status_code}{answer.reason_phrase}{answer.headers.raw}{answer.content!r}",
            events=events,
            body=body,
            http_status=answer.status_code,
            headers=dict(answer.headers),
        )

    def check(self, row: Row, told: Told, wait_s: float | None) -> None:
        assert told.http_status == row.http_status
        self._check_body(row, told)
        headers = told.headers
        assert headers["x-should-retry"] == ("true" if row.retries else "false")
        if row.retries or row.tells_wait:
            known_s = None if wait_s is None else min(math.ceil(wait_s), 60)
            assert told.wait_s == (known_s or 1 if row.retries else known_s)
        else:
            assert told.wait_s is None
        assert headers.get("www-authenticate") == ("Bearer" if row.http_status == 401 else None)
        assert headers["content-type"] == "application/json"

    def check_late(self, row: Row, told: Told, wait_s: float | None) -> None:
        assert told.http_status == 200
        self._check_body(row, told)
        assert "[DONE]" not in told.seen
        assert told.headers["content-type"].startswith("text/event-stream")

    def _check_body(self, row: Row, told: Told) -> None:
        error = told.body["error"]
        assert {"message", "type", "code", "param", "request_id", "details"} <= error.keys()
        assert (error["code"], error["type"]) == (row.code, row.type)
        assert told.headers["x-request-id"] == told.headers["request-id"] == told.request_id
        assert [name for name in told.headers if name.startswith("grpc-")] == []


class GrpcWay:
    """Over a channel, of either kind."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._completions = completions_pb2_grpc.CompletionsServiceStub(channel)
        self._auth = auth_pb2_grpc.AuthServiceStub(channel)

    async def unary(self, wish: Wish) -> Told:
        return await self._ask(
            self._completions.CreateRawChatCompletion(unary_request(wish), metadata=tuple(BEARER.items()))
        )

    async def wrapped(self, wish: Wish) -> Told:
        email = msgspec.json.encode(wish).decode()
        return await self._ask(self._auth.LogIn(auth_pb2.LogInRequest(email=email, password="x")))

    async def without_key(self) -> Told:
        return await self._ask(self._completions.CreateRawChatCompletion(unary_request(Wish())))

    async def _ask(self, call: Any) -> Told:
        try:
            await call
        except grpc.aio.AioRpcError as error:
            return self._read(error, [])
        raise AssertionError("the call did not fail")

    async def stream(self, wish: Wish) -> Told:
        call = self._completions.StreamRawChatCompletion(stream_request(wish), metadata=tuple(BEARER.items()))
        events: list[bytes] = []
        try:
            async for message in call:
                events += message.events
        except grpc.aio.AioRpcError as error:
            return self._read(error, events)
        raise AssertionError("the stream did not fail")

    def _read(self, error: grpc.aio.AioRpcError, events: list[bytes]) -> Told:
        initial, trailing = tuple(error.initial_metadata() or ()), tuple(error.trailing_metadata() or ())
        assert (len(dict(initial)), len(dict(trailing))) == (len(initial), len(trailing))
        raw = dict(trailing)["grpc-status-details-bin"]
        assert isinstance(raw, bytes)
        status = status_pb2.Status.FromString(raw)
        assert (status.code, status.message) == (error.code().value[0], error.details())
        details = _unpacked(status)
        violations = details["BadRequest"].field_violations if "BadRequest" in details else []
        retry = details.get("RetryInfo")
        return Told(
            message=status.message,
            param=violations[0].field if violations else None,
            variables=dict(details["ErrorInfo"].metadata),
            request_id=details["RequestInfo"].request_id,
            wait_s=None if retry is None else retry.retry_delay.ToNanoseconds() / 1e9,
            seen=f"{error.code()}{error.details()}{initial}{trailing}{error.debug_error_string()}{details}",
            events=events,
            grpc_code=error.code(),
            details=details,
            details_bytes=len(raw),
            initial=dict(initial),
            trailing=dict(trailing),
        )

    def check(self, row: Row, told: Told, wait_s: float | None) -> None:
        assert told.initial == {}
        assert told.trailing["x-request-id"] == told.request_id
        self._check_status(row, told, wait_s)

    def check_late(self, row: Row, told: Told, wait_s: float | None) -> None:
        assert told.initial == {"x-request-id": told.request_id}
        self._check_status(row, told, wait_s)

    def _check_status(self, row: Row, told: Told, wait_s: float | None) -> None:
        assert told.grpc_code is row.grpc_code
        info = told.details["ErrorInfo"]
        assert (info.reason, info.domain) == (row.reason, "perpetuo.dev")
        assert told.details["Help"].links[0].url == f"/docs/errors/{row.reason.lower()}"
        assert told.trailing.get("grpc-retry-pushback-ms") == ("-1" if row.has_pushback else None)
        known_s = 1 if wait_s is None else min(wait_s, 60)
        assert told.wait_s == (known_s if row.retries else None)
        assert ("QuotaFailure" in told.details) == row.is_quota
        if "BadRequest" in told.details:
            [violation] = told.details["BadRequest"].field_violations
            assert violation.field
            assert violation.description == told.message
        assert told.details_bytes * 4 / 3 < _DETAILS_MAX_BYTES


def _unpacked(status: status_pb2.Status) -> dict[str, Any]:
    """The details by the name of their type; of each there is one."""
    found: dict[str, Message] = {}
    for packed in status.details:
        name = packed.TypeName().removeprefix("google.rpc.")
        assert name not in found
        detail: Message = getattr(error_details_pb2, name)()
        assert packed.Unpack(detail)
        found[name] = detail
    assert "ErrorInfo" in found
    return found
