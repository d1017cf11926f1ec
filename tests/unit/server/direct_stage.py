"""A core with one scripted service, and all the ways in which a call can be made to it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.api import httpbody_pb2
from google.rpc import status_pb2
from perpetuo.v1 import completions_pb2, completions_pb2_grpc

from server.chat.principal import Call, Plan, Principal
from server.errors import KeyInvalid, ModelUnknown, Overloaded
from server.grpc_server import CoreServer, ServerOptions
from server.inprocess import HandlerRegistry
from server.inprocess.direct import Direct
from server.interceptors.address import CallerAddress
from server.interceptors.context import current_call
from server.interceptors.shedding import OpenDoor
from server.services.calling import Calls
from server.services.completions import CompletionsServicer

METHOD = "/perpetuo.v1.CompletionsService/CreateRawChatCompletion"
KEY = (("authorization", "Bearer gw_1"),)
PARTS = ("in parts", "at once")
WAYS = ("messages", "here", "direct", *PARTS)
LIMIT_BYTES = 2000

Ask = Callable[[Any, bytes], Awaitable[Any]]


class Keys:
    """Knows one key."""

    async def authenticate_key(self, secret: str) -> Principal:
        if secret != "gw_1":
            raise KeyInvalid("No such key.")
        return Principal("usr_1", "ws_1", Plan.PRO, key_id="key_1")

    async def authenticate_token(self, token: str) -> Principal:
        raise AssertionError("no method here takes a token")


class FullDoor(OpenDoor):
    """Lets nobody in."""

    def enter(self) -> None:
        raise Overloaded("Full.", retry_after_s=2)


class Script:
    """A pipeline that does what the body says."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.release = asyncio.Event()
        self.calls: list[Call] = []
        self.is_prompt = False

    def serve(self, call: Call, body: bytes) -> Any:
        serving = self.complete(call, body)
        if not self.is_prompt or body.startswith(b"wait"):
            return serving
        try:
            serving.send(None)
        except StopIteration as stop:
            return stop.value
        raise AssertionError("it waits")

    async def complete(self, call: Call, body: bytes, read: object = None) -> bytes:
        self.calls.append(call)
        what = body.decode()
        if what == "announce":
            call.announce([("x-perpetuo-provider", "demo"), ("x-perpetuo-attempts", "1")])
        elif what in _ANNOUNCED:
            call.announce(_ANNOUNCED[what])
        elif what == "unknown model":
            call.announce([("x-perpetuo-attempts", "2")])
            raise ModelUnknown("There is no such model.", param="model")
        elif what == "unspeakable refusal":
            call.announce([("x-perpetuo-provider", "a\nb")])
            raise ModelUnknown("There is no such model.", param="model")
        elif what == "defect":
            raise ZeroDivisionError("secret")
        elif what == "cancelled by itself":
            raise asyncio.CancelledError
        elif what.isdigit():
            return b"x" * int(what)
        elif what.startswith("wait"):
            await self._wait(ends_well=what == "wait and answer")
        return b'{"is":"fine"}'

    async def _wait(self, *, ends_well: bool) -> None:
        self.began.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            if not ends_well:
                raise

    def stream(self, call: Call, body: bytes, read: object = None) -> Any:
        raise AssertionError("nothing here streams")


_ANNOUNCED: dict[str, Any] = {
    "nothing printable": [("x-perpetuo-provider", "a\nb")],
    "not text": [("x-perpetuo-mark-bin", b"\x00\xff")],
    "text as bytes": [("x-perpetuo-provider", b"demo")],
    "much": [("x-perpetuo-provider", "x" * LIMIT_BYTES)],
}


