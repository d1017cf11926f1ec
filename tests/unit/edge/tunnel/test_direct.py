"""Calls without messages on the edge's side, through a tunnel that a test plays, and the plain way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.api import httpbody_pb2
from perpetuo.v1 import completions_pb2

from edge.tunnel.direct import DirectMethod, Kinds
from edge.tunnel.method import Method
from edge.tunnel.tunnel import Tunnel
from server.tunnel import frames as core
from tests.unit.edge.tunnel.test_tunnel import Stream, opened, settle

NAME = "/perpetuo.v1.CompletionsService/CreateRawChatCompletion"
METADATA = (("authorization", "Bearer x"),)
TOLD = (("x-request-id", "req_1"),)


class Plain:
    """Makes calls the plain way, with messages."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.cancelled = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    def __call__(self, request: Any, *, metadata: Any) -> "Plain":
        self.requests.append((request, metadata))
        return self

    def __await__(self) -> Any:
        return self._answer().__await__()

    async def _answer(self) -> Any:
        await self.may_answer.wait()
        return completions_pb2.CreateRawChatCompletionResponse(body=httpbody_pb2.HttpBody(data=b"plain"))

    async def initial_metadata(self) -> Any:
        return TOLD

    def cancel(self) -> bool:
        self.cancelled += 1
        return True


@asynccontextmanager
async def stage() -> AsyncIterator[tuple[DirectMethod, Plain, Stream, list[Tunnel | None]]]:
    async with opened((core.HELLO, core.VERSION, 2, 1000, 64_000)) as (tunnel, stream):
        plain, now = Plain(), [tunnel]
        method = Method(NAME, (None, None), plain, (10_000, 100_000), is_stream=False)
        yield DirectMethod(method, lambda: now[0], Kinds(NAME)), plain, stream, now  # type: ignore[misc]


def ask(direct: DirectMethod, prepared: Any, body: bytes = b"{}") -> tuple[Any, "asyncio.Task[Any]"]:
    """A call and the task that waits for it."""
    task: Any = asyncio.current_task()
    _, call = direct.start(task, prepared, body)
    return call, asyncio.ensure_future(call.served)


async def test_a_head_is_sent_once() -> None:
    async with stage() as (direct, _, stream, _):
        for prepared in [direct.prepare(METADATA)] * 2 + [direct.prepare(METADATA)]:
            call, task = ask(direct, prepared)
            await settle()
            stream.told.put_nowait([(core.BODY, call.id, ("x-request-id",), ("req_1",), True, b"answer")])
            answer = await task
            assert (answer.body, answer.metadata, answer.is_text) == (b"answer", TOLD, True)
        heads = [frame for batch in stream.batches for frame in batch if isinstance(frame, core.Head)]
        assert heads == [core.Head(0, NAME, METADATA)]


async def test_heads_that_are_too_many_are_forgotten_by_both() -> None:
    async with stage() as (_, _, stream, now):
        tunnel = now[0]
        assert tunnel is not None
        first = tunnel.heads
        ids = [tunnel.introduce(NAME, (("n", str(number)),)) for number in range(core.MAX_HEADS + 1)]
        assert (ids[-1], tunnel.heads is first, len(tunnel.heads)) == (core.MAX_HEADS, False, 1)
        await settle()
        kinds = [type(frame) for batch in stream.batches for frame in batch]
        assert kinds.index(core.ForgetHeads) == core.MAX_HEADS


async def test_a_status_is_raised_with_all_that_came() -> None:
    async with stage() as (direct, _, stream, _):
        call, task = ask(direct, direct.prepare(METADATA))
        await settle()
        stream.told.put_nowait([(core.END, call.id, 8, "much", TOLD, (("d-bin", b"x"),))])
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await task
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert list(caught.value.trailing_metadata() or ()) == [("d-bin", b"x")]


async def test_an_answer_in_pieces_makes_room_for_the_next() -> None:
    async with stage() as (direct, _, stream, _):
        call, task = ask(direct, direct.prepare(METADATA))
        await settle()
        stream.told.put_nowait([(core.PIECE, call.id, b"a" * 32_000, False), (core.PIECE, call.id, b"b", True)])
        stream.told.put_nowait([(core.END, call.id, 0, "", TOLD, ())])
        answer = await task
        assert (answer.body, answer.metadata) == (b"a" * 32_000 + b"b", TOLD)
        await settle()
        assert core.Credit(call.id, 32_032) in [frame for batch in stream.batches for frame in batch]


async def test_an_answer_that_is_too_large_is_given_up() -> None:
    async with stage() as (direct, _, stream, _):
        call, task = ask(direct, direct.prepare(METADATA))
        await settle()
        stream.told.put_nowait([(core.PIECE, call.id, b"a" * 60_000, False)] * 2)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await task
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        await settle()
        assert core.Cancel(call.id) in [frame for batch in stream.batches for frame in batch]


@pytest.mark.parametrize("by_call", [True, False], ids=["by its client", "by a server that stops"])
async def test_cancelling_reaches_the_core(by_call: bool) -> None:
    async with stage() as (direct, _, stream, _):
        call, task = ask(direct, direct.prepare(METADATA))
        await settle()
        if by_call:
            assert (call.cancel(), call.cancel()) == (True, False)
        else:
            task.cancel()
        await asyncio.wait([task])
        assert (task.cancelled(), call.is_gone) == (True, by_call)
        await settle()
        assert stream.batches[-1] == [core.Cancel(call.id)]


async def test_a_tunnel_that_breaks_is_a_core_that_is_away() -> None:
    async with stage() as (direct, plain, stream, _):
        _, task = ask(direct, direct.prepare(METADATA))
        await settle()
        stream.told.put_nowait(None)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await task
        assert (caught.value.code(), plain.requests) == (grpc.StatusCode.UNAVAILABLE, [])


@pytest.mark.parametrize("is_for_good", [True, False])
async def test_what_the_core_does_not_begin_goes_the_plain_way(is_for_good: bool) -> None:
    async with stage() as (direct, plain, stream, _):
        call, task = ask(direct, direct.prepare(METADATA), b"{1}")
        await settle()
        stream.told.put_nowait([(core.REFUSED, call.id, is_for_good)])
        answer = await task
        assert (answer.body, answer.metadata) == (b"plain", TOLD)
        (request, metadata) = plain.requests[0]
        assert (request.body.data, request.body.content_type, metadata) == (b"{1}", "application/json", METADATA)
        assert (direct.prepare(METADATA) is None) is is_for_good


async def test_without_a_tunnel_a_call_goes_the_plain_way() -> None:
    async with stage() as (direct, plain, _, now):
        prepared = direct.prepare(METADATA)
        now[0] = None
        assert direct.prepare(METADATA) is None
        _, task = ask(direct, prepared)
        assert (await task).body == b"plain"
        plain.may_answer.clear()
        call, task = ask(direct, prepared)
        await settle()
        assert call.cancel()
        task.cancel()
        await asyncio.wait([task])
        assert call.is_gone


@pytest.mark.parametrize("name", ["/nothing.Nowhere/Do", "/perpetuo.v1.CompletionsService/CreateChatCompletion"])
def test_methods_without_raw_bodies_are_called_with_messages(name: str) -> None:
    with pytest.raises(ValueError, match=r"raw body|not known"):
        Kinds(name)
