"""Streams that are made directly end as those made with messages do: the same events, metadata, status and record."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.api import httpbody_pb2
from google.rpc import status_pb2
from perpetuo.v1 import completions_pb2, completions_pb2_grpc

from server.chat.principal import Call, Plan, Principal
from server.errors import KeyInvalid, ModelUnknown, Overloaded
from server.grpc_server import CoreServer, ServerOptions
from server.inprocess import HandlerRegistry
from server.inprocess.direct import AnyAnswer, DirectCall, DirectStream
from server.interceptors.address import CallerAddress
from server.interceptors.context import current_call
from server.interceptors.shedding import OpenDoor
from server.services.calling import Calls
from server.services.completions import CompletionsServicer

METHOD = "/perpetuo.v1.CompletionsService/StreamRawChatCompletion"
KEY = (("authorization", "Bearer gw_1"),)
WAYS = ("here", "direct")
LIMIT_BYTES = 2000


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
    """A pipeline that streams what the body says."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.release = asyncio.Event()
        self.ended: list[str] = []

    def complete(self, call: Call, body: bytes, read: object = None) -> Any:
        raise AssertionError("everything here streams")

    def serve(self, call: Call, body: bytes) -> Any:
        raise AssertionError("nothing here answers in one piece")

    async def stream(self, call: Call, body: bytes, read: object = None) -> AsyncGenerator[list[bytes], None]:
        what = body.decode()
        try:
            if what in _ANNOUNCED:
                call.announce(_ANNOUNCED[what])
            if what == "unknown model":
                raise ModelUnknown("There is no such model.", param="model")
            if what != "only pushed":
                yield [b"x" * int(what)] if what.isdigit() else [b"1", b"2"]
            assert call.push is not None
            for events in ([b"3"], [b"4", b"5"], [b"y" * LIMIT_BYTES] if what == "too large" else [b"6"]):
                if not call.push(events):
                    yield events
            await self._go_on(what)
            yield [b"last"]
            self.ended.append("well")
        except BaseException as error:
            self.ended.append(type(error).__name__)
            raise

    async def _go_on(self, what: str) -> None:
        if what == "breaks":
            raise ModelUnknown("It broke.")
        if what == "defect":
            raise ZeroDivisionError("secret")
        if what == "cancelled by itself":
            raise asyncio.CancelledError
        if what == "wait":
            self.began.set()
            await self.release.wait()


_ANNOUNCED: dict[str, Any] = {
    "announce": [("x-perpetuo-provider", "demo"), ("x-perpetuo-attempts", "1")],
    "nothing printable": [("x-perpetuo-provider", "a\nb")],
    "not text": [("x-perpetuo-mark-bin", b"\x00\xff")],
    "much": [("x-perpetuo-provider", "x" * LIMIT_BYTES)],
}


class Taken:
    """What a caller got. It takes `room` lists, and fails after them."""

    pass_on = None

    def __init__(self, room: int = 100) -> None:
        self.lists: list[list[bytes]] = []
        self.initial: dict[str, Any] = {}
        self.room = room
        self.most_bytes = 0

    async def begin(self, head: AnyAnswer, events: Sequence[bytes], max_bytes: int) -> None:
        self.initial, self.most_bytes = dict(head.metadata), max_bytes
        await self.take(events)

    async def take(self, events: Sequence[bytes]) -> None:
        await asyncio.sleep(0)
        if len(self.lists) >= self.room:
            raise ValueError("no room")
        self.lists.append(list(events))

    def push(self, events: Sequence[bytes]) -> bool:
        if len(self.lists) >= self.room or sum(len(event) + 6 for event in events) > self.most_bytes:
            return False
        self.lists.append(list(events))
        return True