class Stage:
    """A core with one service, and the ways to it."""

    def __init__(self, door: OpenDoor | None, most: int | None, *, has_access_log: bool = False) -> None:
        self.script, registry = Script(), HandlerRegistry()
        self.counts: dict[tuple[str, str], list[int]] = {}
        calls = Calls(current_call, 60.0, CallerAddress(()))
        servicer = CompletionsServicer(self.script, calls)
        completions_pb2_grpc.add_CompletionsServiceServicer_to_server(servicer, registry)
        options = ServerOptions(
            message_bytes=LIMIT_BYTES,
            metadata_bytes=LIMIT_BYTES,
            has_access_log=has_access_log,
            counted=lambda method, code: self.counts.setdefault((method, code), [0]),
            door=door,
            concurrent_calls=most,
        )
        self.server = CoreServer(registry, Keys(), options)
        self.method: Any = self.server.channel.unary_unary(
            METHOD,
            completions_pb2.CreateRawChatCompletionRequest.SerializeToString,
            completions_pb2.CreateRawChatCompletionResponse.FromString,
        )

    @property
    def lines(self) -> list[tuple[str, str]]:
        """Method and status of the calls that have ended."""
        return [ended for ended, (count,) in self.counts.items() for _ in range(count)]

    async def ask(self, way: str, metadata: Any, body: bytes) -> tuple[bytes, dict[str, Any]]:
        """The answer and its initial metadata."""
        self.script.is_prompt = way == "at once"
        if way in PARTS:
            return await self._ask_in_parts(metadata, body)
        if way == "direct":
            return await self._ask_directly(metadata, body)
        raw = httpbody_pb2.HttpBody(content_type="application/json", data=body)
        make = self.method.here if way == "here" else self.method
        call = make(completions_pb2.CreateRawChatCompletionRequest(body=raw), metadata=metadata)
        answer = await call
        return answer.body.data, dict(tuple(await call.initial_metadata()))

    async def _ask_in_parts(self, metadata: Any, body: bytes) -> tuple[bytes, dict[str, Any]]:
        direct: Any = self.method.direct
        answer, call = direct.start(asyncio.current_task(), direct.prepare(metadata), body)
        if answer is None:
            try:
                answer = direct.finish(call, await call.served)
            except BaseException as error:  # noqa: BLE001  # it tells what it is
                raise direct.fail(call, error) from None
            assert not call.cancel()
        else:
            assert self.script.is_prompt
        return answer.body, dict(answer.metadata)

    async def _ask_directly(self, metadata: Any, body: bytes) -> tuple[bytes, dict[str, Any]]:
        direct: Direct = self.method.direct
        task = asyncio.current_task()
        assert task is not None
        call = direct.begin(task)
        answer = await direct.answer(call, direct.prepare(metadata), body)
        assert not call.cancel()
        assert not (answer.is_text and any(isinstance(value, bytes) for value in answer.values))
        return answer.body, dict(answer.metadata)

    async def end(self, way: str, metadata: Any, body: bytes) -> Any:
        """How a call ends, without what differs from call to call."""
        try:
            answer, initial = await self.ask(way, metadata, body)
        except grpc.aio.AioRpcError as error:
            return _told(error)
        request_id = initial.pop("x-request-id")
        assert request_id == self.script.calls[-1].request_id
        return answer, initial


def _told(error: grpc.aio.AioRpcError) -> Any:
    trailing = dict(tuple(error.trailing_metadata() or ()))
    raw = trailing.pop("grpc-status-details-bin", b"")
    request_id = trailing.pop("x-request-id", "")
    assert isinstance(raw, bytes)
    details = [each.type_url for each in status_pb2.Status.FromString(raw).details]
    initial = dict(tuple(error.initial_metadata() or ()))
    has_id = bool(request_id) or bool(initial.pop("x-request-id", ""))
    return error.code(), error.details(), has_id, details, trailing, initial


@asynccontextmanager
async def staged(
    door: OpenDoor | None = None, most: int | None = None, *, has_access_log: bool = False
) -> AsyncIterator[Stage]:
    stage = Stage(door, most, has_access_log=has_access_log)
    try:
        yield stage
    finally:
        await stage.server.stop(0)
    await asyncio.sleep(0)
    assert stage.server.channel.running == set()
