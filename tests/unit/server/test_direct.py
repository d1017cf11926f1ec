"""Calls made directly end as those made with messages do: the same answer, metadata, status, record and task."""

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
import structlog
from google.api import httpbody_pb2
from google.rpc import status_pb2
from perpetuo.v1 import completions_pb2, completions_pb2_grpc

from server.chat.principal import Call, Plan, Principal
from server.errors import KeyInvalid, ModelUnknown, Overloaded
from server.grpc_server import CoreServer, ServerOptions
from server.inprocess import HandlerRegistry
from server.inprocess.direct import Direct, DirectCall
from server.interceptors.address import CallerAddress
from server.interceptors.context import current_call
from server.interceptors.shedding import OpenDoor
from server.services.calling import Calls
from server.services.completions import CompletionsServicer
from server.telemetry.logs import LogFormat, configure

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


CASES = {
    "an answer": (KEY, b"{}"),
    "an answer with metadata": (KEY, b"announce"),
    "an answer of nothing": (KEY, b"0"),
    "metadata that cannot be sent": (KEY, b"nothing printable"),
    "metadata that are bytes": (KEY, b"not text"),
    "metadata whose text came as bytes": (KEY, b"text as bytes"),
    "too much metadata": (KEY, b"much"),
    "a refusal": (KEY, b"unknown model"),
    "a refusal with metadata that cannot be sent": (KEY, b"unspeakable refusal"),
    "a defect": (KEY, b"defect"),
    "a service that is cancelled by itself": (KEY, b"cancelled by itself"),
    "the largest answer": (KEY, b"1976"),
    "an answer that is one byte too large": (KEY, b"1977"),
    "an answer that is much too large": (KEY, b"5000"),
    "no key": ((), b"{}"),
    "a key that nobody knows": ((("x-api-key", "gw_2"),), b"{}"),
    "another scheme": ((("authorization", "Basic abc"),), b"{}"),
    "a token in the place of a key": ((("authorization", "Bearer eyJ.a.b"),), b"{}"),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_call_ends_the_same_by_all_ways(case: str) -> None:
    metadata, body = CASES[case]
    async with staged() as stage:
        ends = [await stage.end(way, metadata, body) for way in WAYS]
    assert ends == [ends[0]] * len(WAYS)
    assert stage.lines == [stage.lines[0]] * len(WAYS)


async def test_calls_of_all_ways_are_counted_and_logged_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    root, written = logging.getLogger(), io.StringIO()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    configure(LogFormat.JSON, "INFO", written)
    async with staged(has_access_log=True) as stage:
        ends = [await stage.end(way, KEY, body) for body in (b"{}", b"{}", b"unknown model") for way in WAYS]
    structlog.reset_defaults()
    assert stage.lines == [(METHOD, "OK")] * 10 + [(METHOD, "NOT_FOUND")] * 5
    assert [written.getvalue().count(f'"code":"{code}"') for code in ("OK", "NOT_FOUND")] == [10, 5]
    assert len(ends) == len({line.partition('"request_id"')[2][:60] for line in written.getvalue().splitlines()})


async def test_each_answer_of_many_has_its_own_metadata() -> None:
    bodies = b"announce", b"{}", b"announce", b"announce", b"not text", b"{}", b"{}", b"much", b"announce", b"0"
    alone, in_turn = [], []
    for body in bodies:
        async with staged() as stage:
            alone.append(await stage.end("direct", KEY, body))
    async with staged() as stage:
        for _ in range(2):
            in_turn += [await stage.end("direct", KEY, body) for body in bodies]
    assert in_turn == alone * 2


async def test_the_largest_answer_is_just_within_the_limit() -> None:
    async with staged() as stage:
        assert len((await stage.ask("direct", KEY, b"1976"))[0]) == 1976
        with pytest.raises(grpc.aio.AioRpcError, match=r"2001 vs\. 2000"):
            await stage.ask("direct", KEY, b"1977")


@pytest.mark.parametrize("way", WAYS)
async def test_nobody_is_let_in_at_a_door_that_is_shut(way: str) -> None:
    async with staged(FullDoor()) as stage:
        code, details, *_ = await stage.end(way, KEY, b"{}")
    assert (code, details, stage.script.calls) == (grpc.StatusCode.UNAVAILABLE, "Full.", [])
    assert stage.lines == [(METHOD, "UNAVAILABLE")]


async def test_what_the_service_is_told_of_a_call_is_the_same_by_all_ways() -> None:
    metadata = (
        *KEY,
        ("x-request-id", "mine"),
        ("x-perpetuo-surface", "rest"),
        ("x-perpetuo-cache", "off"),
        ("idempotency-key", "k"),
        ("traceparent", "00-1-2-01"),
    )
    async with staged() as stage:
        for way in WAYS:
            await stage.ask(way, metadata, b"{}")
    seen = [
        (each.principal, each.surface, each.client_request_id, dict(each.knobs), each.is_timed, each.traceparent)
        for each in stage.script.calls
    ]
    assert seen == [seen[0]] * len(WAYS)
    assert seen[0][1:] == ("rest", "mine", {"cache": "off", "idempotency-key": "k"}, False, "00-1-2-01")
    assert len({each.request_id for each in stage.script.calls}) == len(WAYS)


UNFIT = {
    "a name that no metadata may have": (("A", "1"),),
    "a name of the protocol": (("grpc-status", "1"),),
    "more than the limit": (("a", "x" * LIMIT_BYTES),),
}


@pytest.mark.parametrize("case", UNFIT)
async def test_metadata_that_are_refused_go_the_way_of_messages(case: str) -> None:
    async with staged() as stage:
        assert stage.method.direct.prepare(UNFIT[case]) is None


async def test_only_what_has_a_raw_form_is_called_directly() -> None:
    async with staged() as stage:
        other = stage.server.channel.unary_unary("/perpetuo.v1.CompletionsService/CreateChatCompletion")
        assert other.direct is None


async def _begun(stage: Stage, way: str, body: bytes) -> asyncio.Task[Any]:
    task = asyncio.ensure_future(stage.end(way, KEY, body))
    await stage.script.began.wait()
    return task


@pytest.mark.parametrize("body", [b"wait", b"wait and answer"])
@pytest.mark.parametrize("way", WAYS)
async def test_who_outlasts_the_grace_of_a_core_that_stops_is_told_so(way: str, body: bytes) -> None:
    async with staged() as stage:
        task = await _begun(stage, way, body)
        await stage.server.channel.stop(0)
        code, details, *_ = await task
        assert (code, details) == (grpc.StatusCode.UNAVAILABLE, "The server stopped before the call was done.")
        code, details, *_ = await stage.end(way, KEY, b"{}")
        assert (code, details) == (grpc.StatusCode.UNAVAILABLE, "The server is stopping.")
    assert task.cancelling() == 0


@pytest.mark.parametrize("way", WAYS)
async def test_a_core_that_stops_waits_for_calls_that_run(way: str) -> None:
    async with staged() as stage:
        task = await _begun(stage, way, b"wait")
        stopping = asyncio.ensure_future(stage.server.channel.stop(30))
        await asyncio.sleep(0)
        stage.script.release.set()
        await stopping
        assert (await task)[0] == b'{"is":"fine"}'


@pytest.mark.parametrize("way", WAYS)
async def test_no_more_calls_run_at_once_than_are_allowed(way: str) -> None:
    async with staged(most=1) as stage:
        task = await _begun(stage, way, b"wait")
        code, details, *_ = await stage.end(way, KEY, b"{}")
        stage.script.release.set()
        await task
    assert (code, details) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "Concurrent RPC limit exceeded!")