class Stage:
    """A core with one service, and the ways to it."""

    def __init__(self, door: OpenDoor | None, most: int | None) -> None:
        self.script, registry = Script(), HandlerRegistry()
        self.counts: dict[tuple[str, str], list[int]] = {}
        calls = Calls(current_call, 60.0, CallerAddress(()))
        completions_pb2_grpc.add_CompletionsServiceServicer_to_server(CompletionsServicer(self.script, calls), registry)
        options = ServerOptions(
            message_bytes=LIMIT_BYTES,
            metadata_bytes=LIMIT_BYTES,
            has_access_log=False,
            counted=lambda method, code: self.counts.setdefault((method, code), [0]),
            door=door,
            concurrent_calls=most,
        )
        self.server = CoreServer(registry, Keys(), options)
        self.method: Any = self.server.channel.unary_stream(
            METHOD,
            completions_pb2.StreamRawChatCompletionRequest.SerializeToString,
            completions_pb2.StreamRawChatCompletionResponse.FromString,
        )
        self.call: Any = None

    @property
    def lines(self) -> list[tuple[str, str]]:
        """Method and status of the calls that have ended."""
        return [ended for ended, (count,) in self.counts.items() for _ in range(count)]

    async def ask(self, way: str, metadata: Any, body: bytes, taken: Taken) -> None:
        if way == "direct":
            direct: DirectStream = self.method.direct_stream
            task = asyncio.current_task()
            assert task is not None
            self.call = direct.begin(task)
            await direct.stream(self.call, direct.prepare(metadata), body, taken)
            return
        raw = httpbody_pb2.HttpBody(content_type="application/json", data=body)
        call = self.call = self.method.here(completions_pb2.StreamRawChatCompletionRequest(body=raw), metadata=metadata)

        async def take(message: Any) -> None:
            taken.initial, taken.most_bytes = dict(call.received_metadata), LIMIT_BYTES
            await taken.take(message.events)
            call.hand_to(taken.push)

        await call.into(take)

    async def end(self, way: str, metadata: Any, body: bytes, room: int = 100) -> Any:
        """What came and how the call ended, without what differs from call to call."""
        taken, told = Taken(room), None
        try:
            await self.ask(way, metadata, body, taken)
        except grpc.aio.AioRpcError as error:
            told = _told(error, has_begun=bool(taken.lists))
        except (ValueError, asyncio.CancelledError) as error:
            told = repr(error)
        taken.initial.pop("x-request-id", None)
        return taken.lists, taken.initial if taken.lists else {}, told


def _told(error: grpc.aio.AioRpcError, *, has_begun: bool) -> Any:
    trailing = dict(tuple(error.trailing_metadata() or ()))
    raw = trailing.pop("grpc-status-details-bin", b"")
    trailing.pop("x-request-id", "")
    assert isinstance(raw, bytes)
    details = [each.type_url for each in status_pb2.Status.FromString(raw).details]
    initial = {} if has_begun else dict(tuple(error.initial_metadata() or ()))
    return error.code(), error.details(), details, trailing, bool(initial.pop("x-request-id", "")), initial


@asynccontextmanager
async def staged(door: OpenDoor | None = None, most: int | None = None) -> AsyncIterator[Stage]:
    stage = Stage(door, most)
    try:
        yield stage
    finally:
        await stage.server.stop(0)
    await asyncio.sleep(0)
    assert stage.server.channel.running == set()


CASES = {
    "a stream": (KEY, b"{}"),
    "a stream with metadata": (KEY, b"announce"),
    "metadata that cannot be sent": (KEY, b"nothing printable"),
    "metadata that are bytes": (KEY, b"not text"),
    "too much metadata": (KEY, b"much"),
    "a refusal": (KEY, b"unknown model"),
    "a stream that breaks": (KEY, b"breaks"),
    "a defect": (KEY, b"defect"),
    "a service that is cancelled by itself": (KEY, b"cancelled by itself"),
    "pushed before anything was written": (KEY, b"only pushed"),
    "an event of nothing": (KEY, b"0"),
    "the largest event": (KEY, b"1997"),
    "an event that is one byte too large": (KEY, b"1998"),
    "an event that is too large, later": (KEY, b"too large"),
    "no key": ((), b"{}"),
    "a key that nobody knows": ((("x-api-key", "gw_2"),), b"{}"),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_stream_ends_the_same_by_all_ways(case: str) -> None:
    metadata, body = CASES[case]
    async with staged() as stage:
        ends = [await stage.end(way, metadata, body) for way in WAYS]
    assert ends == [ends[0]] * len(WAYS)
    assert stage.lines == [stage.lines[0]] * len(WAYS)
    assert stage.script.ended == stage.script.ended[:1] * len(stage.script.ended)


async def test_the_largest_event_is_just_within_the_limit() -> None:
    async with staged() as stage:
        assert len((await stage.end("direct", KEY, b"1997"))[0][0][0]) == 1997
        lists, _, told = await stage.end("direct", KEY, b"1998")
    assert (lists, told[1]) == ([], "SERVER: Sent message larger than max (2001 vs. 2000)")


@pytest.mark.parametrize("room", [0, 1, 2])
@pytest.mark.parametrize("way", WAYS)
async def test_what_the_caller_cannot_take_ends_the_call_and_is_the_callers_to_see(way: str, room: int) -> None:
    async with staged() as stage:
        lists, _, told = await stage.end(way, KEY, b"{}", room)
    assert (len(lists), told) == (room, "ValueError('no room')")
    assert (stage.lines, stage.script.ended) == ([(METHOD, "CANCELLED")], ["GeneratorExit"])


@pytest.mark.parametrize("way", WAYS)
async def test_nobody_is_let_in_at_a_door_that_is_shut(way: str) -> None:
    async with staged(FullDoor()) as stage:
        _, _, (code, details, *_) = await stage.end(way, KEY, b"{}")
    assert (code, details, stage.script.ended) == (grpc.StatusCode.UNAVAILABLE, "Full.", [])
    assert stage.lines == [(METHOD, "UNAVAILABLE")]


async def test_only_what_streams_a_raw_form_is_streamed_directly() -> None:
    async with staged() as stage:
        other: Any = stage.server.channel.unary_stream("/perpetuo.v1.CompletionsService/StreamChatCompletion")
        assert other.direct_stream is None
        assert stage.server.channel.direct_of(METHOD) is None
        assert stage.method.direct_stream.prepare((("grpc-status", "1"),)) is None


async def _begun(stage: Stage, way: str) -> asyncio.Task[Any]:
    task = asyncio.ensure_future(stage.end(way, KEY, b"wait"))
    await stage.script.began.wait()
    return task


@pytest.mark.parametrize("way", WAYS)
async def test_a_stream_that_outlasts_the_grace_of_a_core_that_stops_is_told_so(way: str) -> None:
    async with staged() as stage:
        task = await _begun(stage, way)
        await stage.server.channel.stop(0)
        lists, _, (code, details, *_) = await task
        assert len(lists) == 4
        assert (code, details) == (grpc.StatusCode.UNAVAILABLE, "The server stopped before the call was done.")
        _, _, (code, details, *_) = await stage.end(way, KEY, b"{}")
        assert (code, details) == (grpc.StatusCode.UNAVAILABLE, "The server is stopping.")
    assert task.cancelling() == 0


@pytest.mark.parametrize("way", WAYS)
async def test_no_more_streams_run_at_once_than_are_allowed(way: str) -> None:
    async with staged(most=1) as stage:
        task = await _begun(stage, way)
        _, _, (code, details, *_) = await stage.end(way, KEY, b"{}")
        stage.script.release.set()
        assert (await task)[0][-1] == [b"last"]
    assert (code, details) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "Concurrent RPC limit exceeded!")


@pytest.mark.parametrize("way", WAYS)
async def test_a_channel_that_is_closed_makes_no_calls(way: str) -> None:
    async with staged() as stage:
        await stage.server.channel.close()
        with pytest.raises(grpc.aio.UsageError):
            await stage.ask(way, KEY, b"{}", Taken())


@pytest.mark.parametrize("way", WAYS)
async def test_a_caller_that_goes_cancels_its_stream_and_not_its_task(way: str) -> None:
    async with staged() as stage:
        task = await _begun(stage, way)
        call: DirectCall = stage.call
        assert call.cancel()
        assert not call.cancel()
        assert (await task)[2] == "CancelledError()"
        assert task.cancelling() == 0
    assert stage.lines == [(METHOD, "CANCELLED")]
    assert stage.script.ended == ["CancelledError"]


@pytest.mark.parametrize("way", WAYS)
async def test_a_task_that_is_cancelled_takes_its_stream_with_it(way: str) -> None:
    async with staged() as stage:
        task = await _begun(stage, way)
        task.cancel()
        assert (await task)[2] == "CancelledError()"
        assert task.cancelling() == 1
    assert stage.lines == [(METHOD, "CANCELLED")]