@pytest.mark.parametrize("way", WAYS)
async def test_a_channel_that_is_closed_makes_no_calls(way: str) -> None:
    async with staged() as stage:
        await stage.server.channel.close()
        with pytest.raises(grpc.aio.UsageError):
            await stage.ask(way, KEY, b"{}")


@pytest.mark.parametrize("body", [b"wait", b"wait and answer"])
async def test_a_caller_that_goes_cancels_its_call_and_not_its_task(body: bytes) -> None:
    async with staged() as stage:
        direct, calls = stage.method.direct, []

        async def run() -> Any:
            task = asyncio.current_task()
            assert task is not None
            calls.append(direct.begin(task))
            try:
                await direct.answer(calls[0], direct.prepare(KEY), body)
            except asyncio.CancelledError:
                return task.cancelling()

        task = asyncio.ensure_future(run())
        await stage.script.began.wait()
        call: DirectCall = calls[0]
        assert call.cancel()
        assert not call.cancel()
        assert await task == 0
        assert call.is_gone
    assert stage.lines == [(METHOD, "CANCELLED" if body == b"wait" else "OK")]


@pytest.mark.parametrize("way", WAYS[1:])
async def test_a_task_that_is_cancelled_takes_its_call_with_it(way: str) -> None:
    async with staged() as stage:
        task = await _begun(stage, way, b"wait")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert stage.lines == [(METHOD, "CANCELLED")]
